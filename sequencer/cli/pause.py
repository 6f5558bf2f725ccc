"""`sequencer pause`."""

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.store import pauses
from sequencer.store.pauses import Reason


@click.command()
@click.option("--because", default="an operator asked for it", help="Why; `status` and the dashboard show it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(because: str, as_json: bool) -> None:
    """Pause all sending, in every sequence, until `sequencer resume`.

    Batches that are with the provider already are recorded; no other mail goes. Webhooks, halts and unsubscribes go on
    as ever. Whoever falls due meanwhile follows after the pause, at the rate that workspace.yaml's `catch_up` allows.

    Example: sequencer pause --because "the domain is being moved"
    """
    with transaction() as conn:
        new = pauses.begin(conn, Reason.OPERATOR, because)
    if as_json:
        output.json({"paused": True, "because": because})
    else:
        output.line("all sending is paused" if new else "all sending was paused already; the reason is the new one")
