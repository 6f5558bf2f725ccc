"""Exports leads as CSV, in the columns that an import reads; page by page in bounded memory."""

import csv
from collections.abc import Callable, Iterator
from typing import IO, Any

from sequencer.core.cell import guarded
from sequencer.core.lead import Company, Lead
from sequencer.core.lead_input import COLUMNS
from sequencer.services.context import Context
from sequencer.store import leads

ROWS = 1000
"""A page, and a transaction: whoever reads slowly keeps no snapshot open, which would slow down all claims."""

_NAMED = {"time_zone": "zone", "owner_email": "owner"}
"""Columns that the lead calls otherwise."""


def export_csv(context: Context, file: IO[str], progress: Callable[[int], None] = lambda rows: None) -> int:
    """Writes every lead, the oldest first, and returns how many.

    Each is written as it is when its page is read. Columns are what an import knows, what workspace.yaml declares, and
    whatever attributes leads have at the beginning. Raises Misconfigured when nothing is deployed.
    """
    with context.engine.connect() as conn:
        declared = context.releases.current(conn).workspace.fields
        attributes = leads.attributes(conn)
    fields = [*declared, *sorted(attributes - declared.keys() - set(COLUMNS))]
    # Lines end as RFC 4180 says: with "\n" alone, cells that hold "\r" would not be quoted.
    writer = csv.writer(file)
    writer.writerow(guarded(name) for name in (*COLUMNS, *fields))
    written = 0
    for page in _pages(context):
        writer.writerows([guarded(cell) for cell in _row(lead, company, fields)] for lead, company in page)
        written += len(page)
        progress(len(page))
    return written


def _pages(context: Context) -> Iterator[list[tuple[Lead, Company | None]]]:
    last = 0
    while True:
        with context.engine.connect() as conn:
            page = leads.page(conn, last, ROWS)
            known = leads.companies(conn, [one.company_id for one in page if one.company_id])
        if not page:
            return
        yield [(lead, known.get(lead.company_id or 0)) for lead in page]
        last = page[-1].id


def _row(lead: Lead, company: Company | None, fields: list[str]) -> Iterator[str]:
    for name in COLUMNS:
        if name == "company":
            yield (company.name if company is not None else None) or ""
        else:
            yield getattr(lead, _NAMED.get(name, name)) or ""
    for name in fields:
        yield _cell(lead.fields.get(name))


def _cell(value: Any) -> str:
    """A field's value as `lead_input.read` understands it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)
