"""sequences/scenarios/*.yaml: tests of sequences, read with every mistake and its place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.guess import newcomer
from sequencer.core.lead_input import COLUMNS, InvalidLead, LeadInput, read
from sequencer.core.mark import Problem
from sequencer.core.scenario import Expectation, Kind, Scenario
from sequencer.core.schedule import WEEKDAYS
from sequencer.core.script import Cue, read_deed, read_local, read_when, wrong
from sequencer.core.sequence import Email, Rounds, Sequence
from sequencer.core.simulate import LONGEST, Case, begins, person
from sequencer.core.snapshot import Consent
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.nodes import (
    Items,
    Map,
    Node,
    Problems,
    Text,
    as_items,
    as_map,
    as_names,
    as_text,
    as_texts,
    did_you_mean,
    shown,
)
from sequencer.workspace.parse import parse
from sequencer.workspace.settings import WORKSPACE_FILE

SOMEBODY: Final = "somebody@company.example"
START: Final = "2026-11-23 09:00"
"""A Monday: when a scenario begins that names no time."""

_SAME: Final = {"zone": "time_zone", "owner": "owner_email"}
"""Short names of fields that stand beside those of CSV files."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_KINDS: Final[tuple[Kind, ...]] = (
    "received", "not_received", "told", "entered", "not_entered", "ended", "none_on", "lead",
)  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Given:
    """The keys of `given`, as they are written."""

    start: datetime | None = None
    lead: Mapping[str, tuple[Any, Text]] | None = None
    """By field: the value, and its name as it stands in the file."""
    span: timedelta = LONGEST
    consent: frozenset[str] = frozenset()
    received: frozenset[str] = frozenset()
    enrolled: bool = True


@dataclass(frozen=True, slots=True)
class _Around:
    workspace: Workspace
    sequence: Sequence
    contents: Mapping[str, Content]
    problems: Problems


def load_scenarios(
    files: Mapping[str, str], workspace: Workspace, contents: Mapping[str, Content]
) -> tuple[tuple[Scenario, ...], tuple[Problem, ...]]:
    """Every scenario that could be read, in the order of the files, and every problem."""
    problems = Problems()
    found: list[Scenario] = []
    for file in sorted(files):
        root = as_map(parse(file, files[file], problems), "keys, as `sequence:` and `scenarios:`")
        if root is not None:
            found += _file(root, workspace, contents, problems)
    return tuple(found), problems.sorted()


def _file(root: Map, workspace: Workspace, contents: Mapping[str, Content], problems: Problems) -> Iterator[Scenario]:
    root.expect("scenarios")
    name = values.declared(
        root.need_text("sequence", "sales-motivation"), workspace.sequences, "sequence", "sequences/"
    )
    given = as_map(root.need("given", f"{{start: {START}}}"), "keys, as `start:` and `lead:`")
    tests = as_map(root.need("scenarios", "{never reacts: {expect: [{ended: finished}]}}"), "named tests")
    if name is None or tests is None:
        return
    around = _Around(workspace, workspace.sequences[name], contents, problems)
    common = _read_given(given, _Given(), around) if given is not None else _Given()
    for title, node in tests.items():
        block = as_map(node, "keys, as `happens:` and `expect:`")
        if block is not None:
            yield _scenario(title, block, common, around)


def _scenario(title: Text, block: Map, common: _Given, around: _Around) -> Scenario:
    block.expect("scenario")
    own = as_map(block.take("given"), "keys, as `start:` and `lead:`")
    given = _read_given(own, common, around) if own is not None else common
    cues = tuple(_cues(block.take("happens"), around))
    expects = tuple(_expectations(block.need("expect", "[{ended: finished}]"), around))
    who = newcomer(around.workspace, around.contents.values(), _lead(given, around))
    start = begins(around.workspace, around.sequence, who, given.start or read_local(START))
    lead, company = person(who, start)
    consent = Consent(given=given.consent)
    case = Case(lead, start, company, consent, given.received, cues, given.enrolled, given.span)
    return Scenario(title.value, title.mark, around.sequence.id, case, expects)


def _read_given(block: Map, common: _Given, around: _Around) -> _Given:
    block.expect("given")
    start = values.parsed(block.text("start"), read_local, "bad-date")
    span = values.parsed(block.text("for"), _span, "bad-duration")
    lead = as_map(block.take("lead"), "fields, as `stage: mql`")
    topics = as_texts(block.take("consent"), "a list of topics")
    received = as_texts(block.take("received"), "a list of contents")
    enrolled = values.flag(block.text("enrolled"))
    for text in topics:
        values.declared(text, around.workspace.topics, "topic", WORKSPACE_FILE)
    for text in received:
        _is_content(text, around)
    return replace(
        common,
        start=start or common.start,
        lead={**(common.lead or {}), **(_fields(lead, around) if lead is not None else {})},
        span=span or common.span,
        consent=common.consent | {text.value for text in topics},
        received=common.received | {text.value for text in received},
        enrolled=common.enrolled if enrolled is None else enrolled,
    )


def _span(text: str) -> timedelta:
    """Raises ValueError for business days: how long they are depends on where and when."""
    return Duration.parse(text).elapsed


def _fields(block: Map, around: _Around) -> Mapping[str, tuple[Any, Text]]:
    found = {}
    known = {*COLUMNS, *_SAME, *around.workspace.fields, "language"}
    for name, node in block.items():
        if name.value not in known:
            name.wrong("unknown-field", f"there is no field {shown(name.value)}{did_you_mean(name.value, known)}")
            continue
        value = _value(node, f"a value for `{name.value}`")
        found[_SAME.get(name.value, name.value)] = value, name
    return found


def _value(node: Node, expected: str) -> str | list[str]:
    if isinstance(node, Items):
        return [text.value for text in as_texts(node, f"a list of {expected}")]
    text = as_text(node, expected)
    return text.value if text is not None else ""


def _lead(given: _Given, around: _Around) -> LeadInput:
    """The lead as an import would read it; what is wrong with it is reported where its field stands."""
    fields = given.lead or {}
    try:
        return read({"email": SOMEBODY} | {name: value for name, (value, _) in fields.items()}, around.workspace)
    except InvalidLead as invalid:
        for problem in invalid.problems:
            name, _, message = problem.partition(": ")
            text = fields[name][1] if name in fields else next(iter(fields.values()))[1]
            text.wrong("bad-value", message or problem)
        return read({"email": SOMEBODY}, around.workspace)


def _cues(node: Node | None, around: _Around) -> Iterator[Cue]:
    for item in as_items(node, "a list of what happens, as `- 1 day: replied`"):
        block = as_map(item, "when and what, as `1 hour after pricing: clicked pricing calculator`")
        for when, what in block.items() if block is not None else ():
            text = as_text(what, "what the lead does, as `replied`")
            span = values.parsed(when, read_when)
            deed = values.parsed(text, read_deed)
            if span is None or deed is None or text is None:
                continue
            cue = Cue(*span, deed)
            for code, message in wrong(cue, around.workspace, around.sequence, around.contents):
                at_step = cue.after and f"`{cue.after}`" in message and cue.after not in text.value
                (when if at_step else text).wrong(code, message)
            yield cue


def _expectations(node: Node | None, around: _Around) -> Iterator[Expectation]:
    for item in as_items(node, "a list of what must follow, as `- received: pricing`"):
        block = as_map(item, "what must follow, as `received: pricing`")
        if block is None:
            continue
        block.expect("expect")
        at = values.parsed(block.text("at"), read_local, "bad-date")
        kinds = [kind for kind in _KINDS if kind in block.entries]
        if not kinds:
            message = f"expected what must follow, as `received: pricing`, got {block.got}"
            around.problems.error(block.mark, "missing-key", message)
        for kind in kinds:
            mark = block.entries[kind].mark
            if kind == "lead":
                yield from _lead_at_the_end(as_map(block.take("lead"), "fields, as `stage: mql`"), around)
                continue
            texts = as_names(block.take(kind))
            for text in texts:
                _check_name(kind, text, around)
            if texts:
                yield Expectation(kind, mark, tuple(text.value for text in texts), at if kind == "received" else None)
        if "at" in block.entries and (kinds != ["received"] or not isinstance(block.entries["received"].node, Text)):
            around.problems.error(block.entries["at"].mark, "wrong-type", "expected `at` beside one `received`")


def _check_name(kind: Kind, text: Text, around: _Around) -> None:
    sequence = around.sequence
    if kind in ("received", "not_received"):
        if "/" in text.value:
            _is_content(text, around)
        elif not isinstance(sequence.named(text.value), Email | Rounds):
            _no_step(
                text,
                sequence,
                [name for name, step in sequence.names.items() if isinstance(step, Email | Rounds)],
                "mail",
            )
    elif kind == "told" and text.value != "owner" and text.value not in sequence.names:
        _no_step(text, sequence, ["owner", *sequence.names], "step")
    elif kind in ("entered", "not_entered"):
        values.declared(text, around.workspace.sequences, "sequence", "sequences/")
    elif kind == "none_on" and text.value not in WEEKDAYS:
        if not _DAY.fullmatch(text.value):
            text.bad("a day as `2026-11-26` or a weekday as `sat`", "bad-date")
        else:
            values.day(text)


def _is_content(text: Text, around: _Around) -> None:
    if text.value not in around.contents:
        hint = did_you_mean(text.value, around.contents)
        text.wrong("unknown-content", f"there is no content {shown(text.value)}{hint}")


def _no_step(text: Text, sequence: Sequence, known: list[str], what: str) -> None:
    now = sequence.renamed(text.value)
    hint = f": it is called `{now}` now" if now is not None else did_you_mean(text.value, known)
    text.wrong("unknown-step", f"there is no {what} {shown(text.value)}{hint}")


def _lead_at_the_end(block: Map | None, around: _Around) -> Iterator[Expectation]:
    if block is None:
        return
    for name, (value, text) in _fields(block, around).items():
        try:
            given = read({"email": SOMEBODY, name: value}, around.workspace)
        except InvalidLead as invalid:
            for problem in invalid.problems:
                text.wrong("bad-value", problem.partition(": ")[2] or problem)
            continue
        for field, expected in {**given.own, **given.fields}.items():
            yield Expectation("lead", text.mark, (field,), value=expected)
