"""What the cap of mails to one company costs, and how often whoever waits for their turn is looked at.

    python -m benchmarks.crowding                       # small: a minute or two
    python -m benchmarks.crowding --leads 50000

The same mail goes to the same leads, in one thread and to a provider that takes everything at once: without a cap, with
one that holds nobody back, with one that lets two of the twenty people of each company have it in four hours, and with
that one where all are people of one company. Then the clock goes on, four hours at a time, and each time those are
looked at who are due. Processor time is counted, of Python and of PostgreSQL together. Exit code 1: somebody is looked
at more than once at one moment, or a company got more than it may.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from benchmarks import mailing
from benchmarks.report import environment
from benchmarks.servers import START, Servers, beside, servers
from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.services import advance, due
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.store import clock, enrollments, heartbeat

WITHIN = timedelta(hours=4)
TURNS = 3
"""How often the clock goes on by so much."""
KINDS = {
    "no cap": None,
    "a cap that holds nobody": mailing.PER_COMPANY,
    "two of twenty people": 2,
    "two of one company": 2,
}
"""How many mails a company may get within that time."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowding", description=__doc__)
    parser.add_argument("--leads", type=int, default=4_000)
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = environment(made.engine)
        found: dict[str, dict[str, Any]] = {}
        for number, (kind, mails) in enumerate(KINDS.items()):
            with beside(made, f"crowding_{number}") as database:
                found[kind] = run(database, chosen.leads, mails, kind == "two of one company")
    plain = found["no cap"]["first"]["CPU µs a look"]
    for one in found.values():
        one["ratio of a look"] = round(one["first"]["CPU µs a look"] / plain, 2)
    problems = [f"{kind}: {problem}" for kind, one in found.items() for problem in one.pop("problems")]
    print(json.dumps({"environment": about, "leads": chosen.leads, **found, "problems": problems}, indent=2))
    return 1 if problems else 0


class Takes:
    """Takes every mail at once."""

    hanging = 0

    def send(self, batch: Batch) -> Receipt:
        return Receipt(Outcome(Answer.ACCEPTED, provider_id=batch.request_id))

    def close(self) -> None:
        """Holds nothing."""


def run(database: Servers, leads: int, mails: int | None, together: bool) -> dict[str, Any]:
    cap = f"pressure: {{company: {{mails: {mails}, within: 4 hours}}}}\n" if mails is not None else ""
    files = mailing.files()
    mailing.deploy(database.engine, files | {"sequences/workspace.yaml": mailing.WORKSPACE + cap})
    with database.engine.begin() as conn:
        clock.start_virtual(conn, START)
    mailing.load(database.engine, leads)
    if together:
        with database.engine.begin() as conn:
            conn.execute(text("UPDATE lead SET company_id = 1"))
        mailing.settle(database.engine)
    context = Context(database.engine, Takes(), Releases(), b"secret", "http://localhost", hint=lambda *_: None)
    companies = 1 if together else -(-leads // mailing.PER_COMPANY)
    told: dict[str, Any] = {"problems": []}
    for number in range(TURNS + 1):
        with database.engine.begin() as conn:
            at = clock.now(conn)
            if number:
                clock.advance(conn, at, at + WITHIN)
            heartbeat.beat(conn, at_rest=True)
        looks, of = _drain(context, database)
        told["first" if number == 0 else f"{number * 4} hours later"] = looks
        if mails is not None and looks["mails"] > mails * companies:
            told["problems"].append(f"{looks['mails']} mails to {companies} companies within four hours")
        again = sum(times > 1 for times in of.values())
        if again:
            told["problems"].append(f"{again} people were looked at more than once at one moment")
    return told


def _drain(context: Context, database: Servers) -> tuple[dict[str, Any], Counter[int]]:
    """Works off what is due at this moment. Returns also how often each enrollment was claimed."""
    of: Counter[int] = Counter()
    claim = enrollments.claim

    def counted(*args: Any, **named: Any) -> Any:
        rows = claim(*args, **named)
        of.update(enrollment.id for enrollment, _ in rows)
        return rows

    before, used = _sent(database), database.used()["postgres"] + time.process_time()
    setattr(enrollments, "claim", counted)  # noqa: B010
    try:
        while places := [args for name, args in due.work(context) if name == "drain"]:
            if max(of.values(), default=0) > 5:
                break  # round and round
            for sequence, position in places:
                while advance.drain(context, str(sequence), str(position)):
                    pass
    finally:
        setattr(enrollments, "claim", claim)  # noqa: B010
    used = database.used()["postgres"] + time.process_time() - used
    looks = sum(of.values())
    cost = {"looks": looks, "mails": _sent(database) - before, "CPU seconds": round(used, 2)}
    return cost | ({"CPU µs a look": round(used * 1e6 / looks, 1)} if looks else {}), of


def _sent(database: Servers) -> int:
    with database.engine.connect() as conn:
        return int(conn.execute(text("SELECT count(*) FROM message WHERE state = 'accepted'")).scalar_one())


if __name__ == "__main__":
    sys.exit(main())
