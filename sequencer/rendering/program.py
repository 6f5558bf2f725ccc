"""Puts the slots of an item together as one function: what several of them read is read once for each lead."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sequencer.rendering.quick import Emit, Writer
from sequencer.rendering.scope import Scope

Fill = Callable[[Scope], str]
Write = Callable[[Scope], tuple[str, ...]]


class Quick:
    """One slot by itself, made when it is first asked for: mostly never."""

    def __init__(self, emit: Emit) -> None:
        self.emit: Final = emit
        self._write: Write | None = None

    def __call__(self, scope: Scope) -> str:
        if self._write is None:
            self._write = program([self])
        return self._write(scope)[0]


def program(fills: Sequence[Fill]) -> Write:
    """A function that gives the text of each slot, in their order. It raises whatever one of them raises."""
    writer = Writer()
    texts = [
        fill.emit(writer) if isinstance(fill, Quick) else f"{writer.constant(fill)}(scope)" for fill in fills
    ]  # fmt: skip
    lines = ["def write(scope):", " view = scope.view", " lead = view.lead", " field = lead.fields.get"]
    lines += [f" {name} = {source}" for source, name in writer.readings.items()]
    lines.append(f" return ({''.join(f'{text}, ' for text in texts)})")
    space: dict[str, Any] = dict(writer.constants)
    # Everything in the source was written by `quick`; a template's own text is in the constants only.
    exec(compile("\n".join(lines), "<slots>", "exec"), space)
    write: Write = space["write"]
    return write
