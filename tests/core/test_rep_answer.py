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


@pytest.mark.parametrize(
    ("language", "written"),
    [
        *[
            ("en", one)
            for one in ("I'm on it", "I’m on it!", "On it", "On it.", "Will do", "Sure", "Sure, will do", "Yep")
        ],
        *[
            ("en", one)
            for one in ("Will call today", "I'll call her today.", "Calling him now", "I will call tomorrow")
        ],
        *[
            ("en", one)
            for one in (
                "Thanks, on it",
                "OK, thank you",
                "Yes please",
                "I'll give them a call",
                "Got it",
                "Will reach out to her today",
            )
        ],
        *[
            ("en", one)
            for one in ("Hi,\n\nI'm on it.\n\nBen", "Hi Anna,\nwill do\nBen", "Hey Anna - on it", "Hello! Sure.")
        ],
        *[("en", one) for one in ("Good morning Mara\n\nSure, I'll take this one\n\nThanks\nBen",)],
        *[("en", "Hi,\n\nWill call today" + QUOTED)],
        *[
            ("de", one)
            for one in ("Bin dran", "Ich bin dran!", "Mache ich", "Mach ich gerne, danke", "Klar", "Alles klar")
        ],
        *[("de", one) for one in ("Ich rufe sie heute an", "Rufe morgen früh an", "Ich kümmere mich darum", "Gerne!")],
        *[
            ("de", one)
            for one in ("Hallo Anna,\n\nübernehme ich.\n\nGruß\nBen", "Guten Tag Frau Dr. Weber,\nok", "Will do")
        ],
        *[("de", one) for one in ("Hi, mache ich", "Ich nehme sie an", "Moin!\nJa, übernehme ich gleich")],
        *[
            ("fr", one)
            for one in ("Je m’en occupe", "Bien sûr", "Je l'appelle aujourd'hui", "Entendu, merci", "Ça marche")
        ],
        *[("fr", one) for one in ("Bonjour Anna,\n\nje m'en charge.", "Salut, d'accord, je les appelle demain")],
        *[
            ("es", one)
            for one in ("Me pongo con ello", "Claro que sí", "La llamo hoy", "Vale, lo llamaré mañana", "Claro")
        ],
        *[("es", one) for one in ("Hola Ana:\n\nYo me encargo, gracias", "Buenos días\nDe acuerdo")],
        *[
            ("it", one)
            for one in ("Ci penso io", "Certo", "Lo chiamo oggi", "Va bene, la chiamerò domani", "Volentieri")
        ],
        *[("it", one) for one in ("Ciao Anna,\n\nme ne occupo io.", "Buongiorno, d'accordo, grazie")],
        *[("nl", one) for one in ("Komt goed", "Ik pak het op", "Ik bel haar vandaag", "Prima, doe ik", "Regel ik")],
        *[("nl", one) for one in ("Hoi Anna,\n\nik bel hem morgen.\n\nGroet, Ben", "Dag Mara\nis goed, dank je")],
    ],
)
def test_the_lead_is_taken_on_in_the_words_that_people_use(language: str, written: str) -> None:
    assert understood(written, REASONS, TODAY, language) == Said(True)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        *[
            ("en", one)
            for one in ("Sure?", "Yes?", "Not sure", "OK, but not before March", "Will see", "Noted", "Thanks")
        ],
        *[("en", one) for one in ("Today", "Thanks, tomorrow", "Will call in March", "I may call her", "May be later")],
        *[
            ("en", one)
            for one in ("Of course not", "On it? Who is that?", "Not mine", "Wrong person?", "Hi,", "Hi Anna")
        ],
        *[
            ("en", one)
            for one in (
                "Hi,\n\nwho is this?\n\nSure, I'll call",
                "Will do it if she answers",
                "Yes or no?",
                "I'll give it to them",
                "Will give this to him",
                "Please take it",
                "Take her please",
                "Hi no, mine",
                "Hello not me, thanks, ok",
            )
        ],
        *[("en", one) for one in ("Hi, I am out of the office until January 7th.", "I will call back when I return.")],
        *[("de", one) for one in ("Rufe sie bitte an", "Bitte übernehme das", "Hi nicht ich, ok")],
        *[
            ("de", one)
            for one in ("Klar, aber erst im März", "Ich rufe nicht an", "Danke", "Hallo", "Gerne später mal?")
        ],
        *[
            ("de", one)
            for one in ("Ich bin im Urlaub und melde mich später.", "Hallo,\nich bin bis 7. Januar abwesend.")
        ],
        *[("fr", one) for one in ("Bien sûr que non", "Je suis absente, je répondrai plus tard.", "Merci", "Bonjour")],
        *[
            ("es", one)
            for one in ("Claro que no", "Estoy de vacaciones, respondo más tarde", "Gracias", "Hola, ¿quién es?")
        ],
        *[("it", one) for one in ("Certo che no", "Sono in ferie, rispondo più tardi", "Grazie", "Non lo chiamo")],
        *[("nl", one) for one in ("Zeker niet", "Ik ben op vakantie en reageer later", "Bedankt", "Ik bel haar niet")],
    ],
)
def test_what_is_doubtful_is_asked_back(language: str, written: str) -> None:
    assert understood(written, REASONS, TODAY, language) is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hi not now, ok", Said(False, "not-now")),
        ("Hi Anna,\n\nnot now, March", Said(False, "not-now", until=date(2027, 3, 1))),
        ("Hello, no budget", Said(False, "no-budget")),
        ("Hi,\ndecline: they moved to a rival", Said(False, words="they moved to a rival")),
        ("not now, she is on vacation until 7 January", Said(False, "not-now", until=date(2027, 1, 7))),
        ("not now, May", Said(False, "not-now", until=date(2027, 5, 1))),
        ("not now, she may decide in March", Said(False, "not-now", until=date(2027, 3, 1))),
        ("not now, they may", Said(False, "not-now")),
        ("decline: why should I?", Said(False, words="why should I?")),
    ],
)
def test_after_a_greeting_and_beside_other_words_a_refusal_means_the_same(written: str, said: Said) -> None:
    assert understood(written, REASONS, TODAY) == said


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
