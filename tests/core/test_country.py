"""Countries as people write them."""

import subprocess
import sys

import pytest

from sequencer.core.country import code_of, named


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"),
        (" gb ", "GB"),
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("EL", "GR"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("deu", "DE"),
        ("Germany", "DE"),
        ("DEUTSCHLAND", "DE"),
        ("Allemagne", "DE"),
        ("Österreich", "AT"),
        ("osterreich", "AT"),
        ("Oesterreich", "AT"),
        ("The Netherlands", "NL"),
        ("Holland", "NL"),
        ("España", "ES"),
        ("Italia", "IT"),
        ("Schweiz", "CH"),
        ("Norge", "NO"),
        ("Czech Republic", "CZ"),
        ("Great Britain", "GB"),
        ("Ελλάδα", "GR"),
        ("Côte d’Ivoire", "CI"),
        ("United States of America", "US"),
        ("Hong Kong", "HK"),
        ("Çad", "TD"),
        ("Irã", "IR"),
        ("Omã", "OM"),
        ("Großbritannien", "GB"),
        ("Grande-Bretagne", "GB"),
        ("Groot-Brittannië", "GB"),
        ("Tschechische Republik", "CZ"),
        ("Éire", "IE"),
        ("Russian Federation", "RU"),
        ("Republic of Korea", "KR"),
        ("Kanarische Inseln", "ES"),
        ("IC", "ES"),
        ("Kosovo", "XK"),
        ("XKK", "XK"),
        ("Bouvet Island", "BV"),
        ("Europe", None),
        ("European Union", None),
        ("EU", None),
        ("Unknown Region", None),
        ("zz", None),
        ("ZZZ", None),
        ("Wonderland", None),
        ("XYZ", None),
        ("", None),
    ],
)
def test_a_country_is_known_by_code_name_and_the_usual_mistakes(text: str, code: str | None) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize(
    ("language", "code", "name", "first"),
    [
        ("en", "NL", "Netherlands", "AF"),
        ("de-AT", "AT", "Österreich", "AF"),
        ("fr", "DE", "Allemagne", "AF"),
        ("tlh", "GB", "United Kingdom", "AF"),
        ("no such", "XK", "Kosovo", "AF"),
        ("nl", "EG", "Egypte", "AF"),
    ],
)
def test_countries_have_names_in_any_language(language: str, code: str, name: str, first: str) -> None:
    found = named(language)
    assert (dict(found)[code], found[0][0]) == (name, first)
    assert [code_of(one) for one, _ in found] == [one for one, _ in found]


def test_codes_alone_need_no_names() -> None:
    began = "import sys, sequencer.core.country as it; it.code_of('UK'); raise SystemExit('babel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", began], timeout=120).returncode == 0


def test_what_is_read_beforehand_is_not_read_when_somebody_writes_it() -> None:
    began = (
        "import sequencer.core.country as it; it.read_names(); before = it._names.cache_info().misses;"
        "found = [it.code_of(one) for one in ('Germany', 'USA')];"
        "raise SystemExit(found != ['DE', 'US'] or it._names.cache_info().misses != before)"
    )
    assert subprocess.run([sys.executable, "-c", began], timeout=120).returncode == 0
