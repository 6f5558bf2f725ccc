"""Tells an automatic reply from a person's, and finds the day of return in an out-of-office note."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

_SUBJECT = re.compile(
    r"^\s*(automatic reply|auto(matic)?[- ]?(reply|response)|out of (the )?office|abwesenheit|abwesend\s*:"
    r"|automatische (antwort|reactie)|réponse automatique|absence du bureau|respuesta automática"
    r"|fuera de (la )?oficina|risposta automatica|fuori (dall[’']\s?)?ufficio|automatisch antwoord|afwezig\s*:)",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
ISO: Final = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_DAY_MONTH = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([A-Za-z]{3,9})\b,?(?: (20\d\d))?")
_MONTH_DAY = re.compile(r"\b([A-Za-z]{3,9}) (\d{1,2})(?:st|nd|rd|th)?\b,?(?: (20\d\d))?")


def is_automatic(headers: Mapping[str, str], subject: str, envelope_from: str, content_type: str = "") -> bool:
    """RFC 3834's marks of an automatic message, and those that vendors use besides. Header names in lower case."""
    if headers.get("auto-submitted", "no").partition(";")[0].strip().lower() not in ("", "no"):
        return True
    if any(name in headers for name in ("x-autoreply", "x-autorespond", "x-auto-response-suppress-reply")):
        return True
    if headers.get("precedence", "").strip().lower() in ("auto_reply", "bulk", "junk"):
        return True
    if envelope_from.strip() in ("", "<>") or content_type.lower().startswith("multipart/report"):
        return True
    return _SUBJECT.match(subject) is not None


def return_date(text: str, today: date) -> date | None:
    """The latest plausible day named in an out-of-office note (within half a year); None when there is none."""
    named = [date_of(int(y), int(m), int(d)) for y, m, d in ISO.findall(text)]
    for day, month, year in _DAY_MONTH.findall(text):
        named.append(_named(month, day, year, today))
    for month, day, year in _MONTH_DAY.findall(text):
        named.append(_named(month, day, year, today))
    plausible = [d for d in named if d is not None and 0 < (d - today).days <= 183]
    return max(plausible, default=None)


def _named(month: str, day: str, year: str, today: date) -> date | None:
    if month[:3].lower() not in _MONTHS:
        return None
    number = _MONTHS.index(month[:3].lower()) + 1
    years = [int(year)] if year else [today.year, today.year + 1]
    found = [date_of(one, number, int(day)) for one in years]
    return next((d for d in found if d is not None and (year or d >= today)), None)


def date_of(year: int, month: int, day: int) -> date | None:
    """None: the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None
