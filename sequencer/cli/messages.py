"""`sequencer messages`."""

import click

from sequencer.cli import output
from sequencer.cli.database import opened, transaction
from sequencer.services import inspect
from sequencer.services.release import Releases
from sequencer.services.resolve import Verdict, resolve
from sequencer.store import messages


@click.group()
def command() -> None:
    """Show and resolve messages that are held.

    A message is held when nobody knows whether the provider took it: the connection broke after the request was
    written, say. Its webhook events settle it by themselves, as soon as one comes. Until then it is never sent again,
    unless its step says `on_unknown`; after 24 hours the sequence goes on without it.

    Example: sequencer messages held
    """


@command.command("held")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="List at most so many.")
def held(as_json: bool, limit: int) -> None:
    """List held messages, the oldest first, and why each is.

    Example: sequencer messages held --json
    """
    with transaction() as conn:
        found = inspect.held(conn, Releases().current(conn), limit)
        total = messages.unknown(conn)
    if as_json:
        output.json({"held": found, "total": total})
        return
    if not found:
        output.line("nothing is held")
        return
    output.table([(m["sent_at"][:16], m["sequence"], m["step"], m["to"], m["failure"] or "") for m in found])
    if total > len(found):
        output.line(f"{total - len(found)} more")


@command.command("resolve")
@click.argument("email", required=False)
@click.option(
    "--as", "verdict", type=click.Choice([v.value for v in Verdict]), required=True, help="What became of it."
)
@click.option("--all", "everybody", is_flag=True, help="All held messages, instead of one lead's.")
@click.option("--step", help="Only messages of the step with this id.")
@click.option("--sequence", help="Only messages of this sequence.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def resolve_(
    email: str | None, verdict: str, everybody: bool, step: str | None, sequence: str | None, as_json: bool
) -> None:
    """Decide what became of the held messages to the lead with the address EMAIL, or of --all.

    \b
    --as sent     it went (you found it in the provider's activity); the sequence goes on
    --as resend   it goes again now; if it did go before, the lead gets it twice
    --as drop     it did not go and shall not; the sequence goes on

    An event that proves that a message went counts more than what was decided here.

    \b
    Examples:
      sequencer messages resolve jane@example.com --as sent
      sequencer messages resolve --all --sequence education --step welcome --as resend
    """
    if (email is None) != everybody:
        raise click.UsageError("expected one lead's EMAIL, or --all")
    with opened() as context:
        done = resolve(context, Verdict(verdict), email.strip().lower() if email else None, step, sequence)
    if as_json:
        output.json({"resolved": done.resolved, "ended": done.ended})
    else:
        output.line(f"{done.resolved} resolved as {verdict}" if done.resolved else "nothing that fits is held")
        if done.ended:
            output.line(f"{done.ended} cannot go again, because their sequence has ended: they stay held")
    if not done.resolved or done.ended:
        raise click.exceptions.Exit(1)
