"""`sequencer week`."""

from collections.abc import Mapping
from typing import Any

import click

from sequencer.cli import output
from sequencer.cli.database import opened
from sequencer.core.week import DROPPED, WAITS
from sequencer.services.week import Foreseen, foresee

BAR = 24
"""Letters of the longest bar."""


@click.command()
@click.option("--days", type=click.IntRange(1, 31), default=7, show_default=True, help="How many, from today on.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    help="People looked at when there are more; what is counted stands for all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(days: int, sample: int, as_json: bool) -> None:
    """Say what the coming days will bring, if nobody reacts: mails by day and sequence.

    Everybody inside is walked on by the decisions that the workers take, from where they stand now, and so is whom
    time will let in (`silent`, `before`, `at`). Shown are mails, how many have to wait (over a cap, without an owner)
    or are skipped, and in which countries leads have a public holiday. Scores are the stored ones, as they fade; who
    engages in a company, and who is ready for sales, stays as it is now. Each lead is walked by themselves: a cap per
    company does not know what their colleagues are still to get. Nothing is changed or sent. Days are those of the
    workspace's time zone.

    \b
    Examples:
      sequencer week
      sequencer week --days 14 --json
    """
    with opened() as context, output.Progress("lead") as progress:
        found = foresee(context, days, sample, progress)
    if as_json:
        output.json(as_object(found))
    else:
        say(found)


def as_object(found: Foreseen) -> Mapping[str, Any]:
    return {
        "people": found.people,
        "looked_at": found.looked_at,
        "days": [
            {
                "day": when.isoformat(),
                "mails": {name: found.scaled(count) for name, count in sorted(day.mails.items())},
                "waits": {why: found.scaled(count) for why, count in sorted(day.waits.items())},
                "holidays": {country: found.scaled(count) for country, count in sorted(day.holidays.items())},
            }
            for when, day in found.week.days.items()
        ],
    }


def say(found: Foreseen) -> None:
    days = found.week.days
    if found.looked_at < found.people:
        output.line(f"of {found.people:,} people {found.looked_at:,} were looked at; the counts stand for all")
    else:
        output.line(f"{output.counted(found.people, 'lead')}, if nobody reacts")
    names = sorted({name for day in days.values() for name in day.mails})
    reasons = [why for why in [*dict.fromkeys(WAITS.values()), DROPPED] if any(day.waits[why] for day in days.values())]
    most = max((day.mails.total() for day in days.values()), default=0)
    shown = names if len(names) > 1 else []
    output.line()
    output.table(
        [
            ("", "mails", "", *shown, *reasons, "holidays"),
            *(
                (
                    f"{when:%a} {when.day} {when:%b}",
                    found.scaled(day.mails.total()),
                    "▇" * -(-day.mails.total() * BAR // most) if most else "",
                    *(found.scaled(day.mails[name]) for name in shown),
                    *(found.scaled(day.waits[why]) for why in reasons),
                    ", ".join(f"{country} {found.scaled(n):,}" for country, n in sorted(day.holidays.items())),
                )
                for when, day in days.items()
            ),
        ]
    )
    output.line()
    total = found.scaled(sum(day.mails.total() for day in days.values()))
    output.line(f"{output.counted(total, 'mail')} in {output.counted(len(days), 'day')}")
