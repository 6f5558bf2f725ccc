"""The busiest week of a sequence, by tables and against every way through it."""

from datetime import timedelta
from itertools import product

import pytest

from sequencer.core.workspace import Workspace
from sequencer.services.compile import compile_workspace
from sequencer.workspace.frequency import busiest_week
from tests.core.test_engine import HEAD
from tests.workspaces import files


def workspace(steps: str) -> Workspace:
    compiled = compile_workspace(files(it=HEAD + "steps:\n" + steps))
    assert compiled.workspace is not None, "\n".join(map(str, compiled.problems))
    return compiled.workspace


BRANCH = """  - email: one
  - id: looked
    if: clicked("one")
    within: {within}
    then:
      - email: two
    else:
      - email: three
      - id: out
        exit: enough
  - wait: 4 business days
  - email: four
"""


@pytest.mark.parametrize(
    ("steps", "mails"),
    [
        ("  - email: one\n", 1),
        ("  - email: one\n  - wait: 7 days\n  - email: two\n", 1),
        ("  - email: one\n  - wait: 6 days\n  - email: two\n", 2),
        ("  - email: one\n  - wait: 5 business days\n  - email: two\n", 1),
        ("  - email: one\n  - wait: 4 business days\n  - email: two\n", 2),
        ("  - email: one\n  - wait: until tue 10:00\n  - email: two\n", 2),
        ("  - email: one\n  - wait: 3 days\n  - email: two\n  - wait: 3 days\n  - email: three\n", 3),
        (BRANCH.format(within="3 days"), 3),
        (BRANCH.format(within="9 days"), 3),
        ("  - id: tips\n    series: {pick: guide}\n    every: 2 days\n    up_to: 4\n", 4),
        ("  - id: tips\n    series: {pick: guide}\n    every: 1 hour\n    up_to: 100\n", 9),
    ],
)
def test_the_busiest_week_of_a_sequence(steps: str, mails: int) -> None:
    found = workspace(steps)
    assert busiest_week(found, found.sequences["it"]) == mails


@pytest.mark.parametrize("days", list(product((0, 1, 3, 6, 8), repeat=3)))
def test_it_is_what_counting_along_the_way_comes_to(days: tuple[int, ...]) -> None:
    names = ("one", "two", "three", "four")
    steps = "".join(
        f"  - email: {name}\n" if not number else f"  - wait: {days[number - 1]} days\n  - email: {name}\n"
        for number, name in enumerate(names)
    )
    found = workspace(steps)
    sent = [timedelta()]
    for wait in days:
        sent.append(sent[-1] + max(timedelta(days=wait), timedelta(hours=20)))
    expected = max(sum(first <= at < first + timedelta(days=7) for at in sent) for first in sent)
    assert busiest_week(found, found.sequences["it"]) == expected
