"""`sequencer leads`."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from zoneinfo import ZoneInfo

import click

from sequencer.cli import output, timeline
from sequencer.cli.database import opened, transaction
from sequencer.errors import SequencerError
from sequencer.services import erase
from sequencer.services.exports import export_csv
from sequencer.services.imports import CONNECTIONS, Imported, import_csv
from sequencer.services.inspect import lead_by_email
from sequencer.services.release import Releases
from sequencer.services.standing import whole_view
from sequencer.store import clock

_KEPT = "surrogateescape"
"""What is not UTF-8 spoils its row, not the file."""


@click.group()
def command() -> None:
    """Import leads from CSV, export them, show one, or erase one.

    Example: sequencer leads import leads.csv
    """


@command.command("import", short_help="Import leads from a CSV file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--enroll", "sequence", metavar="SEQUENCE", help="Enrol every imported lead into this sequence, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def import_(file: str, sequence: str | None, as_json: bool) -> None:
    """Import leads from FILE, a CSV file in UTF-8 with a header line; `-` reads standard input.

    Columns: email (needed), first_name, last_name, title, company, country, time_zone, owner_email, stage, status,
    campaign, and the fields that workspace.yaml declares, several values separated by `;`. Any other column becomes an
    attribute of the lead. A lead that is known is updated; empty cells leave what is known. Rows with problems are
    listed and left out, the rest is imported, and the exit code is 1.

    \b
    Examples:
      sequencer leads import leads.csv
      sequencer leads import leads.csv --enroll education
      cut -d, -f1-3 leads.csv | sequencer leads import -
    """
    with (
        opened(CONNECTIONS) as context,
        rows_of(file) as rows,
        output.Progress("row", lambda: _share(rows)) as progress,
    ):
        imported = import_csv(context, rows, sequence, progress)
    if as_json:
        output.json(as_object(imported))
    else:
        say(imported, sequence)
    if imported.rejected:
        raise click.exceptions.Exit(1)


@contextmanager
def rows_of(file: str) -> Iterator[IO[str]]:
    """The text of a file that a spreadsheet may have begun with a byte order mark."""
    if file != "-":
        with open(file, encoding="utf-8-sig", errors=_KEPT, newline="") as text:
            yield text
        return
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", errors=_KEPT, newline="")
    try:
        yield text
    finally:
        text.detach()


def _share(text: IO[str]) -> float | None:
    """How much of the file was read; None of a pipe, which has no end before it ends."""
    size = os.fstat(text.fileno()).st_size if text.seekable() else 0
    return os.lseek(text.fileno(), 0, os.SEEK_CUR) / size if size else None


def as_object(imported: Imported) -> dict[str, object]:
    return {
        "new": imported.new,
        "updated": imported.updated,
        "rejected": imported.rejected,
        "problems": [{"line": line, "problem": problem} for line, problem in sorted(imported.problems)],
        "entered": len(imported.entered.leads),
        "refused": dict(imported.entered.refused.most_common()),
    }


def say(imported: Imported, sequence: str | None) -> None:
    """Rejected rows, then who did not enter and why; last, one line that counts."""
    for line, problem in sorted(imported.problems):
        output.line(f"line {line}: {problem}")
    if imported.rejected > len(imported.problems):
        output.line(f"… and {imported.rejected - len(imported.problems):,} more")
    output.table([(count, reason) for reason, count in imported.entered.refused.most_common()], indent="  ")
    counts = [f"{imported.new:,} new", f"{imported.updated:,} updated"]
    if imported.rejected:
        counts.append(f"{imported.rejected:,} rejected")
    if sequence is not None:
        counts.append(f"{len(imported.entered.leads):,} entered {sequence}")
    output.line(", ".join(counts))


@command.command(short_help="Export all leads as CSV.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
def export(file: str) -> None:
    """Export all leads as CSV to FILE, or to standard output: in the columns that `leads import` reads.

    Every attribute that any lead has is a column. Before what a spreadsheet would run as a formula, because it begins
    with = + - @, a tab or a carriage return, stands a `'`; the import takes it off again.

    \b
    Examples:
      sequencer leads export leads.csv
      sequencer leads export | gzip > leads.csv.gz
    """
    with (
        opened() as context,
        click.open_file(file, "w", encoding="utf-8", lazy=True) as text,
        output.Progress("lead") as progress,
    ):
        written = export_csv(context, text, progress)
    if file != "-":
        output.line(f"{output.counted(written, 'lead')} in {file}")


@command.command("erase", short_help="Erase a person.")
@click.argument("email")
@click.option("--confirm", "number", type=int, metavar="NUMBER", help="The number that the command tells without it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def erase_(email: str, number: int | None, as_json: bool) -> None:
    """Erase the person with the address EMAIL: what is known of them and what they did and wrote. It cannot be undone.

    Without --confirm it says what would go, and the exit code is 1. The address stays suppressed, so that nobody mails
    them again, and is kept for nothing else; what reports count stays, without the person.

    \b
    Examples:
      sequencer leads erase jane@example.com
      sequencer leads erase jane@example.com --confirm 17
    """
    address = email.strip().lower()
    with transaction() as conn:
        done = number == lead_by_email(conn, address).id
        if done:
            found = erase.erase(conn, Releases().current(conn), address, clock.now(conn))
        else:
            found = erase.look(conn, address)
    if as_json:
        output.json({"erased": done, "confirm": found.lead_id, "counts": dict(found.counts)})
    else:
        output.line("erased" if done else "would be erased")
        output.table([(name, f"{count:,}") for name, count in found.counts.items() if count], indent="  ")
    if not done:
        wrong = f"{number} is somebody else; " if number is not None else ""
        raise SequencerError(
            f"nothing was erased: {wrong}confirm it by `sequencer leads erase {address} --confirm {found.lead_id}`"
        )
    if not as_json:
        output.line("the address stays suppressed, and is kept for nothing else")


@command.command(short_help="Show what is known of one lead.")
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(email: str, as_json: bool) -> None:
    """Show the lead with the address EMAIL: what is known, its sequences, its score, and everything that happened.

    Times are those of the lead's own time zone, else the workspace's; in JSON they are UTC.

    Example: sequencer leads show jane@example.com --json
    """
    with transaction() as conn:
        lead = lead_by_email(conn, email)
        release = Releases().current(conn)
        found = whole_view(conn, release, lead, clock.now(conn))
        zone = lead.zone or release.workspace.zone
    if as_json:
        output.json(found)
    else:
        timeline.show(found, ZoneInfo(zone))
