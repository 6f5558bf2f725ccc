"""`sequencer move`."""

import click

from sequencer.cli import operated
from sequencer.cli.database import opened
from sequencer.services import operate


@click.command()
@click.argument("email")
@click.option("--before", "step", metavar="STEP", required=True, help="The id of the step to stand before.")
@click.option("--sequence", metavar="ID", help="Which one, when several that the lead is in have such a step.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(email: str, step: str, sequence: str | None, as_json: bool) -> None:
    """Have the lead with the address EMAIL stand before STEP, forwards or backwards.

    STEP may also be the id of a wait. The waits before the step begin now. What was passed already is not done again:
    nobody gets a mail twice. Before a step inside an arm, the arm counts as taken; into an arm next to the one that the
    lead went down, nobody is moved. What comes then is printed, as `sequencer why` tells it.

    \b
    Examples:
      sequencer move jane@example.com --before proof
      sequencer move jane@example.com --before pricing --sequence sales-motivation
    """
    address = email.strip().lower()
    with opened() as context:
        with context.engine.begin() as conn:
            done = operate.move(context, conn, address, step, sequence)
        what = f"stands before `{step}`"
        if done.cancelled:
            what += f"; `{done.cancelled}` will not go again"
        if done.passed:
            what += ", which was passed before and is not done again"
        operated.say(context, address, [done], what, as_json)
