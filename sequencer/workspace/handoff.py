"""`handoff` of sequences/signals.yaml: how leads that become ready are handed to sales."""

from sequencer.core.handoff_policy import TURNS, Decline, HandoffPolicy, Turn, Within
from sequencer.core.signals import SalesReady
from sequencer.core.target_call import FORMS, SYSTEMS, Form, HandoffTarget
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Node, Text, as_map, as_text, as_texts
from sequencer.workspace.settings import WORKSPACE_FILE, read_labelled, read_webhook
from sequencer.workspace.steps import HANDOFF_STAGE


def read_handoff(root: Map, workspace: Workspace, ready: SalesReady | None) -> HandoffPolicy | None:
    """None where it is not declared."""
    block = as_map(root.take("handoff"), "keys, as `accept_within: 4 business hours`")
    if block is None:
        return None
    block.expect("sales_handoff")
    if ready is None and "sales_ready" not in root.entries:
        message = "nobody is handed off where nobody becomes ready: declare `sales_ready`, or remove this"
        block.problems.error(root.entries["handoff"].mark, "missing-key", message)
    default = HandoffPolicy(HANDOFF_STAGE if HANDOFF_STAGE in workspace.stages else None)
    stage = values.declared(block.text("stage"), workspace.stages, "stage", WORKSPACE_FILE)
    declines = dict(_declines(block, workspace))
    return HandoffPolicy(
        stage=stage or default.stage,
        accept_within=values.parsed(block.text("accept_within"), Within.parse, "bad-duration"),
        then=_turns(block) if "then" in block.entries else default.then,
        declines=declines or default.declines,
        accept_status=_status(block.text("accept_status"), workspace),
        return_status=_status(block.text("return_status"), workspace),
        targets=dict(_targets(block)),
        say=dict(_say(block, ready)),
    )


def _turns(block: Map) -> tuple[Turn, ...]:
    texts = as_texts(block.take("then"), "a list, as `[remind, reassign, return_to_nurture]`")
    chosen = [values.choice(text, TURNS) for text in texts]
    return tuple(turn for one in chosen for turn in TURNS if turn == one)


def _declines(block: Map, workspace: Workspace) -> list[tuple[str, Decline]]:
    found = []
    named = as_map(block.take("decline"), "names with a label each, as `not-now: Not now`")
    for name, node in named.items() if named is not None else ():
        if values.identifier(name, "a reason") is not None:
            found.append((name.value, _decline(name, node, workspace)))
    return found


def _decline(name: Text, node: Node, workspace: Workspace) -> Decline:
    label, block = read_labelled(name, node, "status", "decline", "Not now")
    return Decline(name.value, label, _status(block.text("status"), workspace) if block is not None else None)


def _status(text: Text | None, workspace: Workspace) -> str | None:
    if text is None or not workspace.statuses:
        return text.value if text is not None else None
    return values.choice(text, workspace.statuses)


def _targets(block: Map) -> list[tuple[str, HandoffTarget]]:
    found = []
    named = as_map(block.take("targets"), "names with an address each, as `team: {slack: https://…}`")
    for name, node in named.items() if named is not None else ():
        keys = as_map(node, "`slack` or `webhook` with an address, or `crm`")
        if keys is None or values.identifier(name, "a target") is None:
            continue
        keys.expect("target")
        forms: list[Form] = [form for form in FORMS if form in keys.entries]
        if len(forms) != 1:
            name.wrong("bad-value", f"expected `slack`, `webhook` or `crm` for {name.got}, got {len(forms)} of them")
            continue
        if forms == ["crm"]:
            system = values.choice(keys.text("crm"), SYSTEMS)
            if system is not None:
                found.append((name.value, HandoffTarget(name.value, "crm", "", system)))
            continue
        url = read_webhook(keys, forms[0])
        if url is not None:
            found.append((name.value, HandoffTarget(name.value, forms[0], url)))
    return found


def _say(block: Map, ready: SalesReady | None) -> list[tuple[str, str]]:
    found = []
    named = as_map(block.take("say"), "reasons with a sentence each, as `price: Ask how many people would use it`")
    known = tuple(ready.reasons) if ready is not None else ()
    for name, node in named.items() if named is not None else ():
        text = as_text(node, "a sentence")
        if values.choice(name, known) is not None and text is not None:
            found.append((name.value, text.value))
    return found
