"""What is kept of a webhook body that was set aside: which of its events, and why, as text that both sides can read."""

import re
from collections.abc import Iterable, Mapping

WHOLE = 0
"""The number that stands for a body as a whole; its events count from 1."""

MOST = 50
"""Different reasons that are told; the events of further ones are still named."""
OTHERS = "further reasons"

_LINE = re.compile(r"^events? ([\d, -]+): ", re.MULTILINE)


def write(problems: Mapping[int, str]) -> str:
    """One line a reason: `events 2, 7-9: …`."""
    by_reason: dict[str, list[int]] = {}
    for number in sorted(problems):
        reason = " ".join(problems[number].split())
        by_reason.setdefault(reason if reason in by_reason or len(by_reason) < MOST else OTHERS, []).append(number)
    return "\n".join(reason if numbers == [WHOLE] else _line(numbers, reason) for reason, numbers in by_reason.items())


def numbers(problem: str) -> list[int]:
    """Which events a written problem names; none when it is about the whole body."""
    return sorted({number for line in _LINE.findall(problem) for number in _spread(line)})


def _line(numbers: Iterable[int], reason: str) -> str:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    names = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    return f"event{'s' if names != str(ranges[0][0]) else ''} {names}: {reason}"


def _spread(names: str) -> Iterable[int]:
    for name in names.split(", "):
        first, _, last = name.partition("-")
        yield from range(int(first), int(last or first) + 1)
