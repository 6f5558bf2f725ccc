"""`sequencer pause`."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import click

from sequencer.cli import operated, output
from sequencer.cli.database import opened, transaction
from sequencer.services import operate
from sequencer.services.inspect import lead_by_email
from sequencer.services.release import Releases
from sequencer.store import clock, pauses
from sequencer.store.pauses import Reason

_BECAUSE = "an operator asked for it"


@click.command()
@click.argument("email", required=False)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="With EMAIL: goes on by itself then.")
@click.option("--sequence", metavar="ID", help="Only this sequence, for everybody in it.")
@click.option("--because", help="Without EMAIL: why; `status` and the dashboard show it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(
    email: str | None, until: datetime | None, sequence: str | None, because: str | None, as_json: bool
) -> None:
    """Pause all sending until `sequencer resume`; with --sequence that of one sequence, with EMAIL that to one lead.

    Batches that are with the provider already are recorded; no other mail goes. Webhooks, halts and unsubscribes go on
    as ever. Whoever falls due meanwhile follows after the pause, at the rate that workspace.yaml's `catch_up` allows.

    A lead who is paused keeps its place and the rest of its wait, until `sequencer resume EMAIL` or the morning of
    DATE. What the lead does may still end a sequence.

    \b
    Examples:
      sequencer pause --because "the domain is being moved"
      sequencer pause --sequence education --because "the prices in it are old"
      sequencer pause jane@example.com
      sequencer pause jane@example.com --until 2027-01-11
    """
    if email is not None and sequence is not None:
        raise click.UsageError("EMAIL and --sequence do not go together: a lead is paused in all its sequences")
    if email is None:
        if until is not None:
            raise click.UsageError("--until goes with EMAIL: other pauses last until `sequencer resume`")
        if sequence is not None:
            _sequence(sequence, because or _BECAUSE, as_json)
        else:
            _everything(because or _BECAUSE, as_json)
        return
    if because is not None:
        raise click.UsageError("--because goes without EMAIL: it is shown while all sending is paused")
    _lead(email.strip().lower(), until.date() if until is not None else None, as_json)


def _everything(because: str, as_json: bool) -> None:
    with transaction() as conn:
        new = pauses.begin(conn, Reason.OPERATOR, because)
    if as_json:
        output.json({"paused": True, "because": because})
    else:
        output.line("all sending is paused" if new else "all sending was paused already; the reason is the new one")


def _sequence(sequence: str, because: str, as_json: bool) -> None:
    with transaction() as conn:
        new = operate.pause_sequence(conn, Releases().current(conn), sequence, because, clock.now(conn))
    if as_json:
        output.json({"paused": True, "sequence": sequence, "because": because})
    else:
        output.line(f"{sequence} is paused" if new else f"{sequence} was paused already; the reason is the new one")


def _lead(email: str, day: date | None, as_json: bool) -> None:
    with opened() as context:
        with context.engine.begin() as conn:
            lead = lead_by_email(conn, email)
            zone = ZoneInfo(lead.zone or context.releases.current(conn).workspace.zone)
            until = datetime.combine(day, time(), zone).astimezone(UTC) if day is not None else None
            if until is not None and until <= clock.now(conn):
                raise click.UsageError(f"expected a DATE to come, not {day}")
            done = operate.pause(context, conn, email, until)
        operated.say(context, email, done, "paused", as_json)
