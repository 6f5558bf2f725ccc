"""What an outage of the provider that begins at full speed leaves in doubt.

    python -m benchmarks outage --seconds 600

PostgreSQL, Valkey, a dyno of workers and a clock, and a sink that takes the mails. All leads are due at once; when a
fifth of them was mailed the sink answers every request with a 503, at once, and takes mails again after so many
seconds. Of a mail that was answered so nobody knows whether it went, so it is held. Exit code 1: there are more than a
few hundred such, or a mail was sent twice, or one is missing.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks import report, rush
from benchmarks.servers import Sink, sink
from benchmarks.stack import Stack, stack

DOUBT = 470
"""Mails in doubt, at most, after ten minutes: of each of two processes 200 as it begins, nine that try at once (six,
and one of each other thread), and 25 with longer and longer waits."""


@dataclass(frozen=True)
class Left:
    rate: float
    """Mails a second before the outage."""
    seconds: float
    """That it lasted."""
    refused: int
    """Requests that were answered with a 503."""
    unknown: int
    """Mails in doubt afterwards."""
    again: float
    """Seconds from its end until the first mail was taken."""
    twice: int
    """Mails that the sink took beyond those of the ledger."""
    missing: int
    """Leads whose mail is neither accepted nor in doubt."""

    def problems(self) -> list[str]:
        too_many = self.unknown if self.unknown > DOUBT else 0
        told = {"sent twice": self.twice, "not mailed": self.missing, f"in doubt, of {DOUBT}": too_many}
        return [f"{count} {what}" for what, count in told.items() if count]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("outage", __doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args(arguments)
    with stack(sandbox_options=[]) as made, sink(made.folder) as taker:
        about = report.environment(made.engine)
        found = run(made, taker, chosen.leads, chosen.seconds)
    rows = [
        ("mails/s before", "outage, s", "refused requests", "in doubt", "first mail after, s", "problems"),
        (
            *(f"{found.rate:,.0f}", f"{found.seconds:.0f}", f"{found.refused:,}", f"{found.unknown:,}"),
            *(f"{found.again:.1f}", ", ".join(found.problems()) or "none"),
        ),
    ]
    report.show(about, asdict(found), rows, chosen.json)
    return 1 if found.problems() else 0


def run(made: Stack, taker: Sink, leads: int, seconds: float) -> Left:
    def taken() -> int:
        return taker.counts()["recipients"]

    rush.fill(made.engine, leads)
    rush.begin(made, taker)
    began = time.monotonic()
    made.until("a fifth of the mails", lambda: taken() >= leads / 5, 60 + leads / rush.SLOWEST, every=0.01)
    taker.refuse(True)
    before = taken()
    rate = before / (time.monotonic() - began)
    time.sleep(seconds)
    taker.refuse(False)
    ended = time.monotonic()
    made.until("mails after the outage", lambda: taken() > before, 60, every=0.01)
    again = time.monotonic() - ended
    rush.end(made, leads)
    count = "SELECT count(*) FROM message WHERE state"
    accepted, unknown = (made.count(f"{count} = '{state}'") for state in ("accepted", "unknown"))
    return Left(
        rate=rate,
        seconds=seconds,
        refused=taker.counts()["refused"],
        unknown=unknown,
        again=again,
        twice=taken() - accepted,
        missing=leads - accepted - unknown,
    )


if __name__ == "__main__":
    sys.exit(main())
