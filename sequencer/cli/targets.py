"""`sequencer targets`."""

import click

from sequencer.cli import output
from sequencer.cli.database import opened, transaction
from sequencer.core import target_call
from sequencer.core.handoff import policy_of
from sequencer.errors import NotFound
from sequencer.services.release import Releases
from sequencer.settings import Settings
from sequencer.store import calls_out


@click.group()
def command() -> None:
    """Show what other systems were not told yet of handoffs, and tell them again.

    Example: sequencer targets list
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="List at most so many.")
def list_(as_json: bool, limit: int) -> None:
    """List calls that no target took yet, and dead ones, which are not made again by themselves.

    Example: sequencer targets list --json
    """
    with transaction() as conn:
        rows = calls_out.listed(conn, limit)
    found = [
        {
            "id": row.id,
            "target": row.target,
            "type": row.kind,
            "state": row.state,
            "attempts": row.attempts,
            "at": row.at.isoformat(),
            "failure": row.failure,
        }
        for row in rows
    ]
    if as_json:
        output.json({"calls": found})
    elif found:
        output.table(
            [[one[name] for name in ("id", "target", "type", "state", "attempts", "failure")] for one in found]
        )
    else:
        output.line("every target took everything")


@command.command("replay")
@click.argument("ids", type=click.IntRange(1), nargs=-1)
@click.option("--all", "every", is_flag=True, help="Replay all that are dead.")
def replay(ids: tuple[int, ...], every: bool) -> None:
    """Have dead calls made again, by their IDS. Receivers know them by their old ids.

    Example: sequencer targets replay 17 18
    """
    if bool(ids) == every:
        raise click.UsageError("name calls by their ids, or --all")
    with transaction() as conn:
        number = calls_out.replay(conn, None if every else ids)
    output.line(f"{output.counted(number, 'call')} to be made again")


@command.command("secret")
@click.argument("name")
def secret(name: str) -> None:
    """Print the key by which the target NAME tells that a webhook is ours.

    Example: sequencer targets secret crm
    """
    Settings.read().need("SECRET_KEY")
    with opened() as context, context.engine.begin() as conn:
        known = policy_of(Releases().current(conn).workspace).targets
        if name not in known:
            raise NotFound(f"there is no target `{name}`; declared are: {', '.join(sorted(known)) or 'none'}")
        output.line(target_call.shown(target_call.key_of(context.secret, name)))
