"""`sequencer tasks`."""

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.core.event import Event
from sequencer.core.sequence import DONE_BY
from sequencer.services import inspect
from sequencer.services.owners import owners
from sequencer.services.react import react
from sequencer.services.release import Releases
from sequencer.store import clock, tasks

CALL = "call"


@click.group()
def command() -> None:
    """Show the calls that reps are to make, and log one.

    A `task` step of a sequence puts them there. A call that the CRM logs, as the event `call_logged`, takes them off.

    Example: sequencer tasks list --rep ana@example.com
    """


@command.command("list")
@click.option("--rep", help="Only those of the rep with this address.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="List at most so many.")
def list_(rep: str | None, as_json: bool, limit: int) -> None:
    """List the calls to make, what is due first.

    Example: sequencer tasks list --rep ana@example.com --json
    """
    with transaction() as conn:
        found = inspect.tasks_view(conn, Releases().current(conn), rep.strip().lower() if rep else None, limit)
    if as_json:
        output.json({"tasks": found})
        return
    if not found:
        output.line("nothing is to be done")
        return
    output.table([(t["due_at"][:16], t["rep"] or "nobody", t["kind"], t["email"], t["note"]) for t in found])


@command.command("done")
@click.argument("email")
def done(email: str) -> None:
    """Log a call to the lead with the address EMAIL: what asked for one is done, and sequences that waited go on.

    Example: sequencer tasks done jane@example.com
    """
    with transaction() as conn:
        lead, now = inspect.lead_by_email(conn, email), clock.now(conn)
        waiting = tasks.count_of(conn, lead.id, CALL)
        release = Releases().current(conn)
        rep = owners(conn, release.workspace, [lead]).get(lead.id)
        data = {"rep": rep.email} if rep is not None else {}
        event = Event(DONE_BY[CALL], now, lead.id, f"operator.{now.timestamp()}", "operator", data=data)
        react(conn, release, [event], now)
    output.line(f"logged; {waiting} {'task is' if waiting == 1 else 'tasks are'} done")
