"""Cells of CSV files, so that a spreadsheet that opens one shows what somebody wrote, and runs none of it."""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What spreadsheets take for a formula, or lose before one (OWASP, CSV Injection), and what we made of such."""
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """The text as a spreadsheet shows it: behind a `'` when it would begin a formula, or seem to be guarded already."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """What was written: exactly what `guarded` puts before it is taken off again."""
    return cell[1:] if _GUARDED.match(cell) else cell
