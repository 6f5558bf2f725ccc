"""A small workspace, a provider that keeps what it is given, and a clock that tests move."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine

from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.lead_input import read
from sequencer.core.mail import Answer, Batch, Outcome, Receipt, join
from sequencer.services import advance, colleagues, companies, due, handoff, inspect, watch, weigh
from sequencer.services.context import Context
from sequencer.services.enroll import Entered
from sequencer.services.leads import enter, save
from sequencer.services.probe import Probe
from sequencer.services.react import Reaction, react
from sequencer.services.release import Releases, deploy
from sequencer.services.respite import LONGEST, Respite
from sequencer.services.shelves import Memory
from sequencer.store import clock, leads, pauses

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""A Monday, 8:00 in London."""


DONE: dict[str, Callable[..., bool]] = {
    "drain": advance.drain,
    "plant": watch.plant,
    "look": watch.look,
    "recount": weigh.recount,
    "weigh": weigh.look,
    "handoff": handoff.look,
    "colleagues": colleagues.tell,
    "merge": companies.move,
}
"""What `work` does of what is due."""


COMPILED = Memory()
"""What any test has compiled: most deploy the same few mails."""


class Recorder:
    """A provider that accepts everything, unless it was told what to answer next."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.answers: list[Receipt | Exception] = []
        self.hanging = 0

    def send(self, batch: Batch) -> Receipt:
        self.batches.append(batch)
        answer = self.answers.pop(0) if self.answers else Receipt(Outcome(Answer.ACCEPTED, provider_id="p1"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Holds nothing."""

    @property
    def mails(self) -> list[tuple[str, str]]:
        """(address, step) in the order of sending."""
        return [(r.to_email, r.custom_args["sq_step"]) for b in self.batches for r in b.recipients if r.custom_args]

    def text(self, number: int = -1) -> str:
        batch = self.batches[number]
        return join(batch.skeleton.text, batch.recipients[0].values)


@dataclass
class World:
    """Everything a test of services needs; business time moves only when the test says so."""

    context: Context
    provider: Recorder
    hints: list[tuple[Any, ...]] = field(default_factory=list)

    def deploy(self, workspace: dict[str, str]) -> int:
        with self.context.engine.begin() as conn:
            return deploy(conn, workspace, clock.now(conn), COMPILED)[0]

    def lead(self, email: str = "kim@harbor.example", **values: Any) -> Lead:
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            raw = {"email": email, "time_zone": "Europe/London", **values}
            save(conn, release, [read(raw, release.workspace)], "test", clock.now(conn), announce_new=False)
            found = leads.by_email(conn, email)
        assert found is not None
        return found

    def enter(self, sequence: str, *people: Lead) -> Entered:
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            series = release.workspace.sequences[sequence]
            return enter(conn, release, series, [p.id for p in people], "manual", clock.now(conn))

    def now(self) -> datetime:
        with self.context.engine.connect() as conn:
            return clock.now(conn)

    def work(self) -> None:
        """Does everything that is due now, as ticker and workers would."""
        for _ in range(50):
            if not self.turn():
                return
        raise AssertionError("work does not come to an end")

    def turn(self) -> bool:
        """What is due now, each once. False: nothing was."""
        hints = [(name, args) for name, args in due.work(self.context) if name in DONE]
        for name, args in hints:
            if name == "drain":
                advance.drain(self.context, *map(str, args))
            else:
                DONE[name](self.context, *map(int, args))
        return bool(hints)

    def pass_(self, **span: float) -> None:
        """Lets business time pass and does what falls due on the way, at its time."""
        until = self.now() + timedelta(**span)
        while True:
            self.work()
            with self.context.engine.begin() as conn:
                now, upcoming = clock.now(conn), due.rest(conn).next_at
                assert not pauses.current(conn), "time would stand still: all sending is paused"
                target = min(upcoming, until) if upcoming is not None else until
                assert clock.advance(conn, now, max(target, now))
            if target >= until:
                self.work()
                return

    def idle(self, span: timedelta) -> None:
        """Lets business time pass in which nobody works."""
        with self.context.engine.begin() as conn:
            now = clock.now(conn)
            assert clock.advance(conn, now, now + span)

    def happens(self, lead: Lead, kind: str, key: str = "", **data: Any) -> Reaction:
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            now = clock.now(conn)
            names = {name: data.pop(name) for name in ("enrollment_id", "step", "source", "machine") if name in data}
            event = Event(kind, now, lead.id, key or f"{kind}-{now.isoformat()}", names.pop("source", "api"), data=data)
            return react(conn, release, [event._replace(**names)], now)

    def view(self, lead: Lead) -> dict[str, Any]:
        with self.context.engine.connect() as conn:
            found = leads.by_email(conn, lead.email)
            assert found is not None
            return inspect.lead_view(conn, self.context.releases.current(conn), found)

    def status(self, lead: Lead, sequence: str) -> tuple[str, str | None]:
        """(status, reason) of the lead's last enrollment in a sequence."""
        last = [e for e in self.view(lead)["enrollments"] if e["sequence"] == sequence][-1]
        return last["status"], last["reason"]


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    provider = Recorder()
    hints: list[tuple[Any, ...]] = []
    context = Context(
        engine=engine,
        provider=provider,
        releases=Releases(),
        secret=b"secret",
        public_url="https://mail.acme.example",
        hint=lambda *hint: hints.append(hint),
        # Operating time flies: a provider that wants to be left alone has been by the next look.
        probe=Probe(count(0.0, 2 * LONGEST).__next__),
        respite=Respite(count(0.0, 2 * LONGEST).__next__),
    )
    with engine.begin() as conn:
        clock.start_virtual(conn, START)
    yield World(context, provider, hints)
