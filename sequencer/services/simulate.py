"""Simulations for people: a lead from a CSV file or from flags, and mails with the subjects that it would read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from itertools import count, islice
from multiprocessing import get_context
from typing import IO
from zoneinfo import ZoneInfo

from sequencer.core.content import Content
from sequencer.core.crowd import Counts, Crowd, audience
from sequencer.core.guess import newcomer
from sequencer.core.lead_input import InvalidLead, LeadInput, read
from sequencer.core.people import owner_of, sender_of
from sequencer.core.script import Cue, wrong
from sequencer.core.sequence import Sequence as Series
from sequencer.core.simulate import Case, Letter, begins, person, simulate
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidInput, NotFound
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import Letterhead, Pages, View
from sequencer.services.imports import Imported, read_table

SOMEBODY = "somebody@company.example"
"""The address of a lead that is made up."""
AT_ONCE = 250
"""People whom a process walks before it is given others."""

Walk = Callable[[Sequence[Mapping[str, str]]], Counts]


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


def all_of_csv(path: str) -> Iterator[Mapping[str, str]]:
    """Every row. Raises InvalidInput for the first that is none."""
    problems = Imported()
    with open(path, encoding="utf-8-sig", newline="") as file:
        table = read_table(file, problems)
        for _, cells in table.rows:
            yield {name: cell for name, cell in zip(table.names, cells, strict=True) if name and cell}
    if problems.problems:
        line, problem = problems.problems[0]
        raise InvalidInput(f"line {line}: {problem}")


def made_up() -> Iterator[Mapping[str, str]]:
    """People without end, three of each company."""
    for number in count():
        yield {"email": f"lead{number + 1}@company{number // 3 + 1}.example"}


def somebody(workspace: Workspace, given: Mapping[str, str]) -> LeadInput:
    """The lead, checked as an import would. Raises InvalidInput with everything that is wrong."""
    try:
        return read({"email": SOMEBODY, **given}, workspace)
    except InvalidLead as error:
        raise InvalidInput(str(error)) from error


def run_crowd(
    workspace: Workspace,
    contents: Mapping[str, Content],
    sequence: Series,
    members: Iterable[Mapping[str, str]],
    wall: datetime | None,
    now: datetime,
    span: timedelta,
    seed: int,
    progress: Callable[[int], None],
    processes: int = 1,
) -> Crowd:
    """All of them enter at once: when their own clocks show `wall`, or now. By so many processes at most."""
    reacts = audience(seed, contents)

    def walk(few: Sequence[Mapping[str, str]]) -> Counts:
        crowd = Crowd(sequence, ZoneInfo(workspace.zone))
        for each in few:
            member = newcomer(workspace, contents.values(), somebody(workspace, each))
            at = begins(workspace, sequence, member, wall) if wall is not None else now
            lead, company = person(member, at)
            crowd.add(simulate(workspace, sequence, contents, Case(lead, at, company, span=span, told=False), reacts))
        return crowd.counts()

    whole, still = Crowd(sequence, ZoneInfo(workspace.zone)), iter(members)
    parts = list(iter(lambda: tuple(islice(still, AT_ONCE)), ()))
    for counts in _each(walk, parts, min(processes, len(parts))):
        whole.join(counts)
        progress(counts.leads)
    return whole


def _each(walk: Walk, parts: Sequence[Sequence[Mapping[str, str]]], processes: int) -> Iterator[Counts]:
    """What came of each part, in their order."""
    if processes < 2:
        yield from map(walk, parts)
        return
    # Forked, they know the workspace already: conditions are compiled code, which cannot be sent.
    with ProcessPoolExecutor(processes, get_context("fork"), _know, (walk,)) as pool:
        yield from pool.map(_walk, parts)


_known: Walk
"""Of a process that was forked to walk a part of the people."""


def _know(walk: Walk) -> None:
    global _known
    _known = walk


def _walk(few: Sequence[Mapping[str, str]]) -> Counts:
    return _known(few)


def refuse_wrong(cues: Sequence[Cue], workspace: Workspace, sequence: Series, contents: Mapping[str, Content]) -> None:
    """Raises InvalidInput with everything that cues name and that does not exist."""
    found = [f"`{cue}`: {message}" for cue in cues for _, message in wrong(cue, workspace, sequence, contents)]
    if found:
        raise InvalidInput("\n".join(found))


def subject_of(workspace: Workspace, contents: Mapping[str, Content], letter: Letter) -> str | None:
    """The subject as this lead reads it; None when the mail cannot be rendered."""
    send, snapshot = letter.send, letter.snapshot
    series = workspace.sequences[letter.sequence]
    letterhead = Letterhead(workspace.brand, Pages.all_at(""))
    prepared = prepare(contents[send.step.content].read_in(snapshot.lead.get("language")), letterhead)
    view = View(
        lead=snapshot.lead,
        company=snapshot.company,
        owner=owner_of(workspace, snapshot),
        sender=sender_of(workspace, series, send),
        letterhead=letterhead,
        link_token="",
    )
    try:
        return prepared.subject(prepared.values(view))
    except RenderingFailed:
        return None
