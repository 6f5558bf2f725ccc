"""A short run of the random machine, the same each time; `python -m tests.stateful --minutes N` runs it long."""

import logging

import pytest

from tests.stateful.house import FAULTS
from tests.stateful.machine import RULES, Machine
from tests.stateful.provider import HOWS
from tests.stateful.run import EXAMPLES, STEPS, run

pytestmark = pytest.mark.long


def test_nothing_lost_nothing_doubled_nobody_let_in_whatever_happens(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.disable(logging.CRITICAL)  # thousands of failures are meant
    try:
        report = run(database_url, EXAMPLES, STEPS, short=True)
    finally:
        logging.disable(logging.NOTSET)
    with capsys.disabled():
        print(f"\n{report}")
    counts = Machine.the_house.counts
    wanted = {
        "entered by time",
        *RULES,
        *(f"answer: {how}" for how in HOWS),
        *(f"at commit: {fault}" for fault in FAULTS),
    }
    assert wanted - {name for name, count in counts.items() if count} == set()
