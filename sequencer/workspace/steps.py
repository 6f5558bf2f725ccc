"""The steps of a sequence: each item of `steps`, `then` and `else`, read into what the engine walks."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from sequencer.core.condition import Condition
from sequencer.core.duration import Duration
from sequencer.core.enrollment import OUTCOMES
from sequencer.core.field import Field
from sequencer.core.mark import Mark
from sequencer.core.sequence import (
    DONE_BY,
    Arm,
    Branch,
    Choose,
    Email,
    Exit,
    Handoff,
    Set,
    Split,
    Start,
    Step,
    Task,
    Tell,
    Wait,
)
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.keys import STEP_KINDS
from sequencer.workspace.mails import read_content, read_on_unknown, read_review, read_rounds, read_thread
from sequencer.workspace.nodes import (
    Map,
    Node,
    Text,
    as_items,
    as_map,
    as_names,
    as_text,
    did_you_mean,
    listed,
    shown,
)
from sequencer.workspace.surroundings import Surroundings, last_name
from sequencer.workspace.waits import read_wait

HANDOFF_STAGE: Final = "sql"
"""Where a handoff moves the lead unless it names a stage: sales-qualified."""

EXAMPLES: Final = {
    "email": "id: proof",
    "tell": "id: tell-rep",
    "task": "id: first-call",
    "set": "id: park",
    "handoff": "id: to-sales",
    "start": "id: go-on",
    "exit": "id: leave",
    "series": "id: articles",
    "if": "id: looked-at-price",
    "choose": "id: track",
    "test": "id: objections",
}


def read_arm(node: Node | None, name: str, around: Surroundings) -> Arm:
    """A run of steps. Waits belong to the step that follows them, the last ones to the arm's end."""
    steps: list[Step] = []
    waits: list[Wait] = []
    named: dict[str, int] = {}
    for item in as_items(node, "a list of steps, each beginning with `- `"):
        block = as_map(item, "a step, as `- email: sales/pricing`")
        kind = step_kind(block) if block else None
        if block is None or kind is None:
            continue
        block.expect(f"step: {kind}")
        if kind == "wait":
            if (text := block.text("id")) is not None and check_name(text, "a wait's id", around):
                named[text.value] = len(steps)
            # One that cannot be read is none that was forgotten.
            waits.append(read_wait(block, around) or Duration(1, "day"))
            continue
        step = read_step(block, kind, tuple(waits), around)
        if step is not None:
            steps.append(step)
            waits = []
    return Arm(name, tuple(steps), tuple(waits), named)


def step_kind(block: Map) -> str | None:
    kinds = [key for key in block.entries if key in STEP_KINDS]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        message = f"expected one thing a step, got {listed(kinds)}: begin each with `- ` on a line of its own"
        block.problems.error(block.entries[kinds[1]].mark, "bad-step", message)
        return None
    first = next(iter(block.entries), "")
    hint = did_you_mean(first, STEP_KINDS)
    if block.entries.keys() & {"then", "else"}:
        hint = ": `then` and `else` need an `if` beside them"
    message = f"expected a step with one of {listed(STEP_KINDS)}, got {block.got}{hint}"
    block.problems.error(block.mark, "bad-step", message)
    return None


def read_step(block: Map, kind: str, waits: tuple[Wait, ...], around: Surroundings) -> Step | None:
    """A step of that kind; None (and a problem) when it cannot be told what was meant."""
    mark = block.entries[kind].mark
    step_id = read_id(block, kind, around)
    unless = around.condition(block.text("unless"))
    match kind:
        case "email":
            content, pick = read_content(block, around)
            resend_after = read_on_unknown(block)
            thread = read_thread(block, step_id, around)
            review = read_review(block)
            if not content and pick is None:
                return None
            return Email(step_id, mark, waits, content or "", resend_after, unless, pick, thread, review)
        case "series":
            return read_rounds(block, step_id, mark, waits, around)
        case "if":
            return read_branch(block, step_id, mark, waits, around)
        case "choose":
            return read_choose(block, step_id, mark, waits, around)
        case "test":
            return read_split(block, step_id, mark, waits, around)
        case "tell":
            values.choice(block.text("tell"), ("owner",))
            return Tell(step_id, mark, waits, read_note(block, around, needed=True), unless)
        case "task":
            return read_task(block, step_id, mark, waits, unless, around)
        case "set":
            return Set(step_id, mark, waits, read_values(block, around), unless)
        case "handoff":
            stage = read_handoff_stage(block, around)
            return Handoff(step_id, mark, waits, stage, read_note(block, around, needed=False), unless)
        case "start":
            return Start(step_id, mark, waits, read_start(block, around) or "", unless)
    reason = block.text("exit")
    return Exit(step_id, mark, waits, (values.identifier(reason, "a reason") if reason else None) or "", unless)


def read_id(block: Map, kind: str, around: Surroundings) -> str:
    """The step's id: the first name that it ever had. What is wrong with its names is reported."""
    name = read_name(block, kind, around)
    read_was(block, name, around)
    return around.names.key(name)


def read_was(block: Map, name: str, around: Surroundings) -> None:
    """Reports former names that cannot be any."""
    for text in as_names(block.take("was")):
        if values.identifier(text, "a name that the step had before") is None:
            continue
        first = around.given_up.setdefault(text.value, text.mark)
        if text.value == name:
            text.wrong("bad-was", f"the step is called {text.got} now: expected only names that it had before")
        elif text.value in around.names.steps:
            message = f"{text.got} is a step of this sequence still: a step can take its place, but not its name"
            text.wrong("bad-was", message)
        elif first is not text.mark:
            message = f"line {first.line} says already what {text.got} is called now: no two steps were one before"
            text.wrong("bad-was", message)


def read_name(block: Map, kind: str, around: Surroundings) -> str:
    """What the step is called, given or (for mails) taken from the content."""
    text = block.text("id")
    content = block.entries[kind].node if kind == "email" else None
    if text is None and content is not None and not isinstance(content, Map):
        if not isinstance(content, Text) or not content.value:
            return ""
        text = replace(content, value=last_name(content.value))
    if text is None:
        if "id" not in block.entries:
            message = f"expected an `id` for this step, unique in this file and never reused, as `{EXAMPLES[kind]}`"
            around.problems.error(block.mark, "missing-id", message)
        return ""
    check_name(text, "a step's id", around)
    return text.value


def check_name(text: Text, what: str, around: Surroundings) -> bool:
    """Whether it is a name that nothing else in the file has; reported when it is not."""
    if values.identifier(text, what) is None:
        return False
    first = around.ids.setdefault(text.value, text.mark)
    if first is not text.mark:
        message = f"the step {shown(text.value)} stands on line {first.line} already: give this one an `id` of its own"
        around.problems.error(text.mark, "duplicate-id", message)
    return first is text.mark


def read_branch(block: Map, step_id: str, mark: Mark, waits: tuple[Wait, ...], around: Surroundings) -> Branch | None:
    condition = around.condition(block.text("if"))
    given = block.text("within")
    within = values.duration(given)
    if given is not None and within is None:
        within = Duration(1, "day")  # so that what follows is checked as something waited for
    if "then" not in block.entries and "else" not in block.entries:
        around.problems.error(mark, "missing-key", "expected `then`, `else` or both below this `if`")
    then = read_arm(block.take("then"), "then", around)
    otherwise = read_arm(block.take("else"), "else", around)
    if condition is None:
        return None
    return Branch(step_id, mark, waits, condition, within, (then, otherwise))


def read_choose(block: Map, step_id: str, mark: Mark, waits: tuple[Wait, ...], around: Surroundings) -> Choose | None:
    """None when a condition cannot be read: who would be led astray by the rest?"""
    arms: list[Arm] = []
    conditions: list[Condition | None] = []
    otherwise: Arm | None = None
    for name, arm in named_arms(block, "choose", "arms with `if` and `steps`, and `otherwise` with `steps`"):
        if otherwise is not None:
            name.wrong("bad-arm", "`otherwise` is taken when nothing else is: expected it to be the last arm")
        if name.value == "otherwise":
            arm.expect("arm: otherwise")
            otherwise = read_arm(arm.need("steps", "[{email: sales/faq}]"), "otherwise", around)
            continue
        arm.expect("arm: choose")
        conditions.append(around.condition(arm.need_text("if", 'has(lead.pains, "cost")')))
        arms.append(read_arm(arm.need("steps", "[{email: sales/faq}]"), name.value, around))
    found = tuple(condition for condition in conditions if condition is not None)
    if not conditions:
        around.problems.error(mark, "bad-arm", "expected at least one arm with `if` and `steps` below `choose`")
    if not found or len(found) < len(conditions):
        return None
    return Choose(step_id, mark, waits, found, (*arms, otherwise or Arm("otherwise", ())))


def read_split(block: Map, step_id: str, mark: Mark, waits: tuple[Wait, ...], around: Surroundings) -> Split | None:
    arms: list[Arm] = []
    shares: list[int | None] = []
    for name, arm in named_arms(block, "test", "arms with `share` and `steps`"):
        arm.expect("arm: test")
        shares.append(values.percent(arm.need_text("share", "50")))
        arms.append(read_arm(arm.need("steps", "[{email: sales/faq}]"), name.value, around))
    found = tuple(share for share in shares if share is not None)
    if len(found) < len(shares):
        return None
    if len(arms) < 2 or sum(found) != 100:
        got = f"{sum(found)}" if len(arms) > 1 else listed(arm.name for arm in arms)
        around.problems.error(mark, "bad-shares", f"expected at least two arms whose shares sum to 100, got {got}")
        return None
    return Split(step_id, mark, waits, found, tuple(arms))


def named_arms(block: Map, key: str, expected: str) -> Iterator[tuple[Text, Map]]:
    """The arms of a fork by name. A name that could be mistaken for the outcome of a step is reported."""
    node = as_map(block.take(key), expected)
    for name, held in node.items() if node is not None else ():
        arm = as_map(held, f"an arm: {expected}")
        if values.identifier(name, "an arm's name") is not None and name.value in OUTCOMES:
            name.wrong("bad-arm", f"{name.got} means something else in a lead's history: choose another name")
        if arm is not None:
            yield name, arm


def read_note(block: Map, around: Surroundings, needed: bool) -> str:
    text = block.need_text("note", "Opened the price calculator") if needed else block.text("note")
    if text is None:
        return ""
    around.problems.extend(around.check_note(text.value, text.start))
    return text.value


def read_task(
    block: Map,
    step_id: str,
    mark: Mark,
    waits: tuple[Wait, ...],
    unless: Condition | None,
    around: Surroundings,
) -> Task | None:
    kind = values.choice(block.text("task"), DONE_BY)
    note = read_note(block, around, needed=False)
    due = values.duration(block.need_text("due", "1 business day"))
    hold = bool(values.flag(block.text("hold")))
    return Task(step_id, mark, waits, kind, note, due, hold, unless) if kind is not None and due is not None else None


def read_values(block: Map, around: Surroundings) -> Mapping[str, object]:
    """`set`: values by field, each of the field's type."""
    node = as_map(block.take("set"), "fields with their values, as `{status: idle}`")
    known = settable(around.workspace)
    found: dict[str, object] = {}
    for name, value in node.items() if node else ():
        if values.declared(name, known, "field", "sequences/workspace.yaml") is None:
            continue
        read = values.field_value(value, known[name.value])
        if read is not None:
            found[name.value] = read
    if node is not None and not node.entries:
        node.problems.error(node.mark, "bad-value", "expected at least one field with its value, as `{status: idle}`")
    return found


def settable(workspace: Workspace) -> Mapping[str, Field]:
    """The fields that a step may write: stage, status, and all that are declared."""
    stage = Field("stage", "one_of", workspace.stages)
    status = Field("status", "one_of", tuple(workspace.statuses)) if workspace.statuses else Field("status", "text")
    return {"stage": stage, "status": status, **workspace.fields}


def read_handoff_stage(block: Map, around: Surroundings) -> str:
    stages = around.workspace.stages
    node = block.take("handoff")
    if isinstance(node, Map):
        node.expect("handoff")
        text = node.need_text("stage", HANDOFF_STAGE)
        return values.declared(text, stages, "stage", "sequences/workspace.yaml") or ""
    text = as_text(node, "`owner`, or `{stage: sql}`")
    if text is None:
        return ""
    if text.value in stages:
        text.bad(f"`handoff: owner`, or to name the stage `handoff: {{stage: {text.value}}}`")
        return text.value
    if values.choice(text, ("owner",)) is None:
        return ""
    if HANDOFF_STAGE not in stages:
        text.wrong(
            "unknown-stage", f"no stage `{HANDOFF_STAGE}` is declared: write `handoff: {{stage: …}}` with one that is"
        )
    return HANDOFF_STAGE


def read_start(block: Map, around: Surroundings) -> str | None:
    text = block.text("start")
    name = values.declared(text, around.sequences, "sequence", "the folder sequences/")
    if text is not None and name == around.sequence:
        text.wrong("starts-itself", "a sequence cannot start itself: use `again` below `enroll`")
        return None
    return name
