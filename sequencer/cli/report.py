"""`sequencer report`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.services.release import Releases
from sequencer.services.results import FUNNEL, REP, report
from sequencer.store import clock


@click.command()
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="Look back so many days.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(days: int, as_json: bool) -> None:
    """Say what came of handoffs: by rep, why they were declined, and by first-touch campaign.

    Half of what a rep accepted was accepted within the hours that are shown, nights and weekends included.

    Example: sequencer report --days 30
    """
    with transaction() as conn:
        found = report(conn, Releases().current(conn), clock.now(conn) - timedelta(days=days))
    if as_json:
        output.json(found)
    else:
        say(found)


def say(found: Mapping[str, Any]) -> None:
    """Three tables; what there is nothing of is left out."""
    if not found["reps"] and not found["campaigns"]:
        output.line("nothing was handed off, and no lead is new")
        return
    if found["reps"]:
        output.table(
            [
                ("handoffs", *REP, "hours to accept"),
                *(
                    (one["rep"] or "nobody", *(one[name] for name in REP), _hours(one["hours_to_accept"]))
                    for one in found["reps"]
                ),
            ]
        )
    if found["reasons"]:
        output.line()
        output.table(
            [
                ("why not", "times"),
                *(
                    (f"{one['state']}: {one['reason'] or 'no reason was given'}", one["times"])
                    for one in found["reasons"]
                ),
            ]
        )
    if found["campaigns"]:
        output.line()
        names = [name.replace("_", " ") for name in FUNNEL]
        output.table(
            [
                ("first touch", *names),
                *((one["campaign"] or "unknown", *(one[name] for name in FUNNEL)) for one in found["campaigns"]),
            ]
        )


def _hours(hours: float | None) -> str | None:
    return None if hours is None else f"{hours:g}"
