"""sequences/signals.yaml: what behaviour counts and teaches, what a lead is by itself, and when sales is to know."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import orjson
from jinja2 import nodes

from sequencer.core.condition import Condition, ConditionProblems, Names, compile_condition
from sequencer.core.condition_calls import calls
from sequencer.core.condition_names import STANDING
from sequencer.core.condition_parse import parse as parse_condition
from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.field import Field
from sequencer.core.mark import Problem
from sequencer.core.signals import OWNER, Fit, Lesson, SalesReady, Signal, Signals
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.handoff import read_handoff
from sequencer.workspace.inquiries import read_inquiries
from sequencer.workspace.load import content_files
from sequencer.workspace.nodes import Map, Node, Problems, Text, as_items, as_map, as_text
from sequencer.workspace.parse import parse
from sequencer.workspace.sequences import names_in
from sequencer.workspace.settings import WORKSPACE_FILE
from sequencer.workspace.surroundings import warn_of_the_same

SIGNALS_FILE: Final = "sequences/signals.yaml"

BEHAVIOURS: Final = frozenset(
    {
        *("visited", "clicked", "clicked_kind", "clicked_tag", "opened"),
        *("submitted", "replied", "asked_about", "unsubscribed", "did"),
    }
)
"""The functions that say what a lead does."""

POINTS: Final = re.compile(r"-?[1-9]\d{0,3}")


def load_signals(
    files: Mapping[str, str], workspace: Workspace, contents: Mapping[str, Content]
) -> tuple[Workspace, tuple[Problem, ...]]:
    """The workspace with its signals, if there is such a file; and what is wrong with it."""
    if SIGNALS_FILE not in files:
        return workspace, ()
    problems = Problems()
    root = as_map(parse(SIGNALS_FILE, files[SIGNALS_FILE], problems), "keys, as `points:` and `sales_ready:`")
    if root is None:
        return workspace, problems.sorted()
    root.expect("signals")
    known = frozenset(contents) | frozenset(content_files(files))
    names = replace(names_in(workspace, contents, known, {}), scope="ever")
    inquiries = {one.name: one for one in read_inquiries(root.take("inquiries"))}
    names = replace(names, inquiries=frozenset(inquiries))
    # What asks about them is tried with them, before the signals are whole.
    workspace = replace(workspace, signals=Signals(inquiries=inquiries))
    reader = _Reader(workspace, names, problems)
    ready = reader.sales_ready(root.take("sales_ready"))
    signals = Signals(
        points=tuple(reader.signals(root.take("points"))),
        fit=tuple(reader.fits(root.take("fit"))),
        stages=reader.stages(root.take("stages")),
        sales_ready=ready,
        learn=tuple(reader.lessons(root.take("learn"))),
        inquiries=inquiries,
        handoff=read_handoff(root, workspace, ready),
    )
    signals = replace(signals, digest=digest_of(signals, names))
    return replace(workspace, signals=signals), problems.sorted()


def digest_of(signals: Signals, names: Names) -> str:
    """Of all that decides how somebody stands, in whatever way it is written."""
    ready = signals.sales_ready
    behaviours = signals.behaviours.values()
    tags = {tag for condition in (*behaviours, *signals.conditions()) for tag in _tags(condition)}
    held: list[object] = [
        [(one.name, one.points, one.half_life, one.at_most) for one in signals.points],
        [(one.condition.source, one.points) for one in signals.fit],
        [condition.source for condition in signals.conditions()],
        [*signals.stages],
        [[*ready.reasons], ready.again_below is None, ready.needs_owner] if ready is not None else [],
        {name: group.source for name, group in names.audiences.items()},
        {tag: sorted((names.tags or {}).get(tag, ())) for tag in tags},
    ]
    if signals.learn:
        held.append([(one.name, one.field, one.value, one.at_least, one.within) for one in signals.learn])
    if signals.inquiries:
        held.append([(one.name, one.phrases, one.unless) for one in signals.inquiries.values()])
    return hashlib.sha256(orjson.dumps(held, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _tags(condition: Condition) -> Iterator[str]:
    for call in calls(condition):
        if call.name == "clicked_tag":
            yield from (tag.text for tag in call.given)


class _Reader:
    """Reads the parts of the file; what is wrong in one does not keep the others from being read."""

    def __init__(self, workspace: Workspace, names: Names, problems: Problems) -> None:
        self._workspace = workspace
        self._names = names
        self._over_all = replace(names, standing=STANDING - {"sales_ready"})
        self._problems = problems

    # --- what leads do

    def signals(self, node: Node | None) -> Iterator[Signal]:
        seen: set[str] = set()
        for block in self._blocks(node, 'behaviour, each as `{when: visited("/contact"), points: 25}`', "signal"):
            when = block.need_text("when", 'visited("/pricing*")')
            points = self._points(block)
            half_life = self._half_life(block.text("half_life"))
            at_most = values.count(block.text("at_most"))
            found = self._behaviour(when) if when is not None else None
            if found is None or when is None:
                continue
            name, behaviour = found
            if name in seen:
                when.wrong("duplicate-id", f"{when.got} counts already: keep one of them")
                continue
            seen.add(name)
            if points is not None:
                yield Signal(name, when.mark, behaviour, points, half_life, at_most)

    def _behaviour(self, text: Text, repeated: bool = False) -> tuple[str, Condition] | None:
        """The behaviour by its name, and as a condition that is true of who did it.

        `repeated`: it may say how often and within how long, which is left out of both.
        """
        condition = self._condition(text, self._names)
        if condition is None:
            return None
        tree = parse_condition(text.value)
        if repeated and isinstance(tree, nodes.Call):
            tree = nodes.Call(tree.node, tree.args, [], None, None)
        calls = list(_alternatives(tree))
        written = [_written(call) for call in calls]
        if any(one is None for one in written):
            message = (
                f'expected what a lead does, as `visited("/pricing*")`, several of them with `or`, got {text.got}: how '
                f"often and when is {'for one of them alone' if repeated else 'what the points say'}"
            )
            text.wrong("bad-value", message)
            return None
        if any(one.startswith("opened(") for one in written if one):
            message = "opening is a guess (mail programs open by themselves, or hide it): ask for a click or a reply"
            self._problems.warning(text.mark, "opens-are-guesses", message)
        name = " or ".join(dict.fromkeys(one for one in written if one))
        return name, compile_condition(name, text.start, self._names) if repeated else condition

    def _half_life(self, text: Text | None) -> int | None:
        found = values.duration(text)
        if found is None or text is None:
            return None
        if found.unit not in ("day", "week") or not found.amount:
            text.bad("whole days or weeks, as `14 days`", "bad-duration")
            return None
        return found.elapsed.days

    # --- what that tells of them

    def lessons(self, node: Node | None) -> Iterator[Lesson]:
        for block in self._blocks(node, "behaviours, each with `when` and `add` or `set`", "lesson"):
            when = block.need_text("when", 'clicked_tag("cost", at_least=2, within="60 days")')
            taught = list(self._taught(block))
            found = self._repeated(when) if when is not None else None
            if found is not None and when is not None:
                for name, value in taught:
                    yield replace(found, field=name, value=value)

    def _taught(self, block: Map) -> Iterator[tuple[str, object]]:
        """Fields and what they are then; those of several values once for each."""
        if not {"add", "set"} & block.entries.keys():
            message = "expected `add` or `set`, for example `add: {pains: cost}`"
            self._problems.error(block.mark, "missing-key", message)
        for key, several in (("add", True), ("set", False)):
            held = as_map(block.take(key), "fields with their values, as `{pains: cost}`")
            for name, value in held.items() if held is not None else ():
                field = self._field(name, key, several)
                read = values.field_value(value, field) if field is not None else None
                if isinstance(read, Duration):
                    name.wrong("bad-value", f"expected a date as `2026-12-21` for {name.got}: a day is no behaviour's")
                elif read is not None:
                    yield from ((name.value, one) for one in (read if isinstance(read, list) else [read]))

    def _field(self, name: Text, key: str, several: bool) -> Field | None:
        if values.declared(name, self._workspace.fields, "field", WORKSPACE_FILE) is None:
            return None
        field = self._workspace.fields[name.value]
        if (field.type == "some_of") is several:
            return field
        other = "set" if several else "add"
        kind = "one value" if several else "several values"
        name.wrong("bad-value", f"expected `{other}` for {name.got}, a field of {kind}, got `{key}`")
        return None

    def _repeated(self, text: Text) -> Lesson | None:
        """A behaviour, how often it is to be seen, and within how many days; what it teaches is still missing."""
        found = self._behaviour(text, repeated=True)
        if found is None:
            return None
        tree = parse_condition(text.value)
        given = {one.key: one.value for one in tree.kwargs} if isinstance(tree, nodes.Call) else {}
        values_of = {name: value.value for name, value in given.items() if isinstance(value, nodes.Const)}
        days = Duration.parse(values_of["within"]) if "within" in values_of else None
        if days is not None and days.unit not in ("day", "week"):
            text.wrong("bad-duration", f"expected days or weeks after `within`, as `60 days`, got `{days}`")
            return None
        within = days.elapsed.days if days is not None else None
        return Lesson(found[0], text.mark, found[1], "", None, values_of.get("at_least", 1), within)

    # --- what leads are

    def fits(self, node: Node | None) -> Iterator[Fit]:
        for block in self._blocks(node, 'conditions, each as `{if: in_audience("icp"), points: 20}`', "fit"):
            text = block.need_text("if", 'lead.role == "finance"')
            points = self._points(block)
            condition = self._asked(text, self._names) if text is not None else None
            if condition is None or text is None:
                continue
            if condition.asks.events:
                message = f"expected what a lead is, got {text.got}: what leads do belongs under `points`"
                text.wrong("bad-value", message)
            elif points is not None:
                yield Fit(condition, points)

    # --- what follows

    def stages(self, node: Node | None) -> Mapping[str, Condition]:
        found: dict[str, Condition] = {}
        block = as_map(node, "stages with a condition each, as `mql: score >= 30`")
        for name, held in block.items() if block is not None else ():
            text = as_text(held, "a condition as `score >= 30`")
            stage = values.declared(name, self._workspace.stages, "stage", WORKSPACE_FILE)
            condition = self._asked(text, self._over_all) if text is not None else None
            if stage is not None and condition is not None:
                found[stage] = condition
        return {stage: found[stage] for stage in self._workspace.stages if stage in found}

    def sales_ready(self, node: Node | None) -> SalesReady | None:
        if node is None:
            return None
        if isinstance(node, Text):
            condition = self._asked(node, self._over_all)
            return SalesReady({"sales-ready": condition}) if condition is not None else None
        block = as_map(node, "a condition, or `any` with several")
        if block is None:
            return None
        block.expect("sales_ready")
        reasons: dict[str, Condition] = {}
        several = as_map(
            block.need("any", "{asked: submitted(…)}"), "names with a condition each, as `asked: replied()`"
        )
        for name, held in several.items() if several is not None else ():
            text = as_text(held, "a condition as `score >= 60`")
            condition = self._asked(text, self._over_all) if text is not None else None
            if values.identifier(name, "a reason") is not None and condition is not None:
                reasons[name.value] = condition
        again = block.text("again_below")
        needs = self._needs(block.take("needs"))
        return SalesReady(
            reasons,
            self._asked(again, self._over_all) if again is not None else None,
            any(one is None for one in needs),
            tuple(one for one in needs if one is not None),
        )

    def _needs(self, node: Node | None) -> list[Condition | None]:
        """What must be true besides; None for an owner."""
        found: list[Condition | None] = []
        for item in as_items(node, '`owner`, or a list of conditions, as `- consent("sales")`'):
            text = as_text(item, "a condition")
            if text is not None and text.value == OWNER:
                found.append(None)
            elif text is not None and (condition := self._asked(text, self._over_all)) is not None:
                found.append(condition)
        return found

    # --- parts that repeat

    def _blocks(self, node: Node | None, expected: str, place: str) -> Iterator[Map]:
        for item in as_items(node, f"a list of {expected}"):
            block = as_map(item, expected)
            if block is not None:
                block.expect(place)
                yield block

    def _points(self, block: Map) -> int | None:
        text = block.need_text("points", "25")
        if text is None:
            return None
        if POINTS.fullmatch(text.value):
            return int(text.value)
        text.bad("a whole number of points, as `25` or `-30`")
        return None

    def _condition(self, text: Text, names: Names) -> Condition | None:
        try:
            return compile_condition(text.value, text.start, names)
        except ConditionProblems as wrong:
            self._problems.extend(wrong.problems)
            return None

    def _asked(self, text: Text, names: Names) -> Condition | None:
        """A condition that decides something: it can be true, and it can be false."""
        condition = self._condition(text, names)
        if condition is not None:
            warn_of_the_same(condition, names, self._problems)
        return condition


def _alternatives(node: nodes.Expr) -> Iterator[nodes.Expr]:
    if isinstance(node, nodes.Or):
        yield from _alternatives(node.left)
        yield from _alternatives(node.right)
    else:
        yield node


def _written(node: nodes.Expr) -> str | None:
    """A behaviour in one form; None for anything else."""
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.Name) or node.kwargs:
        return None
    if node.node.name not in BEHAVIOURS:
        return None
    arguments = [f'"{argument.value}"' for argument in node.args if isinstance(argument, nodes.Const)]
    return f"{node.node.name}({', '.join(arguments)})"
