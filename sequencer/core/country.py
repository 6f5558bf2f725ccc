"""Countries as people write them, who are asked for one in their own words: codes, names, and the usual mistakes."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs", "el", "tr")
"""In which names are known."""
_CODES: Final = {"EA": "ES", "EL": "GR", "IC": "ES", "UK": "GB"}
"""Codes that ISO 3166-1 does not know: those that the European Union and people use, and the Unicode CLDR's of Ceuta,
Melilla and the Canary Islands."""
_WITHOUT_ZONE: Final = frozenset({"BV", "HM", "XK"})
"""Countries that tz's zone.tab has not: nobody lives in two, and Kosovo has the code that it uses meanwhile."""
_FURTHER: Final = {
    "america": "US",
    "angleterre": "GB",
    "britain": "GB",
    "burma": "MM",
    "cape verde": "CV",
    "czech republic": "CZ",
    "eeuu": "US",
    "eire": "IE",
    "engeland": "GB",
    "england": "GB",
    "estados unidos de america": "US",
    "etats unis d amerique": "US",
    "gra bretanha": "GB",
    "gran bretagna": "GB",
    "gran bretana": "GB",
    "grande bretagne": "GB",
    "great britain": "GB",
    "groot brittannie": "GB",
    "grossbritannien": "GB",
    "holland": "NL",
    "hong kong": "HK",
    "inghilterra": "GB",
    "inglaterra": "GB",
    "ivory coast": "CI",
    "macau": "MO",
    "macedonia": "MK",
    "northern ireland": "GB",
    "oesterreich": "AT",
    "republic of ireland": "IE",
    "republic of korea": "KR",
    "republica checa": "CZ",
    "republique tcheque": "CZ",
    "russian federation": "RU",
    "schottland": "GB",
    "scotland": "GB",
    "slovak republic": "SK",
    "swaziland": "SZ",
    "tschechische republik": "CZ",
    "turkey": "TR",
    "uae": "AE",
    "united states of america": "US",
    "velka britanie": "GB",
    "vereinigte staaten von amerika": "US",
    "wales": "GB",
    "weissrussland": "BY",
}
"""Names, as `_plain` leaves them, that the Unicode CLDR has not, or spells otherwise."""


@lru_cache(maxsize=4096)
def code_of(text: str) -> str | None:
    """ISO 3166-1 alpha-2 of a country by its code of two or three letters, or by its name; None: it names none."""
    code = text.strip().upper()
    if re.fullmatch("[A-Z]{2}", code):
        return _known(code)
    plain = _plain(text)
    if plain in _FURTHER:
        return _FURTHER[plain]
    if re.fullmatch("[a-z]{2}", plain):  # U.K.
        return _known(plain.upper())
    # Some names have three letters as well: Çad, Irã.
    if re.fullmatch("[a-z]{3}", plain) and (by_code := _by_three_letters(plain)) is not None:
        return by_code
    return next((found for one in _LANGUAGES if (found := _names(one).get(plain)) is not None), None)


def read_names() -> None:
    """Reads codes of three letters and English names, for processes that must not while leads wait for them."""
    _by_three_letters("usa")
    _names(_LANGUAGES[0])


@cache
def zones() -> Mapping[str, Sequence[str]]:
    """By country its time zones. Read from disk once, when it is first asked for."""
    found = dict[str, list[str]]()
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return found


@cache
def codes() -> tuple[str, ...]:
    """ISO 3166-1 alpha-2 of every country that people live in, and Kosovo's."""
    return tuple(sorted({*zones(), "XK"}))


@cache
def named(language: str) -> tuple[tuple[str, str], ...]:
    """Every country's code and name in a language, as `de` or `de-AT`, in the order of names; in English where nobody
    knows the language. It takes milliseconds to read one, once.
    """
    from babel import Locale, UnknownLocaleError

    try:
        names = Locale.parse(language, sep="-").territories
    except (UnknownLocaleError, ValueError):
        names = Locale(_LANGUAGES[0]).territories
    return tuple(sorted(((code, names.get(code, code)) for code in codes()), key=lambda one: _plain(one[1])))


def country_of(text: str | None) -> str | None:
    """The country that somebody names by its code, ISO 3166-1 alpha-2, as front doors do; None: none on the map."""
    code = (text or "").strip()
    return code.upper() if code.isascii() and code.upper() in zones() else None


def _known(code: str) -> str | None:
    """The Unicode CLDR names also unions, parts of countries, and what is none: of these nobody's law is known."""
    code = _CODES.get(code, code)
    return code if code in zones() or code in _WITHOUT_ZONE else None


def _plain(text: str) -> str:
    """Without accents, dots and an article, in small letters."""
    letters = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    words = re.sub(r"\W+", " ", letters.replace(".", "").casefold()).split()
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def _by_three_letters(code: str) -> str | None:
    from babel.core import get_global

    found: list[str] = get_global("territory_aliases").get(code.upper(), [])
    return _known(found[0]) if len(found) == 1 else None


@cache
def _names(language: str) -> Mapping[str, str]:
    """Codes by name. It takes milliseconds to read those of a language: only where somebody wrote a name."""
    from babel import Locale

    found = ((_plain(name), _known(code)) for code, name in Locale(language).territories.items())
    return {name: code for name, code in found if code is not None}
