"""`sequencer resume`."""

import click

from sequencer.cli import output
from sequencer.cli.database import opened
from sequencer.services import heartbeat


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(as_json: bool) -> None:
    """Resume sending after a pause, whoever paused it.

    Sending is paused by `sequencer pause`, when the provider refuses the API key, and when the database may have been
    restored from a backup: what was sent after the backup is not in its ledger and would be sent again. Look into the
    provider's activity before you resume then; `sequencer halt` and `sequencer messages` help with single leads.

    Example: sequencer resume
    """
    with opened() as context:
        ended = heartbeat.resume(context)
    if as_json:
        output.json({"resumed": [{"reason": p.reason.value, "detail": p.detail} for p in ended]})
        return
    for pause in ended:
        output.line(f"ended: {pause.detail}")
    output.line("sending goes on" if ended else "nothing changes: sending was not paused")
