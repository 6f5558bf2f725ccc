"""`sequencer dev`."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sequencer.cli.dev_run import Choices


class Span(click.ParamType[timedelta]):
    """`90d`, `36h`, `2w`."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        found = re.fullmatch(r"([1-9][0-9]{0,3})([hdw])", str(value).strip())
        if found is None:
            self.fail(f"expected a number and h, d or w, such as 90d, got {value!r}", param, ctx)
        return timedelta(hours=int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]])


@click.command()
@click.option("--until", type=Span(), help="Run headless on a throw-away database for so much virtual time: 90d, 12h.")
@click.option("--json", "as_json", is_flag=True, help="With --until: print the report as one JSON object.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="What the audience is drawn from.")
@click.option("--speed", type=click.IntRange(1, 1_000_000), help="Virtual seconds per second; the audience reacts.")
@click.option("--fresh", is_flag=True, help="Forget what earlier starts left in .sequencer/ and begin anew.")
def command(until: timedelta | None, as_json: bool, seed: int, speed: int | None, fresh: bool) -> None:
    """Run everything on this machine: PostgreSQL, Valkey, web, workers, clock and a SendGrid look-alike.

    DATABASE_URL, REDIS_URL and SENDGRID_HOST point to others where they are set. Ctrl-C stops everything; the next
    start goes on where this one was.

    Example: sequencer dev --until 90d --json --seed 1
    """
    if until is None and as_json:
        raise click.UsageError("--json goes with --until")
    if until is not None and (speed is not None or fresh):
        raise click.UsageError("--until runs as fast as it can, on a fresh database: without --speed and --fresh")
    from sequencer.cli import dev_run

    choices: Choices = dev_run.Choices(seed=seed, speed=speed, fresh=fresh)
    if until is None:
        dev_run.serve(choices)
    else:
        dev_run.race(choices, until, as_json)
