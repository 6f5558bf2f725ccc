"""Automatic replies by their headers, and days of return by how people write them."""

from datetime import date

import pytest

from sequencer.core.replies import is_automatic, return_date

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    "headers",
    [
        {"auto-submitted": "auto-replied"},
        {"auto-submitted": "Auto-Generated"},
        {"auto-submitted": "auto-replied; owner-email=kim@harbor.example"},
        {"x-autoreply": "yes"},
        {"x-autorespond": ""},
        {"precedence": "bulk"},
        {"precedence": " Auto_Reply "},
        {"precedence": "junk"},
    ],
)
def test_headers_of_automatic_mail_are_known(headers: dict[str, str]) -> None:
    assert is_automatic(headers, "Re: Pricing", "kim@harbor.example") is True


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"auto-submitted": "no"},
        {"auto-submitted": " No "},
        {"auto-submitted": ""},
        # Whoever answers through a mailing list of their team is a person still.
        {"precedence": "list"},
        {"precedence": "first-class"},
        {"in-reply-to": "<auto-reply@harbor.example>"},
    ],
)
def test_a_persons_headers_are_no_marks_of_a_machine(headers: dict[str, str]) -> None:
    assert is_automatic(headers, "Re: Pricing", "kim@harbor.example") is False


@pytest.mark.parametrize(
    ("subject", "automatic"),
    [
        ("Automatic reply: Pricing", True),
        ("  AUTO-REPLY: Pricing", True),
        ("Autoresponse", True),
        ("Automatic response from Kim", True),
        ("Out of office: Pricing", True),
        ("Out of the office until Monday", True),
        ("Abwesenheitsnotiz: Preise", True),
        ("Réponse automatique : Tarifs", True),
        ("Respuesta automática: Precios", True),
        ("Automatische Antwort: Preise", True),
        ("Abwesend: Preise", True),
        ("Absence du bureau : Tarifs", True),
        ("Fuera de la oficina: Precios", True),
        ("Risposta automatica: Prezzi", True),
        ("Fuori ufficio", True),
        ("Automatische reactie: Prijzen", True),
        ("Afwezig: Prijzen", True),
        ("Abwesend ist bei uns niemand", False),
        ("Afwezigheid in het team plannen", False),
        ("Re: Automatic reply to every customer?", False),
        ("Re: our out of office calendar", False),
        ("Pricing", False),
        ("", False),
    ],
)
def test_subjects_tell_of_vendors_that_set_no_header(subject: str, automatic: bool) -> None:
    assert is_automatic({}, subject, "kim@harbor.example") is automatic


@pytest.mark.parametrize(
    ("envelope_from", "content_type"),
    [("", ""), ("<>", ""), (" <> ", ""), ("kim@harbor.example", "multipart/report; report-type=delivery-status")],
)
def test_reports_and_mail_from_nobody_are_automatic(envelope_from: str, content_type: str) -> None:
    assert is_automatic({}, "Re: Pricing", envelope_from, content_type) is True


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("I am back on 7 December 2026.", date(2026, 12, 7)),
        ("I am back on 7. December", date(2026, 12, 7)),
        ("I return on the 7th of December", date(2026, 12, 7)),
        ("I return on December 7, 2026", date(2026, 12, 7)),
        ("I return Dec 7th", date(2026, 12, 7)),
        ("Returning: 2026-12-07", date(2026, 12, 7)),
        ("Away from 24 Nov to 4 Dec, and back on 7 Dec", date(2026, 12, 7)),
        ("On holiday until 4 January", date(2027, 1, 4)),
        ("On holiday since 2 November 2026", None),
        ("On holiday since 2026-11-02, back on 2026-12-07", date(2026, 12, 7)),
        ("Back today, 23 November 2026", None),
        ("Back tomorrow, 24 November 2026", date(2026, 11, 24)),
        ("On leave until 25 May 2027", date(2027, 5, 25)),
        ("On leave until 26 May 2027", None),
        ("On leave until 7 December 2027", None),
        ("Back on 31 February 2027", None),
        ("Back on 2026-13-45", None),
        ("Back on 45 December", None),
        ("Back in 20 minutes, room 12 Building 7", None),
        ("Call +44 20 7946 0000", None),
        ("12/07/2026 or 07/12/2026, who knows", None),
        ("", None),
    ],
)
def test_the_day_of_return_is_the_latest_plausible_one(text: str, back: date | None) -> None:
    assert return_date(text, TODAY) == back
