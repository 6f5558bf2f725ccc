"""Tells reps what leads ask for who are in their hands already: no further handoff does. And what comes by forms that
say so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from sequencer.core import explain
from sequencer.core.event import Event
from sequencer.core.handoff import State
from sequencer.core.lead import channels
from sequencer.core.release import Release
from sequencer.core.request import inquired, own_words, requests, tells
from sequencer.core.spoken import spoken
from sequencer.services.owners import owners
from sequencer.store import alerts, handoffs, leads, readiness
from sequencer.store.alerts import FORM, NewAlert

LATELY: Final = timedelta(days=1)
"""What was asked for before that is no news: it was brought from elsewhere."""
EACH: Final = 3600
"""Seconds of business time in which the same is told of a lead once."""
MOST: Final = 3
"""Alerts of a lead in that time: whoever knows the address can write in its name."""


def tell(conn: Connection, release: Release, new: Sequence[Event], now: datetime) -> None:
    """Alerts of what a lead asks for who is in a handoff: to the rep who is asked, else to the owner. And of what came
    by a form with `tell`, to the owner, whoever sent it.

    Where there is neither they are held until there is an owner. Of who becomes ready by it the handoff tells, and
    takes up what is told of a form.
    """
    workspace = release.workspace
    asked = [e for e in new if e.at > now - LATELY and (requests(workspace, e) or tells(workspace, e))]
    if not asked:
        return
    people = sorted({e.lead_id for e in asked})
    last = readiness.last(conn, people)
    ready = [lead_id for lead_id, one in last.items() if one.over_at is None]
    newest = {lead_id: of[0] for lead_id, of in handoffs.of_leads(conn, ready).items()} if ready else {}
    under_way = {i: one for i, one in newest.items() if one.state not in (State.DECLINED, State.EXPIRED)}
    asked = [e for e in asked if e.lead_id in under_way or tells(workspace, e)]
    if not asked:
        return
    owned = owners(conn, workspace, leads.by_ids(conn, people))
    told = []
    for e in asked:
        one = under_way.get(e.lead_id)
        waits = one is not None and one.state is State.WAITING
        if one is not None and waits and one.rep is None:
            continue  # Nobody was found yet; whoever is will read it in the handoff.
        rep = workspace.reps.get(one.rep or "") if one is not None else None
        answered = one if waits and rep is not None else None
        rep = rep if answered is not None else owned.get(e.lead_id, rep)
        words, own = spoken(workspace, rep), own_words(e)
        told.append(
            NewAlert(
                enrollment_id=0,
                step=f"asked:{e.lead_id}:{int(now.timestamp()) // EACH}",
                kind="asked" if one is not None else FORM,
                lead_id=e.lead_id,
                rep=rep.email if rep is not None else None,
                note=explain.capitalized(explain.event(e, words)) + (f": “{own}”" if own else ""),
                reasons=(
                    *explain.asks(inquired(workspace, e), words),
                    *(explain.answers(e) if tells(workspace, e) else ()),
                ),
                channels=channels(rep),
                handoff=answered.number if answered is not None else None,
            )
        )
    if told:
        alerts.insert(conn, _placed(conn, told), now)


def _placed(conn: Connection, told: Sequence[NewAlert]) -> list[NewAlert]:
    """Those that say something else than what the lead's places of the hour hold, as long as one is free.

    The caller holds the leads' locks.
    """
    places = {one.step: [f"{one.step}:{number}" for number in range(MOST)] for one in told}
    held = alerts.said(conn, [place for of in places.values() for place in of])
    placed = []
    for one in told:
        said = one.note, one.reasons
        free = [place for place in places[one.step] if place not in held]
        if free and all(held.get(place) != said for place in places[one.step]):
            held[free[0]] = said
            placed.append(replace(one, step=free[0]))
    return placed
