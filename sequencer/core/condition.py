"""Conditions: Jinja2 expressions, checked once against what exists, then run as plain Python."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sequencer.core.condition_bench import Bench
from sequencer.core.condition_check import build
from sequencer.core.condition_names import Asks, Facts, Names, merged
from sequencer.core.condition_parse import SyntaxProblem, parse
from sequencer.core.mark import Mark, Problem

__all__ = ["Asks", "Condition", "ConditionProblems", "Facts", "Names", "compile_condition", "merged"]


class ConditionProblems(ValueError):
    """Everything that is wrong with one condition."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked expression. `test` changes nothing, and raises nothing but what the facts raise."""

    source: str
    mark: Mark
    test: Callable[[Facts], bool] = field(compare=False, repr=False)
    asks: Asks = field(default_factory=Asks)

    def __str__(self) -> str:
        return self.source

    def place(self, column: int) -> Mark:
        """Where a column of its source (from 1) stands."""
        return _at(self.mark, self.source, column)


def compile_condition(source: str, mark: Mark, names: Names) -> Condition:
    """Check an expression and make it runnable; takes about half a millisecond.

    `mark` is where the first character of `source` stands. Raises ConditionProblems with every problem, in order.
    """
    bench = Bench(names)
    test = None
    try:
        test = build(parse(source), bench, f"<condition {mark}>")
    except SyntaxProblem as problem:
        bench.flaw(problem.column, "condition-syntax", problem.message)
    if test is None:
        found = sorted({(flaw.column, flaw.code, flaw.message) for flaw in bench.flaws})
        raise ConditionProblems(
            tuple(Problem(_at(mark, source, column), code, message) for column, code, message in found)
        )
    return Condition(source, mark, test, bench.asks)


def _at(mark: Mark, source: str, column: int) -> Mark:
    """The place of a column of the source. Text over several lines was folded or indented: only its start is sure."""
    if "\n" in source.strip():
        return mark
    return Mark(mark.file, mark.line, mark.column + column - 1)
