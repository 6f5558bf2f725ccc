"""Imports leads from CSV: batch by batch in bounded memory; a broken row is reported, the rest goes on."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from sequencer.core.cell import unguarded
from sequencer.core.lead_input import InvalidLead, LeadInput, is_text, read
from sequencer.errors import InvalidInput
from sequencer.services.context import Context
from sequencer.services.enroll import Entered, named
from sequencer.services.leads import enter, save
from sequencer.store import clock

ROWS = 1000
"""A batch, and a transaction."""
LONGEST_LINE = 1_000_000
"""Characters."""
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


def import_csv(
    context: Context, file: IO[str], sequence: str | None, progress: Callable[[int], None] = lambda rows: None
) -> Imported:
    """Saves every valid row and enrols them when a sequence is named.

    Raises InvalidInput when the file as a whole is no CSV of leads, NotFound for an unknown sequence.
    """
    if sequence is not None:
        with context.engine.begin() as conn:
            named(context.releases.current(conn), sequence)
    result = Imported()
    seen: dict[str, int] = {}
    for batch in _batches(rows(file, result)):
        with context.engine.begin() as conn:
            now = clock.now(conn)
            release = context.releases.current(conn)
            inputs: list[LeadInput] = []
            for line, row in batch:
                try:
                    one = read(row, release.workspace)
                except InvalidLead as error:
                    result.reject(line, str(error))
                    continue
                if one.email in seen:
                    result.reject(line, f"email: {one.email} stands in line {seen[one.email]} already")
                    continue
                seen[one.email] = line
                inputs.append(one)
            saved = save(conn, release, inputs, "import", now, announce_new=False)
            result.new += len(saved.new)
            result.updated += len(saved.updated)
            if sequence is not None:
                series = named(release, sequence)
                entered = enter(conn, release, series, saved.all, "import", now)
                if entered.leads:
                    saved.awake.add((series.id, series.start))
                result.entered += entered
        progress(len(batch))
        for place in sorted(saved.awake):
            context.hint("drain", *place)
    return result


def rows(file: IO[str], result: Imported) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by column, with its line; what is no row is rejected. Raises InvalidInput as `import_csv` does."""
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
                f"expected UTF-8 after line {reader.line_num}: {error}; what was read before may be imported already"
            ) from error
        if not row:  # an empty line
            continue
        if len(row) != len(names):
            result.reject(reader.line_num, f"expected {len(names)} columns, got {len(row)}")
            continue
        yield reader.line_num, {name: unguarded(value) for name, value in zip(names, row, strict=True) if name}


def _lines(file: IO[str]) -> Iterator[str]:
    """A file without line breaks would else be read as a whole."""
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InvalidInput(
                f"expected lines of less than {LONGEST_LINE:,} characters; what was read before may be imported already"
            )
        yield line


def _batches(
    rows: Iterable[tuple[int, dict[str, str]]],
) -> Iterator[list[tuple[int, dict[str, str]]]]:
    batch: list[tuple[int, dict[str, str]]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
