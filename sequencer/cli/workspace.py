"""The workspace of the current folder, compiled, for commands that need no database."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

import click

from sequencer.cli import problems
from sequencer.core.content import Content
from sequencer.core.sequence import Sequence
from sequencer.core.workspace import Workspace
from sequencer.errors import NotFound
from sequencer.services import shelves
from sequencer.services.compile import compile_workspace
from sequencer.settings import cache_dir, workspace_dir
from sequencer.workspace.load import read_files


def compiled_here() -> tuple[Workspace, Mapping[str, Content]]:
    """Of WORKSPACE_DIR, else the current folder. Errors are printed as `check` prints them, and the exit code is 1."""
    files = read_files(workspace_dir())
    compiled = compile_workspace(files, shelf=shelves.opened(cache_dir()), processes=os.cpu_count() or 1)
    if compiled.workspace is None:
        click.echo(problems.as_text(compiled, files), err=True)
        raise click.exceptions.Exit(1)
    return compiled.workspace, compiled.contents


def series_of(workspace: Workspace, name: str) -> Sequence:
    """Raises NotFound, with what there is."""
    found = workspace.sequences.get(name)
    if found is None:
        close = get_close_matches(name, workspace.sequences, 1)
        hint = f"; did you mean `{close[0]}`?" if close else f"; there are: {', '.join(sorted(workspace.sequences))}"
        raise NotFound(f"there is no sequence `{name}`{hint}")
    return found
