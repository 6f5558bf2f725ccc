"""Makes a workspace the current deployment, once everything is confirmed that cannot be taken back."""

import click
from sqlalchemy.exc import IntegrityError

from sequencer.cli import output, plan_text
from sequencer.cli.database import transaction
from sequencer.cli.plan_json import as_object
from sequencer.core.plan import Plan
from sequencer.core.workspace import Workspace
from sequencer.errors import SequencerError
from sequencer.services.plan import foresee
from sequencer.services.release import Candidate, Releases, switch
from sequencer.settings import deploy_confirm
from sequencer.store import clock, releases

confirm_option = click.option(
    "--confirm",
    "code",
    metavar="CODE",
    help="The code that the plan of this very change tells; without it DEPLOY_CONFIRM, as in a release phase.",
)


def land(to: Candidate, code: str | None, as_json: bool, command: str) -> tuple[int, bool]:
    """The deployment's number, and whether it is a new one. What is to be confirmed and is not ends the command."""
    seen, plan, before = _planned(to)
    if plan is not None and plan.dangers and (given := code or deploy_confirm()) != plan.code:
        _refuse(plan, given, as_json, command)
    try:
        with transaction() as conn:
            if releases.current(conn) != seen:
                raise _overtaken()
            return switch(conn, to, clock.now(conn), before)
    except IntegrityError as error:
        raise _overtaken() from error


def _planned(to: Candidate) -> tuple[tuple[int, str] | None, Plan | None, Workspace | None]:
    """What runs now, what would change, and in what; None when nothing runs that can be read."""
    with transaction() as conn:
        running = releases.current(conn)
        if running is None or running[1] == to.digest:
            return running, None, None
        known = Releases()
        current = known.at(conn, running[0])
        if current is None:
            return running, None, None
        return running, foresee(conn, known, current, to, clock.now(conn)), current.workspace


def _refuse(plan: Plan, given: str | None, as_json: bool, command: str) -> None:
    if as_json:
        output.json({"ok": False, "confirm": plan.code, "plan": as_object(plan)})
    else:
        click.echo(plan_text.as_text(plan, command), nl=False)
    wrong = f"`{output.plain(given)}` confirms another change; " if given else ""
    raise SequencerError(
        f"nothing was deployed: {wrong}somebody has to confirm this by `{command} --confirm {plan.code}`, or by"
        f" DEPLOY_CONFIRM={plan.code} in the environment"
    )


def _overtaken() -> SequencerError:
    return SequencerError("another deploy came first: look at what it deployed, then deploy again")
