"""`sequencer skip`."""

import click

from sequencer.cli import operated
from sequencer.cli.database import opened
from sequencer.services import operate


@click.command()
@click.argument("email")
@click.option("--sequence", metavar="ID", help="Which one, when the lead is in several.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(email: str, sequence: str | None, as_json: bool) -> None:
    """Take the lead with the address EMAIL past the step that it stands before.

    The waits before the step are skipped with it, and all its arms. A mail that was to go again after a failure is
    what is skipped, if there is one. What comes then is printed, as `sequencer why` tells it.

    \b
    Examples:
      sequencer skip jane@example.com
      sequencer skip jane@example.com --sequence education
    """
    address = email.strip().lower()
    with opened() as context:
        with context.engine.begin() as conn:
            done = operate.skip(context, conn, address, sequence)
        what = f"skipped {done.skipped}" if done.skipped else f"`{done.cancelled}` will not go again"
        operated.say(context, address, [done], what, as_json)
