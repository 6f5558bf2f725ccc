"""`sequencer rollback`."""

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.cli.landing import confirm_option, land
from sequencer.errors import NotFound
from sequencer.services.release import Candidate, Releases, again
from sequencer.store import releases


@click.command()
@click.argument("number", required=False, type=click.IntRange(min=1))
@confirm_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(number: int | None, code: str | None, as_json: bool) -> None:
    """Deploy an older deployment again, as the next number.

    NUMBER is the deployment to go back to; without it, the one before the current one. People go on from where they
    stand: who got a mail meanwhile has got it. What cannot be taken back for somebody has to be confirmed, as in
    `sequencer deploy`.

    Example: sequencer rollback 12
    """
    back, to = _older(number)
    made, new = land(to, code, as_json, f"sequencer rollback {back}")
    if as_json:
        output.json({"ok": True, "deployment": made, "new": new, "back_to": back})
    elif new:
        output.line(f"deployment {made}: the workspace of deployment {back}")
    else:
        output.line(f"nothing changes: deployment {made} already runs the workspace of deployment {back}")


def _older(number: int | None) -> tuple[int, Candidate]:
    with transaction() as conn:
        running = releases.current(conn)
        newest = running[0] if running is not None else 0
        wanted = newest - 1 if number is None else number
        if not 1 <= wanted <= newest:
            there = f"there are 1 to {newest}" if newest else "nothing is deployed yet"
            missing = "older deployment" if number is None else f"deployment {number}"
            raise NotFound(f"there is no {missing}: {there}")
        return wanted, again(conn, Releases(), wanted)
