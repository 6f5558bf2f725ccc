"""What commands print: text that a terminal can be trusted with, tables, JSON, and progress where somebody watches."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import orjson


def json(value: Any) -> None:
    """One JSON value on standard output."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def plain(text: str) -> str:
    """The text on one line, without the control characters by which somebody's name could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def line(text: str = "") -> None:
    """One line on standard output."""
    click.echo(plain(text))


def table(rows: Iterable[Sequence[object]], indent: str = "") -> None:
    """Rows in columns as wide as they need. Numbers stand on the right, None is left empty."""
    cells = [[_cell(value) for value in row] for row in rows]
    columns = max((len(row) for row in cells), default=0)
    widths = [max((len(row[i][0]) for row in cells if i < len(row)), default=0) for i in range(columns)]
    for row in cells:
        parts = [
            text.rjust(width) if right else text.ljust(width) for (text, right), width in zip(row, widths, strict=False)
        ]
        click.echo((indent + "  ".join(parts)).rstrip())


def _cell(value: object) -> tuple[str, bool]:
    """The text, and whether it stands on the right."""
    if isinstance(value, int):
        return f"{value:,}", True
    return "" if value is None else plain(str(value)), False


def counted(number: int, noun: str) -> str:
    """`1 lead`, `2,000 leads`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Progress:
    """A counter on standard error, on a terminal only; it is gone when the work is done."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._done = 0
        self._shown = sys.stderr.isatty()

    def __call__(self, more: int) -> None:
        self._done += more
        if self._shown:
            click.echo(f"\r{counted(self._done, self._noun)} …", nl=False, err=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *problem: object) -> None:
        if self._shown and self._done:
            click.echo("\r\x1b[K", nl=False, err=True)
