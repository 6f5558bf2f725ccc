"""`sequencer check`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sequencer.core.mark import Mark, Problem
    from sequencer.services.compile import Compiled


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(folder: Path | None, as_json: bool) -> None:
    """Report every problem of the workspace in FOLDER, with file, line and column.

    FOLDER holds sequences/ and content/; without it, WORKSPACE_DIR or the current folder is checked. Nothing is
    changed or sent. The exit code is 1 when there are errors; warnings alone leave it 0.

    Example: sequencer check examples/workspace
    """
    from sequencer.services import shelves
    from sequencer.services.compile import compile_workspace
    from sequencer.settings import cache_dir, workspace_dir
    from sequencer.workspace.load import read_files

    if folder is not None and not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    files = read_files(folder or workspace_dir())
    cache = cache_dir()
    compiled = compile_workspace(files, shelf=shelves.opened(cache), processes=os.cpu_count() or 1)
    shelves.tidy(cache)
    click.echo(as_object(compiled, files) if as_json else as_text(compiled, files))
    if compiled.workspace is None:
        raise click.exceptions.Exit(1)


def as_text(compiled: "Compiled", files: Mapping[str, str]) -> str:
    """Each problem with its source line and a caret below the place; last, one line that counts."""
    return "\n".join([*(shown(problem, files) for problem in compiled.problems), summary(compiled, files)])


def shown(problem: "Problem", files: Mapping[str, str]) -> str:
    severity = "warning: " if problem.severity == "warning" else ""
    first, *more = problem.message.split("\n")
    lines = [f"{problem.mark}: {problem.code} {severity}{first}", *excerpt(problem.mark, files)]
    return "\n".join([*lines, *(f"  | {line}" for line in more), ""])


def excerpt(mark: "Mark", files: Mapping[str, str]) -> list[str]:
    """The line that the mark is on, cut to what a terminal shows, and a caret; nothing for a place past the end."""
    lines = files.get(mark.file, "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if mark.line > len(lines) or not lines[mark.line - 1].strip():
        return []
    # A tab is one column to us and up to eight to a terminal; control characters would reach it.
    line = "".join(c if c.isprintable() else " " for c in _WEBHOOK.sub(_dots, lines[mark.line - 1]))
    start = max(0, mark.column - 81)
    return [f"  {line[start : start + 110]}", "  " + " " * (mark.column - 1 - start) + "^"]


_WEBHOOK = re.compile(r"(\bweb\w*:)(\s*\S+)", re.IGNORECASE)
"""However the key is misspelt. A secret that logs must not hold: CI and a release phase print what `check` says."""


def _dots(found: re.Match[str]) -> str:
    return found[1] + "".join(c if c.isspace() else "…" for c in found[2])


def summary(compiled: "Compiled", files: Mapping[str, str]) -> str:
    errors = sum(problem.severity == "error" for problem in compiled.problems)
    warnings = len(compiled.problems) - errors
    found = [counted(errors, "error")] * bool(errors) + [counted(warnings, "warning")] * bool(warnings)
    if compiled.workspace is None:
        return f"{', '.join(found)} in {counted(len(files), 'file')}"
    emails = sum(1 for sequence in compiled.workspace.sequences.values() for _ in sequence.emails())
    total = f"{counted(len(compiled.workspace.sequences), 'sequence')}, {counted(emails, 'email')}"
    fine = f"{counted(len(files), 'file')} fine"
    return f"{', '.join([fine, *found])}: {total}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def as_object(compiled: "Compiled", files: Mapping[str, str]) -> str:
    """`problems`, each with its place, and the counts; `ok` says whether the workspace could be deployed."""
    import orjson

    workspace = compiled.workspace
    problems = [
        {
            "file": problem.mark.file,
            "line": problem.mark.line,
            "column": problem.mark.column,
            "code": problem.code,
            "severity": problem.severity,
            "message": problem.message,
        }
        for problem in compiled.problems
    ]
    found = {
        "ok": workspace is not None,
        "problems": problems,
        "files": len(files),
        "sequences": sorted(workspace.sequences) if workspace else [],
        "contents": sorted(compiled.contents),
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
