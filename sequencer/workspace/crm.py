"""`crm` in sequences/workspace.yaml: what the CRM may say of leads, and how it says it."""

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sequencer.core import event as kinds
from sequencer.core.crm import SIGNED, TRUTHS, WRITTEN, Conditions, Crm, CrmSource, Path, Truth, WriteBack
from sequencer.core.crm_ready import READY, path
from sequencer.core.lead import BUILT_IN
from sequencer.core.target_call import SYSTEMS
from sequencer.workspace import values
from sequencer.workspace.nodes import Items, Map, Node, Text, as_map, as_text, as_texts
from sequencer.workspace.words import PATH

WRITABLE: Final = tuple(sorted(BUILT_IN - {"email", "zone"}))
"""Built-in fields that the CRM may say."""
_OURS: Final = kinds.BUILT_IN - {kinds.UNSUBSCRIBED}
SHORTEST: Final = timedelta(minutes=10)
"""Between two times that a contact is written to."""
_PLACES: Final = ("each", "email", "contact", "key", "at", "rep", "note")


def read_crm(block: Map | None, stages: Collection[str], fields: Collection[str], where: str) -> Crm | None:
    """None where it is not declared. `where`: the file that declares stages and fields."""
    if block is None:
        return None
    return Crm(
        dict(_truth(block, fields, where)),
        dict(_stages(block, stages, where)),
        {source.name: source for source in _webhooks(block, fields, where)},
        _write_back(block),
    )


def _truth(block: Map, fields: Collection[str], where: str) -> list[tuple[str, Truth]]:
    found: list[tuple[str, Truth]] = []
    named = as_map(block.take("truth"), "fields with `crm` or `ours` each, as `stage: crm`")
    for name, node in named.items() if named is not None else ():
        field = values.declared(name, [*WRITABLE, *fields], "field", where)
        side = values.choice(as_text(node, "`crm` or `ours`"), TRUTHS)
        if field is not None and side is not None:
            found.append((field, "crm" if side == "crm" else "ours"))
    return found


def _stages(block: Map, stages: Collection[str], where: str) -> list[tuple[str, str]]:
    found = []
    named = as_map(block.take("stages"), "the CRM's names with a stage each, as `Closed Won: customer`")
    for name, node in named.items() if named is not None else ():
        stage = values.declared(as_text(node, "one of our stages"), stages, "stage", where)
        if stage is not None:
            found.append((name.value, stage))
    return found


def _webhooks(block: Map, fields: Collection[str], where: str) -> list[CrmSource]:
    found = []
    named = as_map(block.take("webhooks"), "names with a mapping each, as `hubspot: {like: hubspot}`")
    for name, node in named.items() if named is not None else ():
        keys = as_map(node, "`like`, or `signed` with `email`, `events` and `fields`")
        if keys is None or values.identifier(name, "a webhook") is None:
            continue
        keys.expect("crm.webhook")
        found.append(_webhook(name, keys, fields, where))
    return found


def _webhook(name: Text, keys: Map, fields: Collection[str], where: str) -> CrmSource:
    like = values.choice(keys.text("like"), READY)
    base = READY[like] if like is not None else CrmSource(name.value, name.value)
    signed = values.choice(keys.text("signed"), SIGNED)
    said: dict[str, Any] = {"name": name.value, "signed": signed or base.signed}
    said |= {key: found for key in _PLACES if (found := _path(keys.text(key))) is not None}
    if "only" in keys.entries:
        said["only"] = _conditions(keys.take("only"))
    if "events" in keys.entries:
        said["events"] = dict(_events(keys))
    if "fields" in keys.entries:
        said["fields"] = dict(_fields(keys, fields, where))
    if "once" in keys.entries:
        said["once"] = dict(_once(keys, said.get("events", base.events)))
    if (block := as_map(keys.take("property"), "`name` and `value`")) is not None:
        block.expect("crm.property")
        places = _path(block.need_text("name", "propertyName")), _path(block.need_text("value", "propertyValue"))
        said["property"] = places if None not in places else None
    source = replace(base, **said)
    if like is None and "like" not in keys.entries:
        if signed is None:
            keys.need("signed", "standard")
        if source.email is None and source.contact is None:
            keys.need("email", "contact.email")
        if not source.events and not source.fields:
            keys.need("events", "{deal_won: {status: won}}")
    return source


def _path(text: Text | None) -> Path | None:
    if text is None:
        return None
    if re.search(PATH.pattern, text.value):
        return path(text.value)
    text.bad(PATH.expected)
    return None


def _conditions(node: Node | None) -> Conditions:
    found = {}
    named = as_map(node, "paths with a text each, as `status: won`")
    for name, held in named.items() if named is not None else ():
        texts = as_texts(held, "a list of texts") if isinstance(held, Items) else (as_text(held, "a text"),)
        place = _path(name)
        if place is not None:
            found[place] = tuple(text.value for text in texts if text is not None)
    return found


def _events(keys: Map) -> list[tuple[str, Conditions]]:
    found = []
    named = as_map(keys.take("events"), "our events with conditions each, as `deal_won: {status: won}`")
    for name, node in named.items() if named is not None else ():
        if not values.SNAKE.fullmatch(name.value):
            name.bad("an event's name in small letters, digits and underscores, as `deal_won`", "bad-id")
        elif name.value in _OURS:
            name.wrong("bad-value", f"{name.got} is known from the email provider or made here: a CRM does not tell it")
        else:
            found.append((name.value, _conditions(node)))
    return found


def _fields(keys: Map, fields: Collection[str], where: str) -> list[tuple[str, Path]]:
    found = []
    named = as_map(keys.take("fields"), "our fields with a path each, as `stage: contact.stage`")
    for name, node in named.items() if named is not None else ():
        field = values.declared(name, [*WRITABLE, *fields], "field", where)
        place = _path(as_text(node, "a path"))
        if field is not None and place is not None:
            found.append((field, place))
    return found


def _once(keys: Map, events: Collection[str]) -> list[tuple[str, Path]]:
    found = []
    named = as_map(keys.take("once"), "events with a path each, as `call_logged: activity.id`")
    for name, node in named.items() if named is not None else ():
        place = _path(as_text(node, "a path"))
        if name.value not in events:
            name.wrong("bad-value", f"expected one of `events`, got {name.got}")
        elif place is not None:
            found.append((name.value, place))
    return found


def _write_back(block: Map) -> WriteBack | None:
    keys = as_map(block.take("write_back"), "`to`, `every` and `fields`")
    if keys is None:
        return None
    keys.expect("crm.write_back")
    to = values.choice(keys.need_text("to", "hubspot"), SYSTEMS)
    text = keys.text("every")
    every = values.duration(text)
    if text is not None and every is not None and (every.unit == "business day" or every.elapsed < SHORTEST):
        text.bad("10 minutes or more, as `1 hour`", "bad-duration")
    named = as_map(keys.need("fields", "{step: sequencer_step}"), "what is told, as `step: sequencer_step`")
    if named is None or to is None:
        return None
    named.expect("crm.written")
    told = {name: text.value for name in WRITTEN if (text := named.text(name)) is not None}
    if not told and not named.entries:
        named.problems.error(named.mark, "missing-key", f"expected at least one of {', '.join(WRITTEN)}")
    return WriteBack(to, told, every.elapsed) if every is not None else WriteBack(to, told)
