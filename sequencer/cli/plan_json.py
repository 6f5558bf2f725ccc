"""A plan for scripts."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from sequencer.core.plan import Plan


def as_object(plan: Plan) -> dict[str, Any]:
    """Everything that is known; `changes` says whether there is anything."""
    return {**_plain(plan), "changes": bool(plan.edit), "people": plan.people}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
