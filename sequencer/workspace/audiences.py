"""What workspace.yaml says in conditions: audiences by name, whom nobody mails; and the lists that they look into."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from sequencer.core.condition import Condition, ConditionProblems, Names, compile_condition
from sequencer.core.content import Content
from sequencer.core.mark import Problem
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.load import content_files
from sequencer.workspace.nodes import Map, Problems, Text, as_items, as_map, as_text
from sequencer.workspace.parse import parse
from sequencer.workspace.sequences import names_in
from sequencer.workspace.settings import WORKSPACE_FILE


def load_audiences(
    files: Mapping[str, str], workspace: Workspace, contents: Mapping[str, Content]
) -> tuple[Workspace, tuple[Problem, ...]]:
    """The workspace with its audiences, `never` and lists; and what is wrong with them.

    An audience may name those above it. One with a mistake counts as declared, and is true of nobody.
    """
    problems = Problems()
    # What is wrong with the whole file was found when the rest of it was read, and is the same once more.
    root = parse(WORKSPACE_FILE, files[WORKSPACE_FILE], problems)
    workspace = replace(workspace, lists=lists_in(files))
    known = frozenset(contents) | frozenset(content_files(files))
    names = replace(names_in(workspace, contents, known, {}), scope="ever")
    if not isinstance(root, Map):
        return workspace, problems.sorted()
    audiences: dict[str, Condition] = {}
    block = as_map(root.take("audiences"), "names with a condition each")
    for name, node in block.items() if block is not None else ():
        text = as_text(node, "a condition")
        if values.identifier(name, "an audience") is not None and text is not None:
            found = compiled(text, replace(names, audiences=audiences), problems)
            audiences[name.value] = found or Condition(text.value, text.mark, lambda _: False)
    names = replace(names, audiences=audiences)
    texts = [as_text(item, "a condition") for item in as_items(root.take("never"), "a list of conditions")]
    never = [compiled(text, names, problems) for text in texts if text is not None]
    found_never = tuple(condition for condition in never if condition is not None)
    return replace(workspace, audiences=audiences, never=found_never), problems.sorted()


def compiled(text: Text, names: Names, problems: Problems) -> Condition | None:
    try:
        return compile_condition(text.value, text.start, names)
    except ConditionProblems as wrong:
        problems.extend(wrong.problems)
        return None


def lists_in(files: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """The values of each `sequences/NAME.txt`, one a line, as written and in small letters; `#` begins a remark."""
    found = {}
    for name, text in files.items():
        path = PurePosixPath(name)
        if path.parent.as_posix() == "sequences" and path.suffix == ".txt":
            lines = (line.partition("#")[0].strip() for line in text.splitlines())
            found[path.name] = frozenset(one for line in lines if line for one in (line, line.lower()))
    return found
