"""Imports leads from CSV: batch by batch in bounded memory; a broken row is reported, the rest goes on.

While a thread stores one batch, the next is read and checked. A batch is a transaction; what the changes of known leads
set off is done in the one that stores them, a few leads at a time, so that their locks are kept shortly.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from sqlalchemy import Connection, Table

from sequencer.core.cell import unguarded
from sequencer.core.event import Event
from sequencer.core.lead_input import OWN, InvalidLead, RowReader, is_text
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
LONGEST_LINE = 1_000_000
"""Characters."""
_STATUS = 3 + OWN.index("status")
"""Its place in a row as it is staged, behind address, domain and company."""
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


@dataclass(frozen=True, slots=True)
class Batch:
    reader: RowReader
    cells: dict[int, list[str]]
    """Of rows that can be stored, by line."""
    rows: dict[int, list[str | None]]
    """The same as they are staged."""


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
    with staging.addresses(context.engine) as seen, ThreadPoolExecutor(1) as storing:
        last: Future[tuple[Release, Imported]] | None = None
        size = 0
        for part in _parts(table.rows):
            batch = _checked(RowReader(table.names, release.workspace), part, result)
            _refuse_unmet(context, release, batch, result)
            if last is not None:
                release, stored = last.result()
                result += stored
                progress(size)
            last, size = storing.submit(_store, context, release, batch, seen, sequence), len(part)
        if last is not None:
            result += last.result()[1]
            progress(size)
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
    cells: dict[int, list[str]] = {}
    rows: dict[int, list[str | None]] = {}
    for line, row in part:
        try:
            email, domain, company, own, fields = reader(row)
        except InvalidLead as error:
            result.reject(line, str(error))
            continue
        cells[line] = row
        rows[line] = [email, domain, company, *own, fields]
    return Batch(reader, cells, rows)


def _refuse_unmet(context: Context, release: Release, batch: Batch, result: Imported) -> None:
    """Rows that give a status without what it needs, of leads of whom that is not known either."""
    demanding = {status.id for status in release.workspace.statuses.values() if status.needs}
    given = {
        line: batch.reader.full(batch.cells[line])
        for line, row in batch.rows.items()
        if demanding and row[_STATUS] in demanding
    }
    if not given:
        return
    with context.engine.connect() as conn:
        ids = leads.ids_by_email(conn, [one.email for one in given.values()])
        known = {lead.email: lead for lead in leads.by_ids(conn, sorted(ids.values()))}
    for line, one in given.items():
        if missing := refused(release.workspace, known.get(one.email), one):
            result.reject(line, "; ".join(missing))
            del batch.rows[line]


def _store(
    context: Context, release: Release, batch: Batch, seen: Table, sequence: str | None
) -> tuple[Release, Imported]:
    """Stores a batch in as many transactions as it takes; those whose leads somebody else holds come later."""
    result = Imported()
    saved: list[int] = []
    left = dict(batch.rows)
    first = True
    while left:
        # Later on only as many as are changed in one transaction, whose rows would else be staged again and again.
        part = left if first else dict(islice(left.items(), CHANGED))
        with context.engine.begin() as conn:
            release = context.releases.current(conn)
            staging.put(conn, ([line, *row] for line, row in part.items()))
            if first:
                _refuse_repeated(conn, seen, part, result)
                staging.put_companies(conn, SOURCE)
            later, awake = _apply(conn, release, batch, len(part), saved, result, patient=not first)
        left = {line: row for line, row in left.items() if line in later or line not in part}
        first = False
        context.wake(awake)
    if sequence is not None:
        _enter(context, sequence, saved, result)
    return release, result


def _refuse_repeated(conn: Connection, seen: Table, rows: dict[int, list[str | None]], result: Imported) -> None:
    for line, email, first in staging.repeated(conn, seen):
        result.reject(line, f"email: {email} stands in line {first} already")
        del rows[line]


def _apply(
    conn: Connection,
    release: Release,
    batch: Batch,
    rows: int,
    saved: list[int],
    result: Imported,
    patient: bool,
) -> tuple[set[int], Awake]:
    """Does what can be done now with so many staged rows. Gives the lines that remain, and where somebody fell due.

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
    result.updated += rows - len(fresh) - len(later)
    # A new lead's fields are no events: importing a customer base must not start everybody's welcome.
    happened: list[Event] = []
    for lead_id, lead in before.items():
        happened += changes(lead, lead_id, batch.reader.full(batch.cells[changing[lead_id]]), SOURCE, now)
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
