"""Automatic replies by their headers and subjects."""

import pytest

from sequencer.core.replies import is_automatic


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
