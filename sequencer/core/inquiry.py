"""What people ask about in their own words: phrases that signals.yaml declares, found in an answer or a form's text.

Upper and lower case, accents and line breaks make no difference, and a phrase is found as whole words only. A sentence
that also holds one of the exceptions asks nothing.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.mark import Mark
from sequencer.core.one_line import one_line

BETWEEN: Final = 3
"""Words that a `*` of its own may stand for, at most."""
LONGEST: Final = 20_000
"""Characters of a text that are looked through."""
SHOWN: Final = 300
"""Characters of a sentence that people are shown."""

_NO_WORDS: Final = frozenset({"form", "page", "url", "referrer", "useragent", "ip", "key", "subject"})
"""What an event's data holds that nobody wrote by hand, or that are words of ours."""
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+|\n\s*\n|\n(?=\s*[-*•])")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Something that people ask about."""

    name: str
    mark: Mark
    phrases: tuple[str, ...]
    """`*` at the end of a word stands for any ending, alone for up to three words."""
    unless: tuple[str, ...] = ()

    def asked(self, text: str) -> str | None:
        """The first sentence that asks about it; None when none does."""
        phrases, unless = _pattern(self.phrases), _pattern(self.unless)
        for sentence in _SENTENCE.split(text[:LONGEST]):
            folded = fold(sentence)
            if phrases.search(folded) and not (self.unless and unless.search(folded)):
                return one_line(sentence, SHOWN)
        return None


def in_event(inquiry: Inquiry, e: Event) -> str | None:
    """The sentence in which an event asks about it: a person's answer, or what they wrote into a form."""
    if e.machine or e.kind not in (kinds.REPLIED, kinds.SUBMITTED):
        return None
    return next((asked for text in _texts(e.data) if (asked := inquiry.asked(text)) is not None), None)


def _texts(data: Mapping[str, Any]) -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _texts(value)
        elif isinstance(value, str) and name not in _NO_WORDS and "://" not in value[:12] and value[:1] != "/":
            yield value


def fold(text: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(c for c in apart if not unicodedata.combining(c))


@lru_cache(maxsize=256)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<!\w){_words(fold(phrase).split())}(?!\w)" for phrase in phrases))


def _words(words: list[str]) -> str:
    found = ""
    for number, word in enumerate(words):
        if word == "*":
            found += rf"(?:\W+\w+){{0,{BETWEEN}}}"
            continue
        stem = re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else "")
        found += (r"\W+" if number else "") + stem
    return found
