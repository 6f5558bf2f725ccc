"""What rendering one lead's mail may cost. Counted in steps and not in seconds: a mail fails always or never."""

from typing import Any, Final

from jinja2.exceptions import SecurityError

STEPS: Final = 20_000
"""About 0.1 s at worst. A round of a loop, a comparison, a printed value, a filter: one step each, and CHARACTERS."""
CHARACTERS: Final = 16
"""So many of them, read or printed, are a further step."""
OUTPUT: Final = 100_000
"""Characters that one slot, or one value on the way to it, may have. Gmail clips a whole mail at 102 KB."""


class Budget:
    """The steps that one mail has left."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = STEPS

    def spend(self, steps: int) -> None:
        """Raises SecurityError when there are no more."""
        self._left -= steps
        if self._left < 0:
            raise SecurityError(f"expected at most {STEPS:,} steps for a mail: shorten its loops and lists")


def bounded(size: int) -> None:
    """Raises SecurityError when so many characters are too many."""
    if size > OUTPUT:
        raise SecurityError(f"expected at most {OUTPUT} characters, got {size}")


def weighed(value: Any) -> Any:
    """The value, when it is no larger than a slot, all that lists in lists come to counted.

    Without this, `{% set a = [a, a] %}` a few dozen times over is small until it is printed or compared.
    Raises SecurityError.
    """
    if isinstance(value, str):
        bounded(len(value))
    elif isinstance(value, list | tuple):
        bounded(sum(_size(value)))
    return value


def steps(value: Any, each: bool = False) -> int:
    """What reading a value costs. `each`: item by item, also of a text. Raises SecurityError."""
    if isinstance(value, str):
        return 1 + (len(value) if each else len(value) // CHARACTERS)
    if isinstance(value, list | tuple):
        items, characters = _size(value)
        return 1 + items + characters // CHARACTERS
    return 1 + (len(value) if isinstance(value, range) else 0)


def _size(value: list[Any] | tuple[Any, ...]) -> tuple[int, int]:
    """Items and characters of a list and the lists in it."""
    items = characters = 0
    left: list[Any] = [value]
    while left:
        one = left.pop()
        if isinstance(one, list | tuple):
            items += len(one)
            left += one
        elif isinstance(one, str):
            characters += len(one)
        bounded(items + characters)
    return items, characters
