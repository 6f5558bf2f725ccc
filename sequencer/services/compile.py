"""A workspace's files into what workers run: declarations, then content, then sequences; and every problem of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sequencer.core.content import Content
from sequencer.core.mark import Problem
from sequencer.core.shelf import BARE, Shelf
from sequencer.core.succession import introduces
from sequencer.core.workspace import Workspace
from sequencer.rendering.names import TemplateNames
from sequencer.rendering.notes import check_text
from sequencer.workspace.audiences import load_audiences
from sequencer.workspace.forms import load_forms
from sequencer.workspace.sequences import load_sequences, parse_sequences
from sequencer.workspace.settings import INTRODUCTION, load_settings
from sequencer.workspace.signals import load_signals


@dataclass(frozen=True, slots=True)
class Compiled:
    """`workspace` is None when any problem is an error; then `contents` holds what compiled all the same."""

    workspace: Workspace | None
    contents: Mapping[str, Content]
    problems: tuple[Problem, ...]
    """By file, line and column."""
    draft: Workspace | None = None
    """All that could be read, whatever the problems; None when the declarations could not."""


def compile_workspace(
    files: Mapping[str, str],
    contents: Mapping[str, Content] | None = None,
    shelf: Shelf = BARE,
    processes: int = 1,
) -> Compiled:
    """Compile a workspace. `contents` that were compiled before, as in a stored release, are taken as they are.

    What stands on the shelf is not compiled again; the rest of the mails by so many processes at most.
    """
    declarations, found = load_settings(files)
    problems = set(found)
    if declarations is None:
        # Without it every topic, sender and field would be reported as unknown.
        problems.update(parse_sequences(files))
        return Compiled(None, contents or {}, tuple(sorted(problems)))
    introducing = declarations.owner.changed == "introduce"
    names = TemplateNames(frozenset(declarations.fields), introducing and INTRODUCTION in files)
    written = contents is None
    if contents is None:
        # Only now: whoever loads what is compiled already, as every worker does when it starts, imports nothing of it.
        from sequencer.services.contents import compile_contents

        contents, found = compile_contents(files, names, shelf, processes)
        problems.update(found)
    if introducing:
        carry = frozenset(name for name, content in contents.items() if introduces(content))
        declarations = replace(declarations, introducing=carry)
    declarations, found = load_audiences(files, declarations, contents)
    problems.update(found)
    declarations, found = load_signals(files, declarations, contents)
    problems.update(found)
    sequences, found = load_sequences(
        files, declarations, contents, lambda template, mark: check_text(template, mark, names), shelf
    )
    problems.update(found)
    whole = not any(map(_is_error, found))
    declarations, found = load_forms(files, declarations, contents, sequences)
    problems.update(found)
    sequences = declarations.sequences
    if written:
        from sequencer.workspace.across import check_across
        from sequencer.workspace.frequency import check_frequency

        problems.update(check_across(declarations, sequences, contents, whole=whole))
        problems.update(check_frequency(declarations, sequences))
    ordered = tuple(sorted(problems))
    draft = declarations
    return Compiled(None if any(map(_is_error, ordered)) else draft, contents, ordered, draft)


def _is_error(problem: Problem) -> bool:
    return problem.severity == "error"
