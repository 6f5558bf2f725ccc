"""The steps of a sequence: each item of `steps`, `then` and `else`, read into what the engine walks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal, TypeGuard

from sequencer.core.condition import Condition, ConditionProblems, Names, compile_condition
from sequencer.core.condition_truth import always
from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.engine import GIVEN_UP
from sequencer.core.enrollment import OUTCOMES
from sequencer.core.field import Field
from sequencer.core.mark import Mark, Problem
from sequencer.core.schedule import WEEKDAYS, Every, Until, UntilDate
from sequencer.core.sequence import (
    Arm,
    Branch,
    Candidate,
    Choose,
    Email,
    Exit,
    Handoff,
    Pick,
    Rounds,
    Set,
    Split,
    Start,
    Step,
    Tell,
    Wait,
)
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.keys import LATER, STEP_KINDS
from sequencer.workspace.nodes import (
    Items,
    Map,
    Node,
    Problems,
    Text,
    as_items,
    as_map,
    as_text,
    as_texts,
    did_you_mean,
    listed,
    shown,
)

CheckNote = Callable[[str, Mark], tuple[Problem, ...]]
"""What is wrong with a note's template, given where its first character stands."""

HANDOFF_STAGE: Final = "sql"
"""Where a handoff moves the lead unless it names a stage: sales-qualified."""

EXAMPLES: Final = {
    "email": "id: proof",
    "tell": "id: tell-rep",
    "set": "id: park",
    "handoff": "id: to-sales",
    "start": "id: go-on",
    "exit": "id: leave",
    "series": "id: articles",
    "if": "id: looked-at-price",
    "choose": "id: track",
    "test": "id: objections",
}


TAGS: Final = ("stage", "pains", "industry", "role")
"""What content may be tagged with, to say whom it is for."""

SOONEST_RESEND: Final = timedelta(hours=1)
"""Before that, hourly proof that webhooks come through cannot exist."""


@dataclass(frozen=True)
class Surroundings:
    """What the steps of one sequence may name: all that reading them depends on."""

    sequence: str
    workspace: Workspace
    sequences: frozenset[str]
    contents: frozenset[str]
    candidates: Mapping[str, tuple[Candidate, ...]]
    """What may be picked, by kind."""
    names: Names
    check_note: CheckNote = field(compare=False)
    problems: Problems = field(compare=False)
    ids: dict[str, Mark] = field(default_factory=dict, compare=False)
    """The ids given so far, and where."""

    def condition(self, text: Text | None, scope: Literal["enrollment", "ever"] = "enrollment") -> Condition | None:
        if text is None:
            return None
        names = replace(self.names, scope=scope)
        try:
            condition = compile_condition(text.value, text.start, names)
        except ConditionProblems as wrong:
            self.problems.extend(wrong.problems)
            return None
        self._warn_of_the_same(condition, names)
        return condition

    def _warn_of_the_same(self, condition: Condition, names: Names) -> None:
        match always(condition, names):
            case True:
                message = (
                    "this is true of every lead, so it decides nothing: take it out, or ask for something that differs"
                )
                self.problems.warning(condition.mark, "always-true", message)
            case False:
                message = "no lead could ever fit this: see whether `or` is meant, or another value, or take it out"
                self.problems.warning(condition.mark, "always-false", message)


def named_steps(node: Node | None) -> Iterator[tuple[str, str | None]]:
    """Every step's id with the content that it mails, before anything is checked: conditions may name later steps."""
    for item in node.items if isinstance(node, Items) else ():
        if not isinstance(item, Map):
            continue
        held = {key: entry.node for key, entry in item.entries.items()}
        content, given = held.get("email"), held.get("id")
        mailed = content.value if isinstance(content, Text) else None
        if isinstance(content, Map):
            kind = content.entries.get("pick")
            mailed = picked_of(kind.node.value if kind is not None and isinstance(kind.node, Text) else "")
        if isinstance(given, Text):
            yield given.value, mailed
        elif mailed is not None:
            yield last_name(mailed), mailed
        yield from named_steps(held.get("then"))
        yield from named_steps(held.get("else"))
        for fork in (held.get("choose"), held.get("test")):
            for arm in fork.entries.values() if isinstance(fork, Map) else ():
                yield from named_steps(arm.node.entries["steps"].node if _has_steps(arm.node) else None)


def _has_steps(node: Node) -> TypeGuard[Map]:
    return isinstance(node, Map) and "steps" in node.entries


def picked_of(kind: str) -> str:
    """Stands for whatever content of that kind a step mails, where its links are asked for."""
    return f"pick: {kind}"


def last_name(content: str) -> str:
    """A mail's id unless it has one of its own: `pricing` of `sales/pricing`."""
    return content.rpartition("/")[2]


def read_arm(node: Node | None, name: str, around: Surroundings) -> Arm:
    """A run of steps. Waits belong to the step that follows them, the last ones to the arm's end."""
    steps: list[Step] = []
    waits: list[Wait] = []
    for item in as_items(node, "a list of steps, each beginning with `- `"):
        block = as_map(item, "a step, as `- email: sales/pricing`")
        kind = step_kind(block) if block else None
        if block is None or kind is None:
            continue
        block.expect(f"step: {kind}")
        if kind == "wait":
            wait = read_wait(block, around)
            if wait is not None:
                waits.append(wait)
            continue
        step = read_step(block, kind, tuple(waits), around)
        if step is not None:
            steps.append(step)
            waits = []
    return Arm(name, tuple(steps), tuple(waits))


def step_kind(block: Map) -> str | None:
    kinds = [key for key in block.entries if key in STEP_KINDS]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        message = f"expected one thing a step, got {listed(kinds)}: begin each with `- ` on a line of its own"
        block.problems.error(block.entries[kinds[1]].mark, "bad-step", message)
        return None
    for key, entry in block.entries.items():
        if key in LATER["step"]:
            block.problems.error(entry.mark, "not-in-this-version", f"`{key}` steps are not in this version: remove it")
            return None
    first = next(iter(block.entries), "")
    hint = did_you_mean(first, STEP_KINDS)
    message = f"expected a step with one of {listed(STEP_KINDS)}, got {block.got}{hint}"
    block.problems.error(block.mark, "bad-step", message)
    return None


def read_wait(block: Map, around: Surroundings) -> Wait | None:
    node = block.take("wait")
    if isinstance(node, Map):
        return read_date_wait(node, around)
    text = as_text(node, "a duration as `3 days`, or `until tue 10:00`")
    if text is None:
        return None
    word, _, rest = text.value.partition(" ")
    if word != "until":
        return values.duration(text)
    if " before " in rest or (values.SNAKE.fullmatch(rest) and rest not in WEEKDAYS):
        date = read_date(text, rest, around)
        return UntilDate(*date) if date is not None else None
    return values.parsed(text, lambda _: Until.parse(rest))


def read_date_wait(block: Map, around: Surroundings) -> Wait | None:
    """`wait` with keys: until a date of the lead, and what to do without one."""
    block.expect("wait")
    until = block.need_text("until", "30 days before renewal_date")
    unknown = block.text("unknown")
    wait = None if unknown is None or unknown.value == "skip" else values.duration(unknown)
    past = values.choice(block.text("past"), ("go on", "skip"))
    date = read_date(until, until.value, around) if until is not None else None
    return UntilDate(*date, wait, past == "go on") if date is not None else None


def read_date(text: Text, written: str, around: Surroundings) -> tuple[str, Duration | None] | None:
    """A date field, and how long before it: `30 days before renewal_date`."""
    span, before, name = written.rpartition(" before ")
    dates = [field.name for field in around.workspace.fields.values() if field.type == "date"]
    if name not in dates:
        hint = did_you_mean(name, dates) or f": workspace.yaml declares {listed(dates)} as dates"
        text.wrong("unknown-field", f"there is no date {shown(name)} of the lead{hint}")
        return None
    if not before:
        return name, None
    earlier = values.parsed(text, lambda _: Duration.parse(span), "bad-duration")
    if earlier is not None and earlier.unit not in ("day", "week"):
        text.bad("days or weeks before a date, as `30 days before renewal_date`", "bad-duration")
        return None
    return (name, earlier) if earlier is not None else None


def read_step(block: Map, kind: str, waits: tuple[Wait, ...], around: Surroundings) -> Step | None:
    """A step of that kind; None (and a problem) when it cannot be told what was meant."""
    mark = block.entries[kind].mark
    step_id = read_id(block, kind, around)
    unless = around.condition(block.text("unless"))
    match kind:
        case "email":
            content, pick = read_content(block, around)
            resend_after = read_on_unknown(block)
            if not content and pick is None:
                return None
            return Email(step_id, mark, waits, content or "", resend_after, unless, pick)
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
    """The step's id, given or (for mails) taken from the content. What is wrong with it is reported."""
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
    if values.identifier(text, "a step's id") is None:
        return text.value
    first = around.ids.setdefault(text.value, text.mark)
    if first is not text.mark:
        message = f"the step {shown(text.value)} stands on line {first.line} already: give this one an `id` of its own"
        around.problems.error(text.mark, "duplicate-id", message)
    return text.value


def read_content(block: Map, around: Surroundings) -> tuple[str | None, Pick | None]:
    """What a mail step mails: a content item, or how it is picked."""
    node = block.take("email")
    if isinstance(node, Map):
        pick = read_pick(node, around)
        fallback = block.text("fallback")
        if pick is None or fallback is None or fallback.value == "skip":
            return None, pick
        return None, replace(pick, fallback=content_item(fallback, around))
    if "fallback" in block.entries:
        message = "`fallback` stands in for a content that is picked: expected `email: {pick: …}` with it"
        around.problems.error(block.entries["fallback"].mark, "bad-value", message)
    return content_item(as_text(node, "a content item as `sales/pricing`, or `{pick: case-study}`"), around), None


def content_item(text: Text | None, around: Surroundings) -> str | None:
    if text is None:
        return None
    if text.value not in around.contents:
        hint = did_you_mean(text.value, around.contents)
        hint = hint or f": expected the file content/{text.value[:60]}.md or .mjml"
        text.wrong("unknown-content", f"there is no content {text.got}{hint}")
    return text.value


def read_pick(block: Map, around: Surroundings) -> Pick | None:
    """`{pick: case-study, match: [industry, pains], published: 60 days}`."""
    block.expect("pick")
    kind = block.need_text("pick", "case-study")
    fields = around.workspace.fields
    known = [name for name in TAGS if name == "stage" or name in fields]
    match = [values.declared(text, known, "field", "sequences/workspace.yaml") for text in match_texts(block)]
    published = values.duration(block.text("published"))
    if published is not None and published.unit not in ("day", "week"):
        around.problems.error(block.entries["published"].mark, "bad-duration", "expected days or weeks, as `60 days`")
        return None
    if kind is None:
        return None
    # Content with problems of its own is not there, and may be what was meant.
    if around.names.kinds is not None and kind.value not in around.names.kinds:
        hint = did_you_mean(kind.value, around.names.kinds)
        kind.wrong("unknown-kind", f"there is no content of the kind {kind.got}{hint}")
    wanted = tuple(dict.fromkeys(name for name in match if name is not None)) if "match" in block.entries else None
    candidates = around.candidates.get(kind.value, ())
    return Pick(kind.value, tuple(known) if wanted is None else wanted, candidates, published)


def match_texts(block: Map) -> tuple[Text, ...]:
    return as_texts(block.take("match"), f"a list of {listed(TAGS)}")


def candidates_in(contents: Mapping[str, Content]) -> Mapping[str, tuple[Candidate, ...]]:
    """What may be picked of each kind."""
    found: dict[str, tuple[Candidate, ...]] = {}
    for _, item in sorted(contents.items()):
        found[item.kind] = (*found.get(item.kind, ()), candidate(item))
    return found


def candidate(item: Content) -> Candidate:
    tags = {"stage": item.stages, "pains": item.pains, **(item.tags or {})}
    published = next(iter(tags.pop("published", ())), "")
    return Candidate(
        item.id, {name: frozenset(tag) for name, tag in tags.items() if tag}, values.month_or_day(published)
    )


def read_rounds(block: Map, step_id: str, mark: Mark, waits: tuple[Wait, ...], around: Surroundings) -> Rounds | None:
    node = as_map(block.take("series"), "how each mail is picked, as `{pick: article}`")
    pick = read_pick(node, around) if node is not None else None
    span = values.duration(block.need_text("every", "14 days"))
    at = values.parsed(block.text("at"), Until.parse)
    up_to = values.count(block.need_text("up_to", "6"))
    until = around.condition(block.text("until"))
    if pick is None or span is None or up_to is None:
        return None
    return Rounds(step_id, mark, waits, pick, Every(span, at), up_to, until)


def read_on_unknown(block: Map) -> Duration | None:
    """How long to wait for proof that a mail went before it goes again; None: it never does."""
    node = block.take("on_unknown")
    if not isinstance(node, Map):
        values.choice(as_text(node, "`hold`, or `{resend_after: 6 hours}`"), ("hold",))
        return None
    node.expect("on_unknown")
    text = node.need_text("resend_after", "6 hours")
    after = values.duration(text)
    if text is None or after is None:
        return None
    if after.unit == "business day" or not SOONEST_RESEND <= after.elapsed < GIVEN_UP:
        text.bad("hours, from `1 hour` to `23 hours`: after a day the sequence goes on", "bad-duration")
        return None
    return after


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
