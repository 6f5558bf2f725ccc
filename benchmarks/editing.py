"""What an edit costs with many people inside: the plan, the switch, and taking everybody over.

    python -m benchmarks editing --people 1000000

A branch that they wait at is given more time, so that everybody is dated anew. The plan counts each of them; the switch
is the one transaction in which a deploy makes the new version current; one worker then takes all of them over.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from benchmarks import mailing, report, ticks
from benchmarks.servers import servers
from sequencer.services import migrate
from sequencer.services.context import Context
from sequencer.services.plan import foresee
from sequencer.services.release import Releases, prepare, switch
from sequencer.settings import Settings
from sequencer.store import clock
from sequencer.wiring import build

Done = TypeVar("Done")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("editing", __doc__)
    parser.add_argument("--people", type=int, default=100_000)
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
        mailing.deploy(made.engine, mailing.files())
        ticks.fill(made.engine, chosen.people)
        path = f"sequences/{mailing.SEQUENCE}.yaml"
        longer = mailing.OFFER.replace("    then:\n", "    within: 3 days\n    then:\n", 1)
        to = prepare(mailing.files() | {path: longer})
        with made.engine.connect() as conn:
            known = Releases()
            current = known.current(conn)
            plan, planned = timed(lambda: foresee(conn, known, current, to, clock.now(conn)))
        with made.engine.begin() as conn:
            _, switched = timed(lambda: switch(conn, to, clock.now(conn)))
        context = build(Settings.read(made.environ), 1, role="worker")
        try:
            _, taken = timed(lambda: over(context))
        finally:
            context.provider.close()
            context.engine.dispose()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    looked_at = sum(one.looks.soon for one in plan.inside if one.looks is not None)
    figures = {
        "people": chosen.people,
        "looked at anew": looked_at,
        "plan, s": round(planned, 2),
        "switch, ms": round(switched * 1e3, 1),
        "taking over, s": round(taken, 2),
        "taken over a second": round(chosen.people / taken),
        "memory at most, MB": round(memory),
    }
    return report.show(about, figures, [tuple(figures), tuple(f"{value:,}" for value in figures.values())], chosen.json)


def timed(work: Callable[[], Done]) -> tuple[Done, float]:
    """What came of it, and the seconds."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def over(context: Context) -> None:
    while migrate.migrate(context):
        pass


if __name__ == "__main__":
    sys.exit(main())
