"""`sequencer reviews`."""

from collections.abc import Callable

import click
from sqlalchemy import Connection

from sequencer.cli import output
from sequencer.cli.database import opened, transaction
from sequencer.services import inspect, review
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.services.review import Said
from sequencer.store.reviews import Key


@click.group()
def command() -> None:
    """Show the mails that wait for a rep to look at them, and send or skip one.

    `review` at an email of a sequence has it wait. The dashboard's page Reviews shows each, and takes changes.

    Example: sequencer reviews list --rep ana@example.com
    """


@command.command("list")
@click.option("--rep", help="Only those of the rep with this address.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="List at most so many.")
def list_(rep: str | None, as_json: bool, limit: int) -> None:
    """List the mails that wait, what is due first.

    Example: sequencer reviews list --rep ana@example.com --json
    """
    with transaction() as conn:
        found = inspect.reviews_view(conn, Releases().current(conn), rep.strip().lower() if rep else None, limit)
    if as_json:
        output.json({"reviews": found})
        return
    if not found:
        output.line("no mail waits for a review")
        return
    output.table([(r["due_at"][:16], r["rep"] or "nobody", r["email"], r["sequence"], r["step"]) for r in found])


@command.command("send")
@click.argument("email")
@click.option("--step", metavar="ID", help="Which mail, when several wait.")
def send(email: str, step: str | None) -> None:
    """Have the mail to the lead with the address EMAIL go as it is, as soon as hours, gap and caps let it.

    Example: sequencer reviews send jane@example.com
    """
    said = _say(email, step, review.send)
    output.line(f"{said.name} of {said.sequence} goes as it is")


@command.command("skip")
@click.argument("email")
@click.option("--step", metavar="ID", help="Which mail, when several wait.")
def skip(email: str, step: str | None) -> None:
    """Have the mail to the lead with the address EMAIL never go; the sequence goes on without it.

    Example: sequencer reviews skip jane@example.com
    """
    said = _say(email, step, review.skip)
    output.line(f"{said.name} of {said.sequence} is skipped")


def _say(email: str, step: str | None, act: Callable[[Context, Connection, Key], Said]) -> Said:
    address = email.strip().lower()
    with opened() as context, context.engine.begin() as conn:
        return act(context, conn, review.one_of(conn, context.releases.current(conn), address, step))
