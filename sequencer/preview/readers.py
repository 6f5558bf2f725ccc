"""As whom a mail is read: the example leads of the workspace, somebody of whom nothing is known, or one pasted in."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from sequencer.core.cell import unguarded
from sequencer.core.lead import Company, Lead
from sequencer.core.lead_input import InvalidLead, LeadInput, read
from sequencer.core.workspace import Workspace

EXAMPLES: Final = "examples/leads.csv"
"""Where a workspace keeps leads to look at its mails with; `sequencer dev` imports the same."""
MOST: Final = 500
"""Example leads that are offered."""


class Reader(NamedTuple):
    """Somebody a mail may be shown to."""

    key: str
    """The address; `nobody` and `pasted` for the two that stand in no file."""
    label: str
    lead: Lead
    company: Company | None


NOBODY: Final = Reader("nobody", "Somebody of whom nothing is known", Lead(0, "reader@example.com"), None)


def examples(text: str, workspace: Workspace) -> tuple[Reader, ...]:
    """The leads of a CSV file. Rows that `sequencer leads import` would reject are left out."""
    found: dict[str, Reader] = {}
    for row in _rows(text, ","):
        try:
            lead = read(row, workspace)
        except InvalidLead:
            continue
        found.setdefault(lead.email, _reader(lead))
        if len(found) == MOST:
            break
    return tuple(found.values())


def pasted(text: str, workspace: Workspace) -> Reader:
    """One lead, as somebody copied it: a JSON object, a header and a row of a table, or lines of `name: value`.

    Raises InvalidLead.
    """
    lead = _reader(read(_fields(text.strip()), workspace))
    return lead._replace(key="pasted", label=f"{lead.label} (pasted)")


def _fields(text: str) -> Mapping[str, Any]:
    if text.startswith("{"):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidLead([f"expected a JSON object: {error}"]) from error
        return dict(found)
    first = text.partition("\n")[0]
    separator = next((one for one in ("\t", ";", ",") if one in first), None)
    if separator is not None and not re.match(r"\s*\w+\s*:", first):
        rows = list(_rows(text, separator))
        if len(rows) != 1:
            raise InvalidLead([f"expected a line of column names and one row below it, got {len(rows)} rows"])
        return rows[0]
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not pairs or not all(colon for _, colon, _ in pairs):
        raise InvalidLead(["expected lines as `first_name: Ana`, a table with its column names, or a JSON object"])
    return {name.strip(): value.strip() for name, _, value in pairs}


def _rows(text: str, separator: str) -> Iterator[dict[str, str]]:
    table = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=separator)
    try:
        names = [unguarded(name.strip().lower()) for name in next(table, [])]
        for cells in table:
            if any(cells):
                pairs = zip(names, cells, strict=False)
                yield {name: unguarded(cell) for name, cell in pairs if name}
    except csv.Error:
        return


def _reader(lead: LeadInput) -> Reader:
    company = Company(1, lead.domain, lead.company) if lead.domain else None
    own: dict[str, Any] = dict(lead.own)
    person = Lead(1, lead.email, **own, company_id=1 if company else None, fields=lead.fields)
    said = [person.name or lead.email, *filter(None, (person.title, lead.company))]
    return Reader(lead.email, " · ".join(said), person, company)
