"""Compares so many drawn examples on one database, and tells what they were made of."""

import time
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from sequencer.store.engine import connect
from tests.simulation.compare import both
from tests.simulation.programs import Drawn, examples

SHORT = 14
"""Examples of the short form."""


@dataclass
class Report:
    """What a run was made of."""

    seconds: float = 0.0
    examples: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Mails, and how often each outcome, end and deed came."""

    def __str__(self) -> str:
        head = f"{self.examples} examples, {self.counts['mail']} mails, {self.seconds:.1f} s"
        return "\n".join([head, *(f"  {count:6} {name}" for name, count in sorted(self.counts.items()))])


def run(url: str, number: int, first: int | None = None) -> Report:
    """Raises AssertionError for the first example in which the two differ.

    `first`: a seed for a long run, whose finding is shrunk; None: the same examples each time, and nothing is shrunk.
    """
    engine, report, began = connect(url, 3), Report(), time.monotonic()

    def compare(drawn: Drawn) -> None:
        simulated, sent, came = both(engine, drawn)
        assert simulated == sent
        report.examples += 1
        report.counts["mail"] += len(came.letters)
        for enrollment in came.enrollments:
            report.counts[f"{enrollment.status.value} {enrollment.reason.partition(':')[0]}".strip()] += 1
            report.counts.update(f"step {passed.outcome}" for passed in enrollment.outcomes)
        report.counts.update(f"did {deed.kind}" for _, deed in came.played)

    test = settings(
        max_examples=number,
        derandomize=first is None,
        database=None,
        deadline=None,
        phases=[Phase.generate] if first is None else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )(given(examples())(compare))
    try:
        (test if first is None else seed(first)(test))()
    finally:
        engine.dispose()
    report.seconds = time.monotonic() - began
    return report
