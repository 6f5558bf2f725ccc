"""What a rep's few words about a handoff mean: that they take the lead on, or why they do not, and until when."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from sequencer.core.handoff_policy import Decline
from sequencer.core.named_day import month_name, named_day
from sequencer.core.people import zone_of_rep
from sequencer.core.quoting import own_words
from sequencer.core.schedule import local_day
from sequencer.core.spoken import SPOKEN, Spoken, plain
from sequencer.core.workspace import Workspace

LONGEST: Final = 300
"""Characters of a reason that are kept."""

FURTHEST: Final = timedelta(days=731)
"""How far ahead a rep may put off a lead."""
MOST: Final = 10
"""Words of a line that may be an answer; a longer one is a letter, unless it begins with `decline`."""
NAMES: Final = 3
"""Words of a name after a greeting."""
_NOT: Final = frozenset("no not nein nicht kein keine non pas nee niet geen".split())
"""Words that stand in no name."""


class Said(NamedTuple):
    """An answer. `reason`: the id of a declared one; `words`: what else was written, for people."""

    accepts: bool
    reason: str = ""
    words: str = ""
    until: date | None = None


def today_of(workspace: Workspace, rep: str, now: datetime) -> date:
    """The day that it is where the rep is."""
    return local_day(now, zone_of_rep(workspace, workspace.reps.get(rep)))


def is_day(until: date | None, today: date) -> bool:
    """Whether a lead can be asked again on this day, if one is named: it is to come, and no slip of the year."""
    return until is None or today < until <= today + FURTHEST


def understood(text: str, declines: Mapping[str, Decline], today: date, language: str = "en") -> Said | None:
    """What an answer by mail says, in the rep's language or in English; None when it is not clear. Only its first line
    with words, after a greeting, decides; a question decides nothing.
    """
    both, mine = (SPOKEN["en"], SPOKEN[language]), own_words(text)
    line = _first_line(mine, both)
    said = plain(line)
    refuses = _begins(said, (one for words in both for one in words.refuse))
    if not said or line.startswith(">") or ((len(said.split()) > MOST or "?" in line) and not refuses):
        return None
    if _accepts(said, language):
        return Said(True)
    named = [one for one in declines.values() if _names(said, one, both)]
    if not named and not refuses and said not in {plain(one) for words in both for one in words.no}:
        return None
    if not refuses and _tells_of_absence(mine) and not any(_begins(said, _ways(one, both)) for one in named):
        return None
    reason = max(named, key=lambda one: len(one.label)).id if named else ""
    until = named_day(line, today, {"en", language})
    return Said(False, reason, _why(line, both)[:LONGEST] if not named else "", until)


def label_of(decline: Decline, language: str) -> str:
    """As reps read it: one that is called as where none are declared, in their language."""
    usual = SPOKEN["en"].reasons.get(decline.id, ("",))[0] == decline.label
    return SPOKEN[language].reasons[decline.id][0] if usual else decline.label


def examples(declines: Mapping[str, Decline], language: str) -> list[str]:
    """Answers that are understood, as they are suggested; the last one names a month."""
    labels = {one.id: label_of(one, language) for one in declines.values()}
    later = labels.pop("not-now", None)
    without = labels.get("no-budget") or next(iter(labels.values()), None)
    reasons = [without] if without is not None else []
    dated = later or without or SPOKEN[language].refuse[0]
    month = month_name(3, language)
    return [SPOKEN[language].accept[0], *map(_small, reasons), f"{_small(dated)}, {month}"]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _first_line(text: str, both: Collection[Spoken]) -> str:
    """The first line with words in it that is more than a greeting, without one that it begins with."""
    hello = [plain(one) for words in both for one in words.hello]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        head, *rest = re.split(r"[,!:;–—]+\s*|\s-\s", line, maxsplit=1)
        greeted = max((len(one.split()) for one in hello if _begins(plain(head), [one])), default=0)
        name = plain(head).split()[greeted:]
        is_greeting = greeted and len(name) <= NAMES and _NOT.isdisjoint(name)
        if not is_greeting or (not rest and number + 1 == len(lines)):
            return line
        if rest and rest[0]:
            return rest[0]
    return ""


def _accepts(said: str, language: str) -> bool:
    """Whether the words say that the lead is taken on, and nothing besides."""
    match = _accepting(language).fullmatch(said)
    return match is not None and match["accepts"] is not None


@cache
def _accepting(language: str) -> re.Pattern[str]:
    both = (SPOKEN["en"], SPOKEN[language])
    accepts = _any_of(one for words in both for one in words.accept)
    also = _any_of(one for words in both for one in words.also)
    return re.compile(rf"(?:(?:(?P<accepts>{accepts})|{also})(?: |$))+")


def _any_of(ways: Iterable[str]) -> str:
    return "|".join(sorted({re.escape(plain(one)) for one in ways}, key=len, reverse=True))


def _begins(said: str, ways: Iterable[str]) -> bool:
    return any(f"{said} ".startswith(f"{plain(one)} ") for one in ways)


def _tells_of_absence(text: str) -> bool:
    """Whether it may come from a program that answers for somebody who is not there, in whatever language."""
    said = f" {plain(text)} "
    return any(f" {plain(one)} " in said for words in SPOKEN.values() for one in words.away)


def _why(line: str, both: Collection[Spoken]) -> str:
    """What is left of the line after the word that declines."""
    ways = sorted({way for words in both for way in (*words.refuse, *words.no)}, key=len, reverse=True)
    begins = re.compile(rf"^(?:{'|'.join(map(re.escape, ways))})\b[\s,:;.–-]*", re.IGNORECASE)
    return begins.sub("", line)


def _names(said: str, decline: Decline, both: Collection[Spoken]) -> bool:
    """Whether the words hold what the reason is called."""
    return any(f" {plain(one)} " in f" {said} " for one in _ways(decline, both))


def _ways(decline: Decline, both: Collection[Spoken]) -> Iterator[str]:
    """The reason's name and label, and what people say for one that was not declared."""
    yield from (decline.id.replace("-", " "), decline.label)
    yield from (way for words in both for way in words.reasons.get(decline.id, ()))
