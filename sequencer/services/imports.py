"""Imports leads from CSV: batch by batch in bounded memory; a broken row is reported, the rest goes on.

While threads store some batches, the next is read and checked. A batch is a transaction; what the changes of known
leads set off is done in the one that stores them, a few leads at a time, so that their locks are kept shortly.
"""

import csv
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TypeAlias

from sqlalchemy import Connection, Table

from sequencer.core.cell import unguarded
from sequencer.core.event import Event
from sequencer.core.lead_input import OWN, InvalidLead, Row, RowReader, is_text
from sequencer.core.needs import refused
from sequencer.core.release import Release
from sequencer.errors import InvalidInput
from sequencer.services.context import Awake, Context
from sequencer.services.enroll import Entered, named
from sequencer.services.leads import changes, enter
from sequencer.services.react import react
from sequencer.store import clock, leads, staging

SOURCE = "import"
ROWS = 5000
"""Of a batch."""
CHANGED = 1000
"""Leads that are changed, or enrolled, in one transaction at most: so long their locks are kept."""
STORING = 2
"""Batches that are stored at a time: while it is settled here what one of them changes, the server writes the other."""
CONNECTIONS = STORING + 1
"""To PostgreSQL: one for whoever reads on."""
LONGEST_LINE = 1_000_000
"""Characters."""
_STATUS = OWN.index("status")
REPORTED = 1000
"""Rejected rows that are kept with their reasons."""


@dataclass(slots=True)
class Imported:
    """What became of the rows."""

    new: int = 0
    updated: int = 0
    rejected: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    """(line of the file, what is wrong); the first REPORTED."""
    entered: Entered = field(default_factory=Entered)

    def reject(self, line: int, problem: str) -> None:
        self.rejected += 1
        if len(self.problems) < REPORTED:
            self.problems.append((line, problem))

    def __iadd__(self, other: "Imported") -> "Imported":
        self.new += other.new
        self.updated += other.updated
        self.rejected += other.rejected
        self.problems += other.problems[: REPORTED - len(self.problems)]
        self.entered += other.entered
        return self


Batch: TypeAlias = dict[int, Row]
"""Rows that can be stored, by line."""


def import_csv(
    context: Context, file: IO[str], sequence: str | None, progress: Callable[[int], None] = lambda rows: None
) -> Imported:
    """Saves every valid row and enrols them when a sequence is named.

    Raises InvalidInput when the file as a whole is no CSV of leads, NotFound for an unknown sequence.
    """
    with context.engine.begin() as conn:
        release = context.releases.current(conn)
    if sequence is not None:
        named(release, sequence)
    result = Imported()
    table = read_table(file, result)
    with staging.addresses(context.engine) as seen, ThreadPoolExecutor(STORING) as threads:
        storing: deque[tuple[int, Future[tuple[Release, Imported]]]] = deque()

        def stored() -> Release:
            """Waits for the first of the batches."""
            nonlocal result
            rows, batch = storing.popleft()
            current, found = batch.result()
            result += found
            progress(rows)
            return current

        known = threading.Event()
        known.set()
        for part in _parts(table.rows):
            batch = _checked(RowReader(table.names, release.workspace), part, result)
            _refuse_unmet(context, release, batch, result)
            if len(storing) == STORING:
                release = stored()
            before, known = known, threading.Event()
            storing.append((len(part), threads.submit(_store, context, release, batch, seen, sequence, before, known)))
        while storing:
            stored()
    return result


@dataclass(frozen=True, slots=True)
class Csv:
    names: Sequence[str]
    """Of the columns; empty where a spreadsheet left one without."""
    rows: Iterator[tuple[int, list[str]]]
    """Each with its line."""


def read_table(file: IO[str], result: Imported) -> Csv:
    """What is no row is rejected. Raises InvalidInput as `import_csv` does, also while rows are read."""
    reader = csv.reader(_lines(file), strict=True)
    try:
        names = [unguarded(name.strip().lower()) for name in next(reader, ())]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidInput(f"expected a CSV file in UTF-8 with a header line: {error}") from error
    if not all(is_text(name) for name in names):
        raise InvalidInput("expected a CSV file in UTF-8, got other bytes in the header line")
    if "email" not in names and any(";" in name for name in names):
        raise InvalidInput(
            "expected a column `email` in the header line, but the columns are separated by `;`: "
            "save the file with commas"
        )
    if "email" not in names:
        raise InvalidInput(f"expected a column `email` in the header line, got: {', '.join(names) or 'nothing'}")
    # Spreadsheets leave columns without a name at the end; nothing stands in them that could be asked for.
    if doubled := {name for name, count in Counter(names).items() if name and count > 1}:
        raise InvalidInput(f"expected each column once, got twice: {', '.join(sorted(doubled))}")

    def rows() -> Iterator[tuple[int, list[str]]]:
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                result.reject(reader.line_num, f"not CSV: {error}")
                continue
            except UnicodeDecodeError as error:
                raise InvalidInput(
                    f"expected UTF-8 after line {reader.line_num}: {error}; "
                    "what was read before may be imported already"
                ) from error
            if not row:  # an empty line
                continue
            if len(row) != len(names):
                result.reject(reader.line_num, f"expected {len(names)} columns, got {len(row)}")
                continue
            yield reader.line_num, [unguarded(cell) if cell[:1] == "'" else cell for cell in row]

    return Csv(names, rows())


def _lines(file: IO[str]) -> Iterator[str]:
    """A file without line breaks would else be read as a whole."""
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InvalidInput(
                f"expected lines of less than {LONGEST_LINE:,} characters; what was read before may be imported already"
            )
        yield line


def _parts(rows: Iterable[tuple[int, list[str]]]) -> Iterator[list[tuple[int, list[str]]]]:
    rows = iter(rows)
    while part := list(islice(rows, ROWS)):
        yield part


def _checked(reader: RowReader, part: Sequence[tuple[int, list[str]]], result: Imported) -> Batch:
    batch: Batch = {}
    for line, cells in part:
        try:
            batch[line] = reader(cells)
        except InvalidLead as error:
            result.reject(line, str(error))
    return batch


def _refuse_unmet(context: Context, release: Release, batch: Batch, result: Imported) -> None:
    """Rows that give a status without what it needs, of leads of whom that is not known either."""
    demanding = {status.id for status in release.workspace.statuses.values() if status.needs}
    given = {line: row.lead() for line, row in batch.items() if demanding and row.own[_STATUS] in demanding}
    if not given:
        return
    with context.engine.connect() as conn:
        ids = leads.ids_by_email(conn, [one.email for one in given.values()])
        known = {lead.email: lead for lead in leads.by_ids(conn, sorted(ids.values()))}
    for line, one in given.items():
        if missing := refused(release.workspace, known.get(one.email), one):
            result.reject(line, "; ".join(missing))
            del batch[line]


def _store(
    context: Context,
    release: Release,
    batch: Batch,
    seen: Table,
    sequence: str | None,
    before: threading.Event,
    known: threading.Event,
) -> tuple[Release, Imported]:
    """Stores a batch in as many transactions as it takes; those whose leads somebody else holds come later.

    `before`: set once the batch before has said which addresses and companies it has, as the first of an address and
    the last name of a company count; `known`: to be set when this one has.
    """
    try:
        before.wait()
        return _stored(context, release, batch, seen, sequence, known)
    finally:
        known.set()


def _stored(
    context: Context, release: Release, batch: Batch, seen: Table, sequence: str | None, known: threading.Event
) -> tuple[Release, Imported]:
    result = Imported()
    saved: list[int] = []
    left = dict(batch)
    first = True
    while left:
        # Later on only as many as are changed in one transaction, whose rows would else be staged again and again.
        part = left if first else dict(islice(left.items(), CHANGED))
        with context.engine.begin() as conn:
            release = context.releases.current(conn)
            staging.put(conn, part)
            if first:
                _refuse_repeated(conn, seen, part, result)
                if not staging.put_companies(conn, SOURCE):
                    # Whoever comes next waits in the database for those that both have, until this is committed.
                    known.set()
            later, awake = _apply(conn, release, part, saved, result, patient=not first)
        known.set()
        left = {line: row for line, row in left.items() if line in later or line not in part}
        first = False
        context.wake(awake)
    if sequence is not None:
        _enter(context, sequence, saved, result)
    return release, result


def _refuse_repeated(conn: Connection, seen: Table, rows: Batch, result: Imported) -> None:
    for line, email, first in staging.repeated(conn, seen):
        result.reject(line, f"email: {email} stands in line {first} already")
        del rows[line]


def _apply(
    conn: Connection, release: Release, staged: Batch, saved: list[int], result: Imported, patient: bool
) -> tuple[set[int], Awake]:
    """Does what can be done now with the staged rows. Gives the lines that remain, and where somebody fell due.

    `patient`: when every lead is held by others, the first of them is waited for.
    """
    now = clock.now(conn)
    known = staging.known(conn)
    changing = {one.id: one.line for one in known if one.differs}
    wanted = sorted(changing)[:CHANGED]
    before = leads.lock(conn, wanted, wait=False)
    if wanted and not before and patient:
        before = leads.lock(conn, wanted[:1])
    staging.update(conn, before, SOURCE, now)
    fresh, late = staging.insert_leads(conn, [one.line for one in known], SOURCE, now)
    later = {line for lead_id, line in changing.items() if lead_id not in before}.union(late)
    saved += [*before, *fresh, *(one.id for one in known if not one.differs)]
    result.new += len(fresh)
    result.updated += len(staged) - len(fresh) - len(later)
    # A new lead's fields are no events: importing a customer base must not start everybody's welcome.
    happened: list[Event] = []
    for lead_id, lead in before.items():
        happened += changes(lead, lead_id, staged[changing[lead_id]].lead(), SOURCE, now)
    return later, react(conn, release, happened, now).awake if happened else set()


def _enter(context: Context, sequence: str, saved: Sequence[int], result: Imported) -> None:
    for start in range(0, len(saved), CHANGED):
        with context.engine.begin() as conn:
            release = context.releases.current(conn)
            series = named(release, sequence)
            entered = enter(conn, release, series, saved[start : start + CHANGED], SOURCE, clock.now(conn))
        result.entered += entered
        if entered.leads:
            context.hint("drain", series.id, series.start)
