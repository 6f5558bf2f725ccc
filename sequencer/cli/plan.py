"""`sequencer plan`."""

import os
from pathlib import Path

import click

from sequencer.cli import output, plan_github, plan_text, problems
from sequencer.cli.database import transaction
from sequencer.cli.plan_json import as_object
from sequencer.core.plan import Plan
from sequencer.services import positions, shelves
from sequencer.services.compile import Compiled, compile_workspace
from sequencer.services.plan import foresee
from sequencer.services.release import Candidate, Releases, WorkspaceProblems, candidate
from sequencer.settings import cache_dir, workspace_dir
from sequencer.store import clock
from sequencer.workspace.load import read_files

FORMATS = ("text", "json", "github")
NAMED = 1_000
"""People whom --names names at most."""


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How the plan is printed: github is a comment for a pull request.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json: one object instead of text.")
@click.option(
    "--positions",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with this file, which --export-positions wrote, in place of the database.",
)
@click.option(
    "--export-positions",
    "export_to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write who stands where since when, counted, and the deployed workspace into this file instead.",
)
@click.option("--names", is_flag=True, help="Say by address who becomes sales-ready, of 1,000 people at most.")
def command(form: str, path: Path | None, export_to: Path | None, names: bool) -> None:
    """Say what a deploy of the workspace would change, and for how many people.

    Compares the workspace of WORKSPACE_DIR or the current folder with what is deployed, step by step, and counts what
    becomes of those inside. Nothing is changed. What cannot be taken back for somebody stands at the end, with the code
    by which `deploy` is told that it is meant.

    Example: sequencer plan --format github
    """
    if export_to is not None:
        export(export_to)
        return
    if names and (form == "github" or path is not None):
        raise click.UsageError("--names needs the database, and a pull request is to name nobody.")
    to = _here()
    try:
        found = _foreseen(to, path, NAMED if names else 0)
    except WorkspaceProblems as wrong:
        click.echo(problems.as_text(Compiled(None, {}, wrong.problems), to.files), err=True)
        raise click.exceptions.Exit(1) from wrong
    if form == "json":
        output.json(as_object(found))
    else:
        click.echo((plan_github.as_github if form == "github" else plan_text.as_text)(found), nl=False)


def export(path: Path) -> None:
    with transaction() as conn:
        known = Releases()
        current = known.current(conn)
        written = positions.export(conn, known, current, clock.now(conn))
    path.write_bytes(written)
    output.line(f"who stands where in deployment {current.number}: {path}")


def _here() -> Candidate:
    files = read_files(workspace_dir())
    compiled = compile_workspace(files, shelf=shelves.opened(cache_dir()), processes=os.cpu_count() or 1)
    if compiled.workspace is None:
        click.echo(problems.as_text(compiled, files), err=True)
        raise click.exceptions.Exit(1)
    return candidate(files, compiled)


def _foreseen(to: Candidate, path: Path | None, named: int) -> Plan:
    if path is not None:
        return positions.foresee(path.read_bytes(), to)
    with transaction() as conn:
        known = Releases()
        return foresee(conn, known, known.current(conn), to, clock.now(conn), named)
