"""Scenarios beside a compiled workspace: mistakes in them are the workspace's too, but stop no deployment."""

from collections.abc import Mapping
from dataclasses import replace

from sequencer.services.compile import Compiled
from sequencer.workspace.scenarios import load_scenarios


def with_scenarios(
    compiled: Compiled, files: Mapping[str, str], scenarios: Mapping[str, str]
) -> tuple[Compiled, Mapping[str, str]]:
    """The same with the problems of the scenarios' files. In a workspace with errors nobody can tell what they mean."""
    if compiled.workspace is None:
        return compiled, files
    _, problems = load_scenarios(scenarios, compiled.workspace, compiled.contents)
    together = tuple(sorted({*compiled.problems, *problems}))
    found = replace(compiled, problems=together, workspace=None if problems else compiled.workspace)
    return found, {**files, **scenarios}
