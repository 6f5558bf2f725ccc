"""Simulations for people: a lead from a CSV file or from flags, and mails with the subjects that it would read."""

from collections.abc import Mapping, Sequence
from typing import IO

from sequencer.core.content import Content
from sequencer.core.lead_input import InvalidLead, LeadInput, read
from sequencer.core.mail import join
from sequencer.core.people import owner_of, sender_of
from sequencer.core.script import Cue, wrong
from sequencer.core.sequence import Sequence as Series
from sequencer.core.simulate import Letter
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidInput, NotFound
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import View
from sequencer.services.imports import Imported, read_table

SOMEBODY = "somebody@company.example"
"""The address of a lead that is made up."""


def from_csv(file: IO[str], email: str | None) -> Mapping[str, str]:
    """The row of that address, else the first one. Raises InvalidInput and NotFound."""
    problems = Imported()
    table = read_table(file, problems)
    for _, cells in table.rows:
        row = {name: cell for name, cell in zip(table.names, cells, strict=True) if name and cell}
        if email is None or row.get("email", "").strip().lower() == email.strip().lower():
            return row
    if problems.problems:
        line, problem = problems.problems[0]
        raise InvalidInput(f"line {line}: {problem}")
    raise NotFound(f"no row has the address {email}" if email is not None else "the file holds no lead")


def somebody(workspace: Workspace, given: Mapping[str, str]) -> LeadInput:
    """The lead, checked as an import would. Raises InvalidInput with everything that is wrong."""
    try:
        return read({"email": SOMEBODY, **given}, workspace)
    except InvalidLead as error:
        raise InvalidInput(str(error)) from error


def refuse_wrong(cues: Sequence[Cue], workspace: Workspace, sequence: Series, contents: Mapping[str, Content]) -> None:
    """Raises InvalidInput with everything that cues name and that does not exist."""
    found = [f"`{cue}`: {message}" for cue in cues for _, message in wrong(cue, workspace, sequence, contents)]
    if found:
        raise InvalidInput("\n".join(found))


def subject_of(workspace: Workspace, contents: Mapping[str, Content], letter: Letter) -> str | None:
    """The subject as this lead reads it; None when the mail cannot be rendered."""
    send, snapshot = letter.send, letter.snapshot
    series = workspace.sequences[letter.sequence]
    prepared = prepare(contents[send.step.content].read_in(snapshot.lead.get("language")))
    view = View(
        lead=snapshot.lead,
        company=snapshot.company,
        owner=owner_of(workspace, snapshot),
        sender=sender_of(workspace, series, send),
        brand=workspace.brand,
        link_token="",
        unsubscribe_url="",
        preferences_url="",
    )
    try:
        return join(prepared.skeleton.subject, prepared.values(view))
    except RenderingFailed:
        return None
