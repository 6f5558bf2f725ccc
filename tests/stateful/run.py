"""Runs the machine on one database and tells what was done."""

import time
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.house import House, engines
from tests.stateful.machine import Machine
from tests.stateful.tour import tour

EXAMPLES, STEPS = 10, 20
"""Of the short form."""


@dataclass
class Report:
    """What a run was made of."""

    seconds: float
    runs: int
    commits: int
    mails: int
    counts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        head = f"{self.seconds:.1f} s, {self.runs} runs, {self.commits} commits looked at, {self.mails} mails accepted"
        return "\n".join([head, *(f"  {count:6} {name}" for name, count in sorted(self.counts.items()))])


def run(url: str, examples: int, steps: int, short: bool = False) -> Report:
    """Raises what the machine finds, with the rules that lead there.

    `short`: the same each time, with a tour of everything first, and what is found is not shrunk: that takes minutes.
    """
    house = House(*engines(url))
    Machine.the_house, before, began = house, Machine.runs, time.monotonic()
    try:
        if short:
            tour(house)
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                derandomize=short,
                database=None,
                deadline=None,
                phases=[Phase.generate] if short else [Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
                print_blob=False,
            ),
        )
    finally:
        house.close()
    return Report(time.monotonic() - began, Machine.runs - before, house.looks, house.mails, dict(house.counts))
