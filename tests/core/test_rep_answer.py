"""What a rep's answer to the mail of a handoff is understood to say."""

from datetime import date

import pytest

from sequencer.core.handoff_policy import DECLINES, Decline
from sequencer.core.rep_answer import Said, examples, understood
from sequencer.core.spoken import SPOKEN

TODAY = date(2026, 11, 25)
REASONS = {one.id: one for one in DECLINES}
QUOTED = "\n\nOn Wed, 25 Nov 2026 at 09:00 Acme <mara@mail.acme.example> wrote:\n> Or answer: no budget, accept\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("accept", Said(True)),
        ("Accepted!", Said(True)),
        ("Yes, thanks", Said(True)),
        ("OK" + QUOTED, Said(True)),
        ("I'll take it\n\nBen", Said(True)),
        ("not now, March", Said(False, "not-now", until=date(2027, 3, 1))),
        ("Not now – 5 January" + QUOTED, Said(False, "not-now", until=date(2027, 1, 5))),
        ("Not now: 2027-02-14", Said(False, "not-now", until=date(2027, 2, 14))),
        ("not now, November", Said(False, "not-now", until=date(2027, 11, 1))),
        ("not now, Friday", Said(False, "not-now", until=date(2026, 11, 27))),
        ("not now, in three months", Said(False, "not-now", until=date(2027, 2, 25))),
        ("Not now, maybe March or April", Said(False, "not-now")),
        ("no budget", Said(False, "no-budget")),
        ("Declined, wrong person.", Said(False, "wrong-person")),
        ("decline: they moved to a rival", Said(False, words="they moved to a rival")),
        ("no", Said(False)),
        ("They said yes to a call on Friday", None),
        ("What is this?", None),
        ("No problem, will do", None),
        ("She says there is no budget this year, and that I am to ask again in March", None),
        ("", None),
        (QUOTED, None),
        ("> accept", None),
    ],
)
def test_an_answer_means(written: str, said: Said | None) -> None:
    assert understood(written, REASONS, TODAY) == said


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("de", "Annehmen", Said(True)),
        ("de", "Ja, danke!", Said(True)),
        ("de", "Übernehme ich", Said(True)),
        ("de", "accept", Said(True)),
        ("de", "jetzt nicht, im März", Said(False, "not-now", until=date(2027, 3, 1))),
        ("de", "Später: nächste Woche", Said(False, "not-now", until=date(2026, 11, 30))),
        ("de", "not now, March", Said(False, "not-now", until=date(2027, 3, 1))),
        ("de", "Kein Budget", Said(False, "no-budget")),
        (
            "de",
            "Abgelehnt: sie sind zu einem Rivalen gewechselt",
            Said(False, words="sie sind zu einem Rivalen gewechselt"),
        ),
        ("de", "Ja, aber erst im März", None),
        ("de", "Was ist das?", None),
        ("fr", "J’accepte, merci", Said(True)),
        ("fr", "D'accord", Said(True)),
        ("fr", "Pas maintenant, en mars", Said(False, "not-now", until=date(2027, 3, 1))),
        ("fr", "refusé : trop cher", Said(False, words="trop cher")),
        ("fr", "non", Said(False)),
        ("es", "Sí, gracias", Said(True)),
        ("es", "Ahora no, en 3 meses", Said(False, "not-now", until=date(2027, 2, 25))),
        ("es", "no", Said(False)),
        ("it", "Va bene", Said(True)),
        ("it", "Più tardi, la prossima settimana", Said(False, "not-now", until=date(2026, 11, 30))),
        ("nl", "Akkoord", Said(True)),
        ("nl", "Nu niet, over 2 weken", Said(False, "not-now", until=date(2026, 12, 9))),
        ("nl", "Verkeerde persoon", Said(False, "wrong-person")),
        # Each is understood by those whose language it is.
        ("en", "jetzt nicht, im März", None),
    ],
)
def test_an_answer_in_the_reps_language_means(language: str, written: str, said: Said | None) -> None:
    assert understood(written, REASONS, TODAY, language) == said


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_what_is_suggested_is_understood(language: str) -> None:
    said = [understood(one, REASONS, TODAY, language) for one in examples(REASONS, language)]
    assert said == [Said(True), Said(False, "no-budget"), Said(False, "not-now", until=date(2027, 3, 1))]


def test_of_reasons_that_a_workspace_declares_these_are_suggested_in_its_own_words() -> None:
    own = {"no-budget": Decline("no-budget", "Zu teuer"), "gone": Decline("gone", "Left the company")}
    assert examples(own, "de") == ["annehmen", "zu teuer", "zu teuer, März"]
    assert examples({}, "en") == ["accept", "decline, March"]


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_every_usual_reason_is_understood_in_each_way_to_say_it(language: str) -> None:
    said = {way: reason for reason, ways in SPOKEN[language].reasons.items() for way in ways}
    assert {way: getattr(understood(way, REASONS, TODAY, language), "reason", None) for way in said} == said
