"""Making one mistake in the good workspace, and reading what was reported."""

from collections.abc import Mapping

from sequencer.core.mark import Problem


def broken(good: Mapping[str, str], file: str, old: str, new: str) -> dict[str, str]:
    """The good workspace with one change in `sequences/FILE.yaml`."""
    path = f"sequences/{file}.yaml"
    assert old in good[path]
    return {**good, path: good[path].replace(old, new, 1)}


def places(problems: tuple[Problem, ...], file: str) -> list[str]:
    """`line:column code` of each problem; with the file's name when it is another."""
    found = []
    for problem in problems:
        name = problem.mark.file.removeprefix("sequences/")
        place = f"{problem.mark.line}:{problem.mark.column} {problem.code}"
        severity = " (warning)" if problem.severity == "warning" else ""
        found.append(f"{'' if name == f'{file}.yaml' else name + ':'}{place}{severity}")
    return found
