"""What a rep's answer to the mail of a handoff is understood to say."""

from datetime import date

import pytest

from sequencer.core.handoff_policy import DECLINES
from sequencer.core.rep_answer import Said, understood

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
