"""`sequencer check`."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import click

FORMATS = ("text", "json", "github", "sarif")


@contextmanager
def _no_search_for_circles() -> Iterator[None]:
    """What is made meanwhile stays to the end: looking for circles in it over and over took a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How problems are printed: github makes them annotations of a pull request, sarif is for code scanning.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json: one object instead of text.")
@_no_search_for_circles()
def command(folder: Path | None, form: str) -> None:
    """Report every problem of the workspace in FOLDER, with file, line and column.

    FOLDER holds sequences/ and content/; without it, WORKSPACE_DIR or the current folder is checked. Nothing is
    changed or sent. The exit code is 1 when there are errors; warnings alone leave it 0.

    Example: sequencer check examples/workspace
    """
    from sequencer.cli import problems
    from sequencer.services import shelves
    from sequencer.services.compile import compile_workspace
    from sequencer.services.trials import with_scenarios
    from sequencer.settings import cache_dir, workspace_dir
    from sequencer.workspace.load import read_files, read_scenarios

    if folder is not None and not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    files = read_files(folder or workspace_dir())
    cache = cache_dir()
    compiled = compile_workspace(files, shelf=shelves.opened(cache), processes=os.cpu_count() or 1)
    shelves.tidy(cache)
    compiled, files = with_scenarios(compiled, files, read_scenarios(folder or workspace_dir()))
    match form:
        case "json":
            found = problems.as_object(compiled, files)
        case "github":
            found = problems.as_github(compiled, files, seen_from_here(folder or workspace_dir()))
        case "sarif":
            found = problems.as_sarif(compiled, seen_from_here(folder or workspace_dir()))
        case _:
            found = problems.as_text(compiled, files)
    click.echo(found)
    if compiled.workspace is None:
        raise click.exceptions.Exit(1)


def seen_from_here(folder: Path) -> PurePosixPath:
    """The folder relative to the current one, where CI checks out a repository; absolute if it lies elsewhere."""
    relative = os.path.relpath(folder)
    return PurePosixPath((folder.resolve() if relative.startswith("..") else Path(relative)).as_posix())
