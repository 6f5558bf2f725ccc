"""`sequencer halt`."""

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.core import explain
from sequencer.services import halt
from sequencer.store import clock


@click.command()
@click.argument("email")
@click.option("--lift", is_flag=True, help="Take an operator's halt back; the lead may enter sequences again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(email: str, lift: bool, as_json: bool) -> None:
    """Stop all mail to the lead with the address EMAIL, at once and in every sequence.

    The address is suppressed: nobody can enrol it again until the halt is lifted. What the lead itself asked for (an
    unsubscription, a complaint) and bounces cannot be lifted: with --lift the exit code is 1 when the address still
    must not be mailed, or no operator halted it.

    \b
    Examples:
      sequencer halt jane@example.com
      sequencer halt jane@example.com --lift
    """
    address = email.strip().lower()
    with transaction() as conn:
        if lift:
            done = halt.lift(conn, address)
        else:
            ended = halt.halt(conn, address, clock.now(conn)).sequences
    if lift:
        if as_json:
            output.json({"email": address, "lifted": done.lifted, "still_suppressed": done.still})
        elif not done.lifted:
            output.line(f"nothing changes: no operator halted {address}")
        elif done.still is not None:
            output.line(
                f"the halt is lifted, but {address} still must not be mailed: {explain.suppression(done.still)}"
            )
        else:
            output.line(f"{address} may be mailed again; the sequences that the halt stopped stay stopped")
        if not done.lifted or done.still is not None:
            raise click.exceptions.Exit(1)
    elif as_json:
        output.json({"email": address, "halted": True, "sequences": list(ended)})
    else:
        output.line(f"{address} is halted; stopped: {', '.join(ended) or 'nothing, it was in no sequence'}")
