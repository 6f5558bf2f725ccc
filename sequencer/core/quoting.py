"""What somebody wrote in an answer, without the mail that is quoted in it."""

import re
from typing import Final

_WROTE: Final = (
    "wrote|schrieb|a écrit|escribió|ha scritto|scrisse|schreef|skrev|napisał|napisał\\(a\\)|escreveu|kirjoitti|napsal"
)
_INTRODUCED: Final = re.compile(rf"\b(?:{_WROTE})\b.{{0,200}}:\s*$", re.IGNORECASE)
"""`On Mon, 2 Nov 2026 at 9:00, Ana <ana@…> wrote:`, as mail programs write it above what they quote."""
_BEGINS: Final = re.compile(r"\s*(?:on|am|le|el|il|op|den|dnia|w dniu|em|dne|\d)\b", re.IGNORECASE)
"""What an introduction over several lines begins with."""
_COPIED: Final = re.compile(
    r"\s*(?:-{2,}\s*(?:original message|ursprüngliche nachricht|original-nachricht|message d'origine|mensaje original"
    r"|messaggio originale|forwarded message)\s*-{2,}|_{10,})\s*$",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"\s*\*?(?:from|von|de|da|van|fra|från)\s?:\*?\s.*@", re.IGNORECASE)
_SECOND: Final = re.compile(
    r"\s*\*?(?:sent|gesendet|date|datum|envoyé|enviado(?: el)?|inviato|verzonden|to|an|à|para|a)\s?:", re.IGNORECASE
)
"""The lines with which Outlook begins a copy of the mail before."""
SPREAD: Final = 3
"""Lines over which the introduction of what is quoted may be broken."""


def own_words(text: str) -> str:
    """The text without quoted lines, and without what is copied below. All of it when nothing else is left."""
    lines = text.splitlines()
    kept: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.lstrip().startswith(">"):
            number += 1
        elif _COPIED.match(line) or (_HEADER.match(line) and _SECOND.match(_at(lines, number + 1))):
            break
        elif length := _introduces(lines, number):
            number += length
            following = next((one for one in lines[number:] if one.strip()), ">")
            if not following.lstrip().startswith(">"):
                break  # it is not marked line by line, so all the rest is
        else:
            kept.append(line)
            number += 1
    return "\n".join(kept).strip() or text.strip()


def _introduces(lines: list[str], number: int) -> int:
    """How many lines from here on say who wrote what is quoted below; 0: none."""
    for length in range(1, SPREAD + 1):
        several = lines[number : number + length]
        if len(several) < length or not several[-1].strip() or (length > 1 and not _BEGINS.match(several[0])):
            return 0
        if _INTRODUCED.search(" ".join(several)):
            return length if _dated(" ".join(several)) else 0
    return 0


def _dated(text: str) -> bool:
    """Somebody who writes `my boss wrote:` introduces nothing."""
    return any(c.isdigit() for c in text)


def _at(lines: list[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""
