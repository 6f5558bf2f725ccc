"""`sequencer deploy`."""

import click

from sequencer.cli import output, problems
from sequencer.cli.landing import confirm_option, land
from sequencer.services import shelves
from sequencer.services.compile import Compiled
from sequencer.services.release import WorkspaceProblems, prepare
from sequencer.settings import cache_dir, workspace_dir
from sequencer.workspace.load import read_files


@click.command()
@confirm_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(code: str | None, as_json: bool) -> None:
    """Check and compile the workspace and make it what the workers run.

    The workspace is WORKSPACE_DIR or the current folder. It becomes the next numbered deployment; people inside its
    sequences go on from where they stand. Problems are printed as `sequencer check` prints them: then nothing changes,
    and the exit code is 1. So it is when something cannot be taken back for people inside, until that is confirmed with
    the code that `sequencer plan` tells. The same workspace again changes nothing either.

    Example: WORKSPACE_DIR=. sequencer deploy
    """
    files = read_files(workspace_dir())
    try:
        to = prepare(files, shelves.opened(cache_dir()))
        number, new = land(to, code, as_json, "sequencer deploy")
    except WorkspaceProblems as wrong:
        compiled = Compiled(None, {}, wrong.problems)
        click.echo(problems.as_object(compiled, files) if as_json else problems.as_text(compiled, files))
        raise click.exceptions.Exit(1) from wrong
    sequences, contents = len(to.workspace.sequences), len(to.contents)
    if as_json:
        output.json({"ok": True, "deployment": number, "new": new, "sequences": sequences, "contents": contents})
    elif new:
        found = f"{output.counted(sequences, 'sequence')}, {output.counted(contents, 'content')}"
        output.line(f"deployment {number}: {found}")
    else:
        output.line(f"nothing changes: deployment {number} already runs this workspace")
