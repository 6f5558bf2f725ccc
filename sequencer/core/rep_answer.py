"""What a rep's few words about a handoff mean: that they take the lead on, or why they do not, and until when."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from sequencer.core.handoff_policy import Decline
from sequencer.core.quoting import own_words
from sequencer.core.replies import named_date

LONGEST: Final = 300
"""Characters of a reason that are kept."""

FURTHEST: Final = timedelta(days=731)
"""How far ahead a rep may put off a lead."""
MOST: Final = 10
"""Words of a line that may be an answer; a longer one is a letter, unless it begins with `decline`."""

_YES: Final = re.compile(
    r"(i )?(accept(ed)?|yes|ok(ay)?|will do|taken?|on it|mine|got it"
    r"|i('| wi)?ll (take|call|do)( (it|him|her|them|this))?)"
    r"( it)?( please)?( now)?( thanks| thank you)?",
)
_NO: Final = re.compile(r"decline[ds]?\b.*|no")
_DECLINES: Final = re.compile(r"^(i )?(decline[ds]?|no)\b[\s,:;.–-]*", re.IGNORECASE)


class Said(NamedTuple):
    """An answer. `reason`: the id of a declared one; `words`: what else was written, for people."""

    accepts: bool
    reason: str = ""
    words: str = ""
    until: date | None = None


def is_day(until: date | None, today: date) -> bool:
    """Whether a lead can be asked again on this day, if one is named: it is to come, and no slip of the year."""
    return until is None or today < until <= today + FURTHEST


def understood(text: str, declines: Mapping[str, Decline], today: date) -> Said | None:
    """What an answer by mail says; None when it is not clear. Only its first line with words decides."""
    line = next((one for one in own_words(text).splitlines() if one.strip()), "").strip()
    words = re.sub(r"[^\w' ]+", " ", line.lower()).split()
    plain = " ".join(words)
    if not plain or line.startswith(">") or (len(words) > MOST and not plain.startswith("decline")):
        return None
    if _YES.fullmatch(plain):
        return Said(True)
    named = [one for one in declines.values() if _names(plain, one)]
    if not named and not _NO.fullmatch(plain):
        return None
    reason = max(named, key=lambda one: len(one.label)).id if named else ""
    return Said(False, reason, _DECLINES.sub("", line)[:LONGEST] if not named else "", named_date(line, today))


def _names(plain: str, decline: Decline) -> bool:
    """Whether the words hold the reason's name or label."""
    return any(
        f" {' '.join(re.sub(r'[^a-z0-9]+', ' ', one.lower()).split())} " in f" {plain} "
        for one in (decline.id, decline.label)
    )
