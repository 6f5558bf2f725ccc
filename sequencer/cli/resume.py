"""`sequencer resume`."""

import click

from sequencer.cli import operated, output
from sequencer.cli.database import opened
from sequencer.services import heartbeat, operate


@click.command()
@click.argument("email", required=False)
@click.option("--sequence", metavar="ID", help="Only this sequence, which `sequencer pause --sequence` paused.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(email: str | None, sequence: str | None, as_json: bool) -> None:
    """Resume sending after a pause, whoever paused it; with --sequence one sequence, with EMAIL one lead.

    Sending is paused by `sequencer pause`, when the provider refuses the API key, and when the database may have been
    restored from a backup: what was sent after the backup is not in its ledger and would be sent again. Look into the
    provider's activity before you resume then; `sequencer halt` and `sequencer messages` help with single leads.

    A lead is paused by `sequencer pause EMAIL`, by a reply and by an out-of-office note. It goes on where it stood,
    with the rest of its wait; behind a sequence that goes first, it waits on.

    \b
    Examples:
      sequencer resume
      sequencer resume --sequence education
      sequencer resume jane@example.com
    """
    if email is not None and sequence is not None:
        raise click.UsageError("EMAIL and --sequence do not go together")
    if sequence is not None:
        _sequence(sequence, as_json)
        return
    if email is not None:
        _lead(email.strip().lower(), as_json)
        return
    with opened() as context:
        ended = heartbeat.resume(context)
    if as_json:
        output.json({"resumed": [{"reason": p.reason.value, "detail": p.detail} for p in ended]})
        return
    for pause in ended:
        output.line(f"ended: {pause.detail}")
    output.line("sending goes on" if ended else "nothing changes: sending was not paused")


def _sequence(sequence: str, as_json: bool) -> None:
    with opened() as context, output.Progress("lead") as progress:
        ended, people, window = operate.resume_sequence(context, sequence, progress)
    if as_json:
        output.json({"resumed": ended, "sequence": sequence, "people": people, "within": window.total_seconds()})
    elif not ended and not people:
        output.line(f"nothing changes: {sequence} was not paused")
    else:
        follow = f"{people:,} who fell due meanwhile follow" + (f" within {window}" if window else "")
        output.line(f"{sequence} goes on" + (f"; {follow}" if people else ""))


def _lead(email: str, as_json: bool) -> None:
    with opened() as context:
        with context.engine.begin() as conn:
            done = operate.resume(context, conn, email)
        if not done and not as_json:
            output.line(f"nothing changes: {email} is not paused")
        else:
            operated.say(context, email, done, "goes on", as_json)
