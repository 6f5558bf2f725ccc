"""`sequencer simulate`."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

SPAN = "400d"


@click.command()
@click.argument("sequence")
@click.option(
    "--lead",
    "file",
    type=click.Path(exists=True, dir_okay=False),
    help="A CSV file as `leads import` reads it; its first row, or the one with --email, is the lead.",
)
@click.option("--email", help="The lead's address.")
@click.option(
    "--set",
    "given",
    metavar="FIELD=VALUE",
    multiple=True,
    help="A field of the lead, named as in CSV files. Repeatable.",
)
@click.option(
    "--event",
    "happens",
    metavar="WHEN WHAT",
    multiple=True,
    help="Something that happens, as `3d clicked pricing calculator` or `2h after roi: replied`. Repeatable.",
)
@click.option("--start", help="When it begins, as 2026-11-23 09:00 in the lead's own time zone; now unless you say so.")
@click.option("--for", "span", default=SPAN, show_default=True, help="How much time is simulated at most, as 90d.")
@click.option(
    "--not-enrolled", is_flag=True, help="The lead is not in the sequence at the start: an event has to let it in."
)
@click.option(
    "--audience",
    "people",
    type=click.IntRange(1, 100_000),
    metavar="NUMBER",
    help="So many leads at once, who open, click, answer and complain: rates by step, outcomes, mails by day.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="What the audience is drawn from.")
@click.option(
    "--save-as-scenario",
    "name",
    metavar="NAME",
    help="Write what happened and what came of it into sequences/scenarios/, for `sequencer test`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(
    sequence: str,
    file: str | None,
    email: str | None,
    given: Sequence[str],
    happens: Sequence[str],
    start: str | None,
    span: str,
    not_enrolled: bool,
    people: int | None,
    seed: int,
    name: str | None,
    as_json: bool,
) -> None:
    """Walk a lead through SEQUENCE on a virtual clock: what it gets, when by its own clock, and why.

    It reads the workspace's files, as they are now, and takes the same decisions as the workers; nothing is sent and
    no database is asked. What the lead does comes from --event; other sequences that it enters by that are shown, too.
    What an event says: opened STEP, clicked STEP LINK, replied, auto_replied until DATE, bounced, complained,
    unsubscribed TOPIC, resubscribed TOPIC, submitted FORM, visited PAGE, changed FIELD VALUE, halted, or the name of
    an event that comes by the API.

    \b
    Examples:
      sequencer simulate welcome
      sequencer simulate sales-motivation --set stage=mql --set owner_email=ana@example.com \\
        --event "1h after pricing: clicked pricing calculator" --event "2d after roi: replied"
      sequencer simulate education --lead leads.csv --email kim@harbor.example --json
      sequencer simulate sales-motivation --audience 1000 --set stage=mql --set owner_email=ana@example.com
      sequencer simulate welcome --event "1d replied" --save-as-scenario "answers the first mail"
    """
    from itertools import islice

    from sequencer.cli import crowds, output, story
    from sequencer.cli.workspace import compiled_here, series_of
    from sequencer.core.guess import newcomer
    from sequencer.core.simulate import Case, begins, person, simulate
    from sequencer.services.simulate import all_of_csv, from_csv, made_up, refuse_wrong, run_crowd, somebody
    from sequencer.settings import workspace_dir
    from sequencer.workspace.save_scenario import as_scenario, file_name

    cues = tuple(_read("--event", story.cue, text) for text in happens)
    length = _read("--for", story.span, span)
    wall = _read("--start", story.wall, start) if start is not None else None
    values = dict(_read("--set", _pair, text) for text in given)
    workspace, contents = compiled_here()
    series = series_of(workspace, sequence)
    refuse_wrong(cues, workspace, series, contents)
    # Without a database, the machine's own clock is all that there is.
    now = datetime.now(UTC).replace(second=0, microsecond=0)  # noqa: TID251
    if people is not None:
        if cues or email or not_enrolled or name:
            raise click.UsageError("--audience goes with --lead, --set, --start, --for, --seed and --json alone")
        rows = islice(all_of_csv(file) if file is not None else made_up(), people)
        members = ({**row, **values} for row in rows)
        with output.Progress("lead") as progress:
            crowd = run_crowd(
                workspace, contents, series, members, wall, now, length, seed, progress, os.cpu_count() or 1
            )
        if as_json:
            output.json(crowds.as_object(crowd, seed))
        else:
            crowds.say(crowd, seed)
        return
    row: Mapping[str, str] = {}
    if file is not None:
        with open(file, encoding="utf-8-sig", newline="") as opened:
            row = from_csv(opened, email)
    told = somebody(workspace, {**row, **({"email": email} if email else {}), **values})
    found = newcomer(workspace, contents.values(), told)
    at = begins(workspace, series, found, wall) if wall is not None else now
    lead, company = person(found, at)
    case = Case(lead, at, company, cues=cues, enrolled=not not_enrolled, span=length)
    came = simulate(workspace, series, contents, case)
    if name is not None:
        save(workspace_dir() / "sequences" / "scenarios" / file_name(name), as_scenario(name, series, case, came))
    if as_json:
        output.json(story.as_object(workspace, contents, series, case, came))
    else:
        story.say(workspace, contents, series, case, came)


def _read(option: str, read: Any, text: str) -> Any:
    """What the text means; a mistake in it is wrong use."""
    try:
        return read(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def save(path: Path, text: str) -> None:
    """Writes a scenario, and says on standard error where it is. Raises InvalidInput where something is already."""
    from sequencer.errors import InvalidInput

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already: choose another name, or remove it") from None
    click.echo(f"{path} written", err=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"expected a field and its value as `stage=mql`, got `{text[:60]}`")
    return name.strip(), value
