"""Puts the slots of an item together as one function: what several of them read is read once for each lead."""

from collections.abc import Callable
from typing import Any, Final

from sequencer.rendering.quick import Emit, Writer
from sequencer.rendering.scope import Scope
from sequencer.rendering.view import View

Fill = Callable[[Scope], str]
Write = Callable[[View, Callable[[View], Scope]], tuple[str, ...]]
"""Of a lead's view, and what makes its scope, which is done where a slot asks for it only."""


class Quick:
    """One slot by itself, made when it is first asked for: mostly never."""

    def __init__(self, emit: Emit) -> None:
        self.emit: Final = emit
        self._write: Write | None = None

    def __call__(self, scope: Scope) -> str:
        if self._write is None:
            program = Program()
            program.number(self)
            self._write = program.written()
        return self._write(scope.view, lambda _: scope)[0]


class Program:
    """Collects slots, and then gives the function that writes all of them."""

    def __init__(self) -> None:
        self._writer = Writer()
        self._numbers: dict[str, int] = {}
        """By source."""

    def number(self, fill: Fill) -> int:
        """The slot's. Slots of the same source have the same text: so they are one, in whatever part of the mail."""
        constant = self._writer.constant
        source = fill.emit(self._writer) if isinstance(fill, Quick) else f"{constant(fill)}(scope)"
        return self._numbers.setdefault(source, len(self._numbers))

    def written(self) -> Write:
        """Gives the text of each slot by its number. It raises whatever one of them raises."""
        body = [f" {name} = {source}" for source, name in self._writer.readings.items()]
        body.append(f" return ({''.join(f'{source}, ' for source in self._numbers)})")
        lines = ["def write(view, scope_of):", " lead = view.lead", " field = lead.fields.get"]
        if any("scope" in line for line in body):
            lines.append(" scope = scope_of(view)")
        lines += body
        space: dict[str, Any] = dict(self._writer.constants)
        # Everything in the source was written by `quick`; a template's own text is in the constants only.
        exec(compile("\n".join(lines), "<slots>", "exec"), space)
        write: Write = space["write"]
        return write
