"""`sequencer report`."""

from datetime import timedelta

from sqlalchemy import Engine

from sequencer.core.handoff import State
from sequencer.store import handoffs, leads
from sequencer.store.handoffs import NewHandoff

from .conftest import START, Sequencer

DAAN, INES = "daan@counterweigh.example", "ines@counterweigh.example"
ASKED = {"d@h.example": (DAAN, INES)}
"""Of whom somebody else was asked first."""


def test_it_counts_handoffs_by_rep_and_reason_and_leads_by_campaign(deployed: Sequencer, engine: Engine) -> None:
    people = [
        ("a@h.example", "webinar", DAAN, State.ACCEPTED, ""),
        ("b@h.example", "webinar", DAAN, State.ACCEPTED, ""),
        ("c@h.example", "webinar", DAAN, State.DECLINED, "no-budget"),
        ("d@h.example", "giveaway", INES, State.DECLINED, "they merged"),
        ("e@h.example", "giveaway", INES, State.EXPIRED, "nobody accepted it in time"),
        ("f@h.example", "giveaway", None, State.WAITING, ""),
        ("g@h.example", "giveaway", INES, State.DECLINED, "wrong country"),
    ]
    with engine.begin() as conn:
        ids = leads.upsert(conn, [{"email": one[0], "campaign": one[1]} for one in people], "test", START)
        handoffs.begin(conn, [NewHandoff(ids[one[0]][0], None) for one in people], START)
        for number, (email, _, rep, state, answer) in enumerate(people):
            found = handoffs.of_leads(conn, [ids[email][0]])[ids[email][0]][0]
            told = START if rep is not None else None
            answered = START + timedelta(hours=2 + number) if state is not State.WAITING else None
            one = found._replace(rep=rep, state=state, answer=answer, told_at=told, answered_at=answered, due_at=None)
            handoffs.write(conn, [one._replace(asked=ASKED.get(email, (rep,) if rep is not None else ()))])
    found = deployed.json("report")
    assert found["reps"] == [
        _rep(DAAN, given=4, accepted=2, declined=1, reassigned=1, hours_to_accept=2.5),
        _rep(INES, given=3, declined=2, expired=1),
        _rep(None, given=1, waiting=1),
    ]
    assert [(one["state"], one["reason"], one["times"]) for one in found["reasons"]] == [
        ("declined", "other", 2),
        ("declined", "No budget", 1),
        ("expired", "nobody accepted it in time", 1),
    ]
    campaigns = {one.pop("campaign"): one for one in found["campaigns"]}
    empty = {"active": 0, "ready": 0, "customers": 0}
    assert campaigns["webinar"] == {"leads": 3, "handed_off": 3, "accepted": 2, **empty}
    assert campaigns["giveaway"] == {"leads": 4, "handed_off": 4, "accepted": 0, **empty}
    said = deployed("report").splitlines()
    assert said[0].split() == "handoffs given accepted declined expired waiting reassigned hours to accept".split()
    assert said[1].split() == [DAAN, "4", "2", "1", "0", "0", "1", "2.5"]
    assert "declined: No budget" in deployed("report")


def _rep(rep: str | None, **counts: float) -> dict[str, object]:
    names = ("given", "accepted", "declined", "expired", "waiting", "reassigned")
    return {"rep": rep, **dict.fromkeys(names, 0), "hours_to_accept": None, **counts}


def test_where_nothing_happened_it_says_so(deployed: Sequencer, engine: Engine) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM lead")
    assert deployed("report").strip() == "nothing was handed off, and no lead is new"
