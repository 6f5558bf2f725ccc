"""Problems as people, scripts, GitHub and other tools read them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

import orjson

from sequencer.core.mark import Mark, Problem
from sequencer.services.compile import Compiled

SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_text(compiled: Compiled, files: Mapping[str, str]) -> str:
    """Each problem with its source line and a caret below the place; last, one line that counts."""
    return "\n".join([*(shown(problem, files) for problem in compiled.problems), summary(compiled, files)])


def shown(problem: Problem, files: Mapping[str, str]) -> str:
    severity = "warning: " if problem.severity == "warning" else ""
    first, *more = _said(problem).split("\n")
    lines = [f"{problem.mark}: {problem.code} {severity}{first}", *excerpt(problem.mark, files)]
    return "\n".join([*lines, *(f"  | {line}" for line in more), ""])


def excerpt(mark: Mark, files: Mapping[str, str]) -> list[str]:
    """The line that the mark is on, cut to what a terminal shows, and a caret; nothing for a place past the end."""
    lines = _lines(files.get(mark.file, ""))
    if mark.line > len(lines) or not lines[mark.line - 1].strip():
        return []
    line = _harmless(lines[mark.line - 1])
    start = max(0, mark.column - 81)
    return [f"  {line[start : start + 110]}", "  " + " " * (mark.column - 1 - start) + "^"]


def _said(problem: Problem) -> str:
    """A message may quote what a file escapes: halves of characters, or what would steer a terminal."""
    if problem.message.isprintable():
        return problem.message
    return "".join(c if c.isprintable() or c == "\n" else " " for c in problem.message)


@lru_cache(maxsize=64)
def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


@lru_cache(maxsize=64)  # a line may be long, and hold thousands of problems
def _harmless(line: str) -> str:
    """A tab is one column to us and up to eight to a terminal; control characters would reach it."""
    return "".join(c if c.isprintable() else " " for c in _WEBHOOK.sub(_dots, line))


_WEBHOOK = re.compile(r"(\bweb\w*:)(\s*\S+)", re.IGNORECASE)
"""However the key is misspelt. A secret that logs must not hold: CI and a release phase print what `check` says."""


def _dots(found: re.Match[str]) -> str:
    return found[1] + "".join(c if c.isspace() else "…" for c in found[2])


def summary(compiled: Compiled, files: Mapping[str, str]) -> str:
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


def as_object(compiled: Compiled, files: Mapping[str, str]) -> str:
    """`problems`, each with its place, and the counts; `ok` says whether the workspace could be deployed."""
    workspace = compiled.workspace
    problems = [
        {
            "file": problem.mark.file,
            "line": problem.mark.line,
            "column": problem.mark.column,
            "code": problem.code,
            "severity": problem.severity,
            "message": _said(problem),
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


def as_github(compiled: Compiled, files: Mapping[str, str], folder: PurePosixPath) -> str:
    """A workflow command for each problem, which GitHub shows beside the line in a pull request; last, the count.

    `folder` is the workspace's, as seen from the repository's root.
    """
    lines = [
        f"::{problem.severity} file={_property(str(folder / problem.mark.file))},line={problem.mark.line},"
        f"col={problem.mark.column},title={_property(problem.code)}::{_data(_said(problem))}"
        for problem in compiled.problems
    ]
    return "\n".join([*lines, summary(compiled, files)])


def _data(text: str) -> str:
    """Escaped as GitHub's toolkit does it (`actions/toolkit`, packages/core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(compiled: Compiled, folder: PurePosixPath) -> str:
    """One SARIF 2.1.0 log, which code scanning and editors import. Places are relative to the repository's root."""
    levels = {problem.code: problem.severity for problem in compiled.problems}
    rules = sorted(levels)
    driver = {
        "name": "sequencer",
        "semanticVersion": version("sequencer"),
        "rules": [{"id": code, "defaultConfiguration": {"level": levels[code]}} for code in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, rules.index(problem.code), folder) for problem in compiled.problems],
    }
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return orjson.dumps(log, option=orjson.OPT_INDENT_2).decode()


def _result(problem: Problem, rule: int, folder: PurePosixPath) -> dict[str, Any]:
    mark = problem.mark
    path = folder / mark.file
    place = {
        "artifactLocation": {"uri": path.as_uri() if path.is_absolute() else quote(str(path))},
        "region": {"startLine": mark.line, "startColumn": mark.column},
    }
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": _said(problem)},
        "locations": [{"physicalLocation": place}],
    }
