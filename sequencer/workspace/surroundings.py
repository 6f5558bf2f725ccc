"""What the steps of a sequence may name, and the steps themselves by name."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeGuard

from sequencer.core.condition import Condition, ConditionProblems, Names, compile_condition
from sequencer.core.condition_truth import always
from sequencer.core.mark import Mark, Problem
from sequencer.core.sequence import Candidate
from sequencer.core.workspace import Workspace
from sequencer.workspace.nodes import Items, Map, Node, Problems, Text

CheckNote = Callable[[str, Mark], tuple[Problem, ...]]
"""What is wrong with a note's template, given where its first character stands."""


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
    given_up: dict[str, Mark] = field(default_factory=dict, compare=False)
    """The names that steps had before, as far as they were read, and where."""

    def condition(self, text: Text | None, scope: Literal["enrollment", "ever"] = "enrollment") -> Condition | None:
        if text is None:
            return None
        names = replace(self.names, scope=scope)
        try:
            condition = compile_condition(text.value, text.start, names)
        except ConditionProblems as wrong:
            self.problems.extend(wrong.problems)
            return None
        warn_of_the_same(condition, names, self.problems)
        return condition


def warn_of_the_same(condition: Condition, names: Names, problems: Problems) -> None:
    """Warns of a condition that every lead fits, or none."""
    match always(condition, names):
        case True:
            message = (
                "this is true of every lead, so it decides nothing: take it out, or ask for something that differs"
            )
            problems.warning(condition.mark, "always-true", message)
        case False:
            message = "no lead could ever fit this: see whether `or` is meant, or another value, or take it out"
            problems.warning(condition.mark, "always-false", message)


class Named(NamedTuple):
    """A step as conditions may name it."""

    name: str
    content: str | None
    """What it mails."""
    was: tuple[str, ...]
    """The names that it had before, the oldest first."""


def named_steps(node: Node | None) -> Iterator[Named]:
    """Every step, before anything is checked: conditions may name later ones."""
    for item in node.items if isinstance(node, Items) else ():
        if not isinstance(item, Map) or "wait" in item.entries:
            continue
        held = {key: entry.node for key, entry in item.entries.items()}
        content, given = held.get("email"), held.get("id")
        mailed = content.value if isinstance(content, Text) else None
        if isinstance(content, Map):
            kind = content.entries.get("pick")
            mailed = picked_of(kind.node.value if kind is not None and isinstance(kind.node, Text) else "")
        was = tuple(text.value for text in former_names(held.get("was")))
        if isinstance(given, Text):
            yield Named(given.value, mailed, was)
        elif mailed is not None:
            yield Named(last_name(mailed), mailed, was)
        yield from named_steps(held.get("then"))
        yield from named_steps(held.get("else"))
        for fork in (held.get("choose"), held.get("test")):
            for arm in fork.entries.values() if isinstance(fork, Map) else ():
                yield from named_steps(arm.node.entries["steps"].node if _has_steps(arm.node) else None)


def former_names(node: Node | None) -> tuple[Text, ...]:
    """What `was` holds, as far as it is one name or a list of them."""
    items = node.items if isinstance(node, Items) else (node,)
    return tuple(item for item in items if isinstance(item, Text) and item.value)


def _has_steps(node: Node) -> TypeGuard[Map]:
    return isinstance(node, Map) and "steps" in node.entries


def picked_of(kind: str) -> str:
    """Stands for whatever content of that kind a step mails, where its links are asked for."""
    return f"pick: {kind}"


def last_name(content: str) -> str:
    """A mail's id unless it has one of its own: `pricing` of `sales/pricing`."""
    return content.rpartition("/")[2]
