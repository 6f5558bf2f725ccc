"""What commands print: text that a terminal can be trusted with, tables, JSON, and progress where somebody watches."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
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
    """A counter on standard error, on a terminal only; it is gone when the work is done.

    `share`: how much of the work is done, from 0 to 1; None when nobody can know.
    """

    def __init__(self, noun: str, share: Callable[[], float | None] = lambda: None) -> None:
        self._noun = noun
        self._share = share
        self._done = 0
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()

    def __call__(self, more: int) -> None:
        self._done += more
        if self._shown:
            said = progress(counted(self._done, self._noun), self._done, time.monotonic() - self._began, self._share())
            click.echo(f"\r\x1b[K{said}", nl=False, err=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *problem: object) -> None:
        if self._shown and self._done:
            click.echo("\r\x1b[K", nl=False, err=True)


def progress(so_far: str, done: int, seconds: float, share: float | None) -> str:
    """`12,000 rows, 3,000 a second, 8 s left …`"""
    said = [so_far]
    if seconds >= 1:
        said.append(f"{done / seconds:,.0f} a second")
        if share:
            left = seconds / share - seconds
            said.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return f"{', '.join(said)} …"
