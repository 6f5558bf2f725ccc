"""`sequencer events`."""

import click

from sequencer.cli import output
from sequencer.cli.database import opened, transaction
from sequencer.errors import NotFound
from sequencer.services import replay
from sequencer.store import intake


@click.group()
def command() -> None:
    """Show webhooks that were set aside, and take them up again.

    A webhook is set aside when something in it cannot be processed. Whatever else it says counts already, and nothing
    counts twice, so that replaying is never wrong.

    Example: sequencer events list
    """


@command.command("list", short_help="List what is set aside, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def list_(as_json: bool) -> None:
    """List what is set aside, the oldest first: id, when it came, by which door, of how many events, and why.

    Example: sequencer events list --json
    """
    with transaction() as conn:
        found = replay.listed(conn)
    if as_json:
        output.json(found)
        return
    if not found["bodies"]:
        output.line("nothing is set aside")
        return
    rows = [
        (body["id"], body["at"][:16], body["door"], _events(body["events"]), body["problem"].partition("\n")[0])
        for body in found["bodies"]
    ]
    output.table([("id", "came (UTC)", "door", "set aside", "why"), *rows])
    if found["set_aside"] > len(rows):
        output.line(f"and {found['set_aside'] - len(rows):,} more")


def _events(count: int | None) -> str:
    return "all of it" if count is None else output.counted(count, "event")


@command.command(short_help="Show what is set aside of a webhook.")
@click.argument("body_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(body_id: int, as_json: bool) -> None:
    """Show why the webhook ID is set aside, and what it says: the events concerned, or the email, or the raw text.

    Example: sequencer events show 17
    """
    with transaction() as conn:
        found = replay.shown(conn, body_id)
    if as_json:
        output.json(found)
        return
    output.line(f"{found['door']}, {found['bytes']:,} bytes, came {found['at'][:16]} UTC")
    for line in found["problem"].splitlines():
        output.line(f"  {line}")
    for line in replay.readable(found["said"]):
        output.line(line)


@command.command("replay", short_help="Take up again what is set aside.")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1, 2**63 - 1))
@click.option("--all", "everything", is_flag=True, help="Take up all that is set aside.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def replay_(ids: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """Take up the webhooks with these IDs, or all, at once and without the workers; says what came of each.

    When something is still set aside, or an ID is not, the exit code is 1.

    \b
    Examples:
      sequencer events replay 17 18
      sequencer events replay --all
    """
    if bool(ids) == everything:
        raise click.UsageError("expected the IDs of webhooks (see `sequencer events list`), or --all")
    done, unknown = [], []
    with opened() as context, output.Progress("webhook") as progress:
        if everything:
            with context.engine.connect() as conn:
                ids = tuple(intake.aside_ids(conn))
        for body_id in dict.fromkeys(ids):
            try:
                done.append(replay.replay(context, body_id))
            except NotFound as error:
                unknown.append(str(error))
            progress(1)
    left = [one for one in done if one.problem is not None]
    if as_json:
        output.json(
            {
                "replayed": [{"id": one.id, "new": one.new, "problem": one.problem} for one in done],
                "not_set_aside": unknown,
            }
        )
    else:
        for one in done:
            output.line(f"{one.id}: {output.counted(one.new, 'new event')}, {_rest(one.problem)}")
        for problem in unknown:
            click.echo(f"Error: {problem}", err=True)
        if not done and not unknown:
            output.line("nothing is set aside")
    if left or unknown:
        raise click.exceptions.Exit(1)


def _rest(problem: str | None) -> str:
    return "all of it counts now" if problem is None else f"still set aside: {problem}"
