"""Countries as people write them, who are asked for one in their own words: codes, names, and the usual mistakes."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs", "el", "tr")
"""In which names are known."""
_CODES: Final = {"EL": "GR", "UK": "GB"}
"""Codes that ISO 3166-1 does not know, and that people use: the European Union's."""
_FURTHER: Final = {
    "america": "US",
    "britain": "GB",
    "burma": "MM",
    "cape verde": "CV",
    "czech republic": "CZ",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "hong kong": "HK",
    "ivory coast": "CI",
    "macau": "MO",
    "macedonia": "MK",
    "northern ireland": "GB",
    "oesterreich": "AT",
    "republic of ireland": "IE",
    "scotland": "GB",
    "swaziland": "SZ",
    "turkey": "TR",
    "uae": "AE",
    "united states of america": "US",
    "wales": "GB",
}
"""Names, as `_plain` leaves them, that the Unicode CLDR has not, or spells otherwise."""


@lru_cache(maxsize=4096)
def code_of(text: str) -> str | None:
    """ISO 3166-1 alpha-2 of a country by its code of two or three letters, or by its name; None: it names none.

    Two letters are believed to be one: whether there is such a country is for those to ask who look something up by it.
    """
    code = text.strip().upper()
    if re.fullmatch("[A-Z]{2}", code):
        return _CODES.get(code, code)
    plain = _plain(text)
    if plain in _FURTHER:
        return _FURTHER[plain]
    if re.fullmatch("[a-z]{2}", plain):  # U.K.
        return code_of(plain)
    if re.fullmatch("[a-z]{3}", plain):
        return _by_three_letters(plain)
    return next((found for one in _LANGUAGES if (found := _names(one).get(plain)) is not None), None)


def read_names() -> None:
    """Reads codes of three letters and English names, for processes that must not while leads wait for them."""
    _by_three_letters("usa")
    _names(_LANGUAGES[0])


def _plain(text: str) -> str:
    """Without accents, dots and an article, in small letters."""
    letters = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    words = re.sub(r"\W+", " ", letters.replace(".", "").casefold()).split()
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def _by_three_letters(code: str) -> str | None:
    from babel.core import get_global

    found: list[str] = get_global("territory_aliases").get(code.upper(), [])
    return found[0] if len(found) == 1 else None


@cache
def _names(language: str) -> Mapping[str, str]:
    """Codes by name. It takes milliseconds to read those of a language: only where somebody wrote a name."""
    from babel import Locale

    return {_plain(name): code for code, name in Locale(language).territories.items() if re.fullmatch("[A-Z]{2}", code)}
