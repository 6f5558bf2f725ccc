"""`crm` in sequences/workspace.yaml: what the CRM may say of leads, and how it says it."""

from collections.abc import Collection

from sequencer.core.crm import TRUTHS, Crm, Truth
from sequencer.core.lead import BUILT_IN
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, as_map, as_text

WRITABLE = tuple(sorted(BUILT_IN - {"email", "zone"}))
"""Built-in fields that the CRM may say."""


def read_crm(block: Map | None, stages: Collection[str], fields: Collection[str], where: str) -> Crm | None:
    """None where it is not declared. `where`: the file that declares stages and fields."""
    if block is None:
        return None
    return Crm(dict(_truth(block, fields, where)), dict(_stages(block, stages, where)))


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
