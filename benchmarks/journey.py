"""How fast leads go a whole way: enrolled, mailed, waiting for a click, and mailed again as they clicked or not.

    python -m benchmarks journey --leads 10000

Two mails a lead of 20 KB each, and what the provider tells of both: processed, delivered, and half of the first mails
opened and clicked. Webhook bodies of 768 KB lie in the database, as the web stores them; taking them in is counted, and
so is enrolling. Business time jumps over the days for which the click is awaited; phases follow each other.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

import orjson
from sqlalchemy import Connection, text

from benchmarks import mailing, report
from benchmarks.measure import Spent, Workers, cost, workers
from benchmarks.servers import Servers, servers
from sequencer.store import clock, intake

POST = 768 * 1024
"""Bytes of a webhook body at most (SendGrid's documentation)."""
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"

_SEQUENCE = """
title: Journey
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - replied()
steps:
  - email: first
  - id: looked
    if: clicked("first", "calculator")
    within: 3 days
    then:
      - email: second
    else:
      - email: third
"""


def files() -> dict[str, str]:
    return {
        "sequences/workspace.yaml": mailing.WORKSPACE,
        "sequences/journey.yaml": _SEQUENCE,
        "content/layouts/default.mjml": mailing.LAYOUT,
        **{
            f"content/{name}.md": mailing.content(f"The {name} for {{{{ company.name or 'you' }}}}")
            for name in ("first", "second", "third")
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("journey", __doc__)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
        spent = run(made, chosen.leads, chosen.processes, chosen.rounds)
    # Each phase's share beside the whole.
    costs = {"journey": [cost(2 * chosen.leads, list(one.values())) for one in spent]}
    costs |= {phase: [cost(2 * chosen.leads, [one[phase]]) for one in spent] for phase in spent[0]}
    return report.costs(about, costs, chosen.json)


def run(made: Servers, leads: int, processes: int, rounds: int) -> list[dict[str, Spent]]:
    mailing.deploy(made.engine, files())
    spent = []
    with workers(made, "product", processes) as product:
        for _ in range(rounds):
            mailing.load(made.engine, leads, [])
            spent.append(_way(made, product, leads))
    return spent


def rows(full: bool) -> Iterator[report.Row]:
    leads = 100_000 if full else 5_000
    with servers() as made:
        spent = run(made, leads, processes=2, rounds=5 if full else 3)
    rate = median(cost(2 * leads, list(one.values())).rate for one in spent)
    what = f"{leads:,} leads enrolled, mailed, waiting for a click, mailed again, with the events of all"
    yield report.at_least(what, rate, 5_000, "mails/s")


def _way(made: Servers, product: Workers, leads: int) -> dict[str, Spent]:
    """What each phase took, in their order."""
    spent = {"enrolling": product.phase("enroll"), "first mails": product.phase("drain")}
    tell(made, "first")
    spent["events of the first"] = product.phase("intake")
    spent["mails after a click"] = product.phase("drain")
    with made.engine.begin() as conn:
        clock.start_virtual(conn, clock.now(conn) + timedelta(days=3, hours=1), speed=1)
    spent["mails without one"] = product.phase("drain")
    tell(made, "second", "third")
    spent["events of the second"] = product.phase("intake")
    check(made, leads)
    return spent


def check(made: Servers, leads: int) -> None:
    """Everybody finished, with both mails delivered, the second by whether they clicked."""
    with made.engine.begin() as conn:
        delivered = conn.execute(text("SELECT step, count(*) FROM message WHERE state = 'delivered' GROUP BY step"))
        steps = {step: count for step, count in delivered}
        finished = conn.execute(text("SELECT count(*) FROM enrollment WHERE status = 'finished'")).scalar_one()
    expected = {"first": leads, "second": leads // 2, "third": leads - leads // 2}
    if (steps, finished) != (expected, leads):
        raise RuntimeError(f"expected {expected} delivered and {leads} finished, got {steps} and {finished}")


def tell(made: Servers, *steps: str) -> None:
    """Stores what the provider says of these mails, as the web does."""
    with made.engine.begin() as conn:
        now = clock.now(conn)
        for body in _bodies(conn, steps, int(now.timestamp())):
            intake.put(conn, "events", body, "application/json", False)
    mailing.settle(made.engine)


def _bodies(conn: Connection, steps: Sequence[str], at: int) -> Iterator[bytes]:
    rows = conn.execute(
        text(
            "SELECT enrollment_id, step, lead_id, email, request_id, message_id FROM message"
            " WHERE step = ANY(:steps) ORDER BY enrollment_id"
        ),
        {"steps": list(steps)},
    )
    body: list[bytes] = []
    size = 2
    for enrollment_id, step, lead_id, email, request_id, message_id in rows:
        common = {
            "email": email,
            "smtp-id": message_id,
            "sg_message_id": f"{request_id[:22]}.recvd-5c9d{lead_id % 97:04x}-1-65F1A0B2-{lead_id:X}.0",
            "category": ["journey"],
            "sq_enrollment": str(enrollment_id),
            "sq_step": step,
            "sq_lead": str(lead_id),
            "sq_attempt": "1",
            "sq_sequence": "journey",
            "sq_request": request_id,
        }
        kinds = ["processed", "delivered"] + (["open", "click"] if step == "first" and lead_id % 2 == 0 else [])
        for number, kind in enumerate(kinds):
            event = {**common, "event": kind, "timestamp": at + number, "sg_event_id": f"{enrollment_id}{step}{kind}"}
            if kind in ("open", "click"):
                event |= {"useragent": AGENT, "ip": "192.0.2.7"}
            if kind == "click":
                token = message_id[1:33]
                event["url"] = f"https://www.acme.example/calculator?sq={token}.1"
            text_ = orjson.dumps(event)
            if size + len(text_) > POST:
                yield b"[%b]" % b",".join(body)
                body, size = [], 2
            body.append(text_)
            size += len(text_) + 1
    if body:
        yield b"[%b]" % b",".join(body)


if __name__ == "__main__":
    sys.exit(main())
