"""How fast mails go out of 60 live steps in two languages, everybody mixed.

    python -m benchmarks steps --leads 30000

Six sequences of ten mails of 20 KB each, in English or German as a condition on the lead's country says: two contents a
step, 120 in all. (Variants of one content by language would be chosen in the same place; there are none yet.)
"""

import sys
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, text

from benchmarks import mailing, report
from benchmarks.measure import Cost, workers
from benchmarks.servers import Servers, servers

SEQUENCES, MAILS = 6, 10
PLACES = [(f"series-{s}", f"locale-{m}") for s in range(SEQUENCES) for m in range(MAILS)]

_HEAD = """
title: Series {number}
state: live
topic: guides
enroll:
  when: manual
from: marketing
exit_on:
  - lead.stage == "customer"
steps:
"""
_STEP = """
  - id: locale-{mail}
    if: lead.country == "DE"
    then:
      - id: de-{mail}
        email: de/s{number}-{mail}
    else:
      - id: en-{mail}
        email: en/s{number}-{mail}
  - wait: 30 days
"""
_LAST = """
  - id: over
    exit: over
"""


def files() -> dict[str, str]:
    found = {"sequences/workspace.yaml": mailing.WORKSPACE, "content/layouts/default.mjml": mailing.LAYOUT}
    for number in range(SEQUENCES):
        steps = "".join(_STEP.format(number=number, mail=mail).lstrip("\n") for mail in range(MAILS))
        found[f"sequences/series-{number}.yaml"] = _HEAD.format(number=number) + steps + _LAST.lstrip("\n")
        for mail in range(MAILS):
            for locale in ("de", "en"):
                subject = f"{locale} {number} {mail} for {{{{ company.name or 'you' }}}}"
                found[f"content/{locale}/s{number}-{mail}.md"] = mailing.content(subject)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("steps", __doc__)
    parser.add_argument("--leads", type=int, default=30_000)
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
        costs = run(made, chosen.leads, chosen.processes, chosen.rounds)
    return report.costs(about, {"60 steps": costs}, chosen.json)


def run(made: Servers, leads: int, processes: int, rounds: int) -> list[Cost]:
    mailing.deploy(made.engine, files())
    costs = []
    with workers(made, "product", processes) as product:
        for _ in range(rounds):
            mailing.load(made.engine, leads, PLACES)
            costs.append(product.run())
            _check(made.engine)
    return costs


def _check(engine: Engine) -> None:
    """Every step was mailed in both languages."""
    with engine.begin() as conn:
        mailed = int(conn.execute(text("SELECT count(DISTINCT content) FROM message")).scalar_one())
    if mailed != 2 * len(PLACES):
        raise RuntimeError(
            f"of {2 * len(PLACES)} contents only {mailed} were mailed: {len(PLACES)} steps in 2 languages"
        )


def rows(full: bool) -> Iterator[report.Row]:
    with servers() as made:
        cost = report.medians(run(made, 200_000 if full else 12_000, processes=2, rounds=5 if full else 3))
    what = f"{cost.mails:,} due at 60 live steps in 2 languages, mixed"
    yield report.at_least(what, cost.rate, 7_000, "mails/s")


if __name__ == "__main__":
    sys.exit(main())
