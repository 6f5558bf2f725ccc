"""The services as a whole, and everything that can be done to them: each action is a name and values.

Actions nest: what happens while a request is under way is done inside the provider's `send`, what happens while a
transaction is open is done by a thread of its own, which is through, or waits for a lock, before the commit goes on.
"""

import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sequencer.core.lead_input import read
from sequencer.core.watch import name_of, watched
from sequencer.services import (
    advance,
    alerts,
    colleagues,
    due,
    handoff,
    heartbeat,
    ingest,
    migrate,
    owners,
    reconcile,
    targets,
    tidy,
    watch,
)
from sequencer.services.context import Context
from sequencer.services.halt import halt, lift
from sequencer.services.leads import enter, save
from sequencer.services.probe import Probe
from sequencer.services.release import Releases
from sequencer.services.respite import LONGEST, Respite
from sequencer.services.seldom import Seldom
from sequencer.store import clock, intake, leads, partitions, releases, watches
from sequencer.store.engine import connect
from sequencer.web import unsubscribe as page
from sequencer.web.api import ApiDoor
from tests.databases import WAITED_FOR
from tests.simulation.stack import WHOLE_KEY
from tests.stateful.edits import SEQUENCES, Edit, bundle
from tests.stateful.model import Model, Person, Said
from tests.stateful.provider import Action, Failed, Killed, Mail, ModelProvider, Plan
from tests.stateful.watch import Watch

STARTS = (
    datetime(2026, 9, 30, 22, 40, tzinfo=UTC),
    datetime(2026, 10, 30, 13, 10, tzinfo=UTC),
    datetime(2027, 3, 12, 14, 5, tzinfo=UTC),
    datetime(2027, 4, 2, 6, 0, 0, 700_000, tzinfo=UTC),
)
"""Days before the clocks change in one of ZONES."""
ZONES = ("America/New_York", "Australia/Lord_Howe", "Europe/London", None)
OWNERS = ("ana@acme.example", "ben@acme.example", "nobody@acme.example")
STAGES = ("lead", "mql", "sql", "customer")
LEADS = 4
DEEPEST = 3
"""How deep actions nest."""
FAULTS = ("kill-before", "kill-after", "lost-before", "lost-after")
"""What happens at a commit: the process dies, or the connection breaks; before the server has done it or after."""
JUMPS = (1, 31, 125, 24 * 60, 3 * 24 * 60 + 7, 9 * 24 * 60, 21 * 24 * 60)
"""Minutes."""
KINDS = ("processed", "delivered", "deferred", "open", "click", "bounce", "dropped", "spamreport", "unsubscribe")
URGENT = ("unsubscribe", "spamreport", "bounce")
OUTLIVED = timedelta(days=30)
"""Providers do not hold events back for longer; what is older than some months is set aside."""


def engines(url: str) -> tuple[Engine, Engine]:
    """For the services, and for looking on (each statement by itself). They do not ask first if the server is there."""
    engine = connect(url, 8)
    spy = connect(url, 4).execution_options(isolation_level="AUTOCOMMIT")
    engine.pool._pre_ping = spy.pool._pre_ping = False
    return engine, spy


@dataclass
class Frame:
    """One action that is being done."""

    name: str
    plans: list[Plan] = field(default_factory=list)
    fault: tuple[int, str] | None = None
    """At which commit, and what."""
    beside: tuple[int, Action] | None = None
    """Before which commit, and what is done meanwhile."""
    commits: int = 0
    broken: bool = False
    committed: list[Callable[[], None]] = field(default_factory=list)
    """What the next commit makes true."""


class House:
    """One installation, on a database that is used again and again."""

    def __init__(self, engine: Engine, spy: Engine) -> None:
        self.engine, self.spy = engine, spy
        self.counts: Counter[str] = Counter()
        self.looks = self.mails = 0
        self._local = threading.local()
        self._commits = threading.RLock()
        self._commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._committing  # type: ignore[method-assign, assignment]

    def close(self) -> None:
        self.engine.dispose()
        self.spy.dispose()

    def open(self, start: int, batch: int) -> None:
        """An empty house with its leads in it."""
        with self.engine.begin() as conn:
            conn.execute(text(_EMPTY))
            clock.start_virtual(conn, STARTS[start])
            partitions.ensure(conn)
        self.batch = batch
        self.provider = ModelProvider(self._planned, self.do, self.now)
        self.hints: list[tuple[Any, ...]] = []
        self.said: list[Said] = []
        self.posted: set[Said] = set()
        self.bodies: dict[int, Posted] = {}
        self.edits: list[Edit] = []
        self.model = Model()
        self.leads: list[int] = []
        self._restart()
        self._deploy(Edit())
        with self.spy.begin() as conn:
            release = self.context.releases.current(conn)
            # The same in every edit.
            watches.agree(conn, {(s.id, name_of(t)) for s, t in watched(release.workspace)}, clock.now(conn))
            people = [
                {"email": f"p{n}@{('harbor', 'lagoon')[n % 2]}.example", "stage": "lead"}
                | ({"time_zone": zone} if zone else {})
                | ({"owner_email": OWNERS[n]} if n < 2 else {})
                for n, zone in enumerate(ZONES[:LEADS])
            ]
            read_ = [read(person, release.workspace) for person in people]
            saved = save(conn, release, read_, "test", clock.now(conn), announce_new=False)
            self.emails = {lead.id: lead.email for lead in leads.by_ids(conn, saved.all)}
            self.leads = saved.all
        self.model.people = {number: Person() for number in self.leads}
        self.watch = Watch(self.spy, self.model, self.provider.log)

    # --- doing

    def do(self, action: Action) -> None:
        """Does one action; whatever dies of it has died, and the house goes on."""
        name, *values = action
        stack = self._stack()
        if len(stack) >= DEEPEST:
            return
        frame = Frame(name)
        stack.append(frame)
        self.counts[("" if len(stack) == 1 else "within: ") + name] += 1
        try:
            getattr(self, f"_{name.replace('-', '_')}")(*values)
        except Killed:
            self.counts["killed"] += 1
            self._restart()
        except Failed:
            self.counts["failed"] += 1
        except DBAPIError:
            if not frame.broken:
                raise
            self.counts["connection lost"] += 1
        finally:
            stack.pop()

    def _stack(self) -> list[Frame]:
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        found: list[Frame] = self._local.stack
        return found

    def _planned(self) -> Plan:
        plans = self._stack()[-1].plans
        plan = plans.pop(0) if plans else Plan()
        self.counts[f"answer: {plan.how}"] += 1
        return plan

    def _restart(self) -> None:
        """A new process: nothing is remembered."""
        never = Seldom(10**9)
        never.due()
        self.context = Context(
            engine=self.engine,
            provider=self.provider,
            releases=Releases(),
            secret=b"secret",
            public_url="https://mail.acme.example",
            hint=lambda *hint: self.hints.append(hint),
            batch=self.batch,
            mails=self.batch,
            noted=never,
            vouched=never,
            # Operating time flies: a provider that wants to be left alone has been by the next look.
            probe=Probe(count(0.0, 2 * LONGEST).__next__),
            respite=Respite(count(0.0, 2 * LONGEST).__next__),
        )

    # --- commits

    def _committing(self, connection: Any) -> None:
        stack = self._stack()
        if not stack:
            self._commit(connection)
            return
        frame = stack[-1]
        frame.commits += 1
        helper = None
        if frame.beside is not None and frame.beside[0] == frame.commits:
            helper = self._beside(frame.beside[1])
        fault = frame.fault[1] if frame.fault is not None and frame.fault[0] == frame.commits else ""
        if fault.endswith("-before"):
            connection.rollback()
            self._join(helper)
            self._breaks(frame, fault)
        with self._commits:
            self._commit(connection)
            for made_true in frame.committed:
                made_true()
            frame.committed.clear()
            self._hear()
            self.watch.look()
        self._join(helper)
        if fault:
            self._breaks(frame, fault)

    def _breaks(self, frame: Frame, fault: str) -> None:
        frame.broken = True
        self.counts[f"at commit: {fault}"] += 1
        if fault.startswith("kill"):
            raise Killed(fault)
        raise psycopg.OperationalError("the connection was lost at the commit")

    def _beside(self, action: Action) -> "_Helper":
        """Starts an action while a transaction is open; returns once it is through or waits for a lock of ours."""
        helper = _Helper(self, action)
        helper.start()
        with self.spy.connect() as conn:
            while helper.is_alive() and not conn.execute(WAITED_FOR).scalar_one():
                time.sleep(0.0005)
        return helper

    def _join(self, helper: "_Helper | None") -> None:
        if helper is not None:
            helper.join()
            if helper.error is not None:
                raise helper.error

    def _hear(self) -> None:
        """What was taken in counts from its commit on."""
        if not self.bodies:
            return
        with self.spy.connect() as conn:
            rows = conn.execute(
                text(
                    "SELECT id, state, problem FROM intake WHERE (state <> 'pending' OR NOT urgent) AND id = ANY(:ids)"
                    " ORDER BY id"
                ),
                {"ids": list(self.bodies)},
            ).all()
            now = clock.now(conn)
            for number, state, problem in rows:
                posted = self.bodies[number]
                if posted.urgent:
                    # What stops mail is taken out first; the rest of the body may follow later.
                    posted.urgent = False
                    self._takes_in(conn, [said for said in posted.said if _stops(said)], now)
                    posted.said = [said for said in posted.said if not _stops(said)]
                if state == "pending":
                    continue
                if state != "done":
                    self.watch.violations.append(f"a webhook body is {state}: {problem}")
                if posted.door == "events":
                    self.model.posts.append(posted.at)
                self._takes_in(conn, posted.said, now)
                del self.bodies[number]

    def _takes_in(self, conn: Connection, what: Sequence[Any], now: datetime) -> None:
        for said in what:
            mail = self.provider.log[said.mail]
            if isinstance(said, Said):
                self.model.hears(said, mail.key, self._lead_of(mail), len(mail.urls))
            else:
                self.watch.replied(conn, self._lead_of(mail), said, now)

    def _lead_of(self, mail: Mail) -> int:
        return int(mail.recipient.custom_args["sq_lead"])

    # --- time

    def now(self) -> datetime:
        with self.spy.connect() as conn:
            return clock.now(conn)

    def _jump(self, minutes: int) -> None:
        """Business time goes on; 0: until somebody is due."""
        now = self.now()
        if not minutes:
            with self.spy.connect() as conn:
                upcoming = due.rest(conn).next_at
            minutes = max(math.ceil((upcoming - now) / timedelta(minutes=1)), 0) if upcoming is not None else 1
        if any(now - said.at > OUTLIVED for said in self.said if said not in self.posted):
            self._post(range(len(self.said)))
        if self.bodies:
            self._ingest(True)
            self._ingest(False)
        with self.engine.begin() as conn:
            now = clock.now(conn)
            assert clock.advance(conn, now, now + timedelta(minutes=minutes))
            partitions.ensure(conn)  # as the ticker does, every second

    def _hours(self, hours: int) -> None:
        """They pass with webhooks in every one of them: what has not come is not on its way."""
        for _ in range(hours):
            self._jump(60)
            self._put("events", b"[]", "", False, [])
            self._ingest(True)
            self._ingest(False)

    # --- leads

    def lead(self, number: int) -> int:
        return self.leads[number % len(self.leads)]

    def _enrol(self, number: int, sequence: int) -> None:
        with self.engine.begin() as conn:
            release = self.context.releases.current(conn)
            series = release.workspace.sequences[SEQUENCES[sequence]]
            enter(conn, release, series, [self.lead(number)], "manual", clock.now(conn))

    def _tells(self, number: int, event: str) -> None:
        """By the API: `asked` enrols, `meeting_booked` is the goal."""
        ApiDoor(self.context)._put_event(
            WHOLE_KEY, orjson.dumps({"email": self.emails[self.lead(number)], "event": event})
        )

    def _change(self, number: int, field_: str, value: str) -> None:
        ApiDoor(self.context)._put_lead(
            WHOLE_KEY, orjson.dumps({"email": self.emails[self.lead(number)], field_: value})
        )

    def _halt(self, number: int) -> None:
        lead = self.lead(number)
        self._then(lambda: self.model.people[lead].barred.add("operator"))
        with self.engine.begin() as conn:
            halt(conn, self.emails[lead], clock.now(conn))

    def _lift(self, number: int) -> None:
        lead = self.lead(number)
        self._then(lambda: self.model.people[lead].barred.discard("operator"))
        with self.engine.begin() as conn:
            lift(conn, self.emails[lead])

    def _choose(self, number: int, chosen: frozenset[str]) -> None:
        lead = self.lead(number)
        self._then(lambda: self.model.people[lead].chooses(chosen))
        with self.engine.begin() as conn:
            locked, release, now = leads.lock(conn, [lead])[lead], self.context.releases.current(conn), clock.now(conn)
            key = f"page.{len(self.watch.history)}.{now.timestamp()}"
            if chosen:
                page.choose(conn, release, locked, chosen, key, now)
            else:
                page.unsubscribe(conn, release, locked, key, now)

    def _then(self, made_true: Callable[[], Any]) -> None:
        self._stack()[-1].committed.append(made_true)

    # --- releases

    def _deploy(self, edit: Edit) -> None:
        packed, digest = bundle(edit)
        with self.engine.begin() as conn:
            now, running = clock.now(conn), releases.current(conn)
            if running is None or running[1] != digest:
                releases.put(conn, digest, packed, now)
                releases.deploy(conn, digest, now)
                self.edits.append(edit)

    def _rollback(self, number: int) -> None:
        self._deploy(self.edits[number % len(self.edits)])

    # --- workers

    def _drain(self, place: int, plans: Sequence[Plan], fault: tuple[int, str] | None, beside: Any) -> None:
        """One place at which somebody is due."""
        found = [args for name, args in due.work(self.context) if name == "drain"]
        frame = self._stack()[-1]
        frame.plans, frame.fault, frame.beside, frame.commits = list(plans), fault, beside, 0
        if found:
            sequence, position = found[place % len(found)]
            advance.drain(self.context, str(sequence), str(position))

    def _tick(self, plans: Sequence[Plan], order: int, fault: tuple[int, str] | None) -> None:
        """Everything that is due, as the clock would hint it; in another order, some of it lost, some doubled."""
        frame = self._stack()[-1]
        frame.plans, frame.fault = list(plans), fault
        hints = due.work(self.context)
        if order:
            drawn = random.Random(order)
            hints = [drawn.choice(hints) for _ in hints]
        for hint in hints:
            self._hinted(*hint)

    def _work(self) -> bool:
        """Works until nothing is due. False: it does not come to an end."""
        for _ in range(40):
            hints = due.work(self.context)
            if not hints:
                return True
            for hint in hints:
                self._hinted(*hint)
        return False

    def _hint(self, number: int) -> None:
        """One that came long ago."""
        if self.hints:
            name, *values = self.hints[number % len(self.hints)]
            self._hinted(name, tuple(values))

    def _hinted(self, name: str, values: tuple[Any, ...]) -> None:
        actors: dict[str, Callable[..., bool]] = {
            "drain": advance.drain,
            "intake": ingest.process,
            "reap": reconcile.reap,
            "migrate": migrate.migrate,
            "alerts": alerts.deliver,
            "handoff": handoff.look,
            "colleagues": colleagues.tell,
            "owned": owners.find,
            "targets": targets.deliver,
            "tidy": tidy.tidy,
            "plant": watch.plant,
            "look": watch.look,
        }
        for _ in range(40):
            if not actors[name](self.context, *values):
                return
        self.watch.violations.append(f"{name} {values} does not come to an end")

    def _flush(self) -> None:
        self.hints.clear()

    def _reap(self) -> None:
        """All leases ran out. (Whoever holds one and still lives does not know.)"""
        with self.spy.begin() as conn:
            conn.execute(text(_EXPIRE))
        reconcile.reap(self.context)

    def _migrate(self, beside: Any) -> None:
        self._stack()[-1].beside = beside
        migrate.migrate(self.context)

    def _resume(self) -> None:
        """An operator ends the pause."""
        heartbeat.resume(self.context)

    def _trial(self) -> None:
        """Where refused credentials pause all sending, it is time to try one mail."""
        with self.spy.begin() as conn:
            if conn.execute(text(_TRY)).rowcount:
                self.watch.may_try = True

    # --- what comes back

    def _say(self, number: int, kind: str, more: int) -> None:
        """The provider has something to say of a mail; it is posted some time, or several times."""
        if not self.provider.log:
            return
        mail = self.provider.log[number % len(self.provider.log)]
        extra: tuple[tuple[str, str | bool], ...] = ()
        if kind == "open" and more == 1:
            extra = (("sg_machine_open", True),)
        elif kind == "click":
            if not mail.urls:
                return
            url = mail.urls[more % len(mail.urls)]
            extra = (("url", url), ("link", url.partition("?")[0].rpartition("/")[2]))
            if more == 3:
                extra += (("useragent", "linkscanner/2"),)
        elif kind == "bounce":
            extra = (("type", ("bounce", "blocked")[more % 2]), ("reason", "550 no such user"))
        elif kind == "dropped":
            extra = (("reason", ("Bounced Address", "Spam Content")[more % 2]),)
        at = self.now().replace(microsecond=0)
        said = Said(mail.number, kind, more, max(at, mail.at.replace(microsecond=0)), extra)
        if said not in self.said:
            self.said.append(said)

    def _post(self, picks: Sequence[int]) -> None:
        if not self.said:
            return
        said = [self.said[pick % len(self.said)] for pick in picks]
        body = json.dumps([self._event(one) for one in said]).encode()
        self.posted.update(said)
        self._put("events", body, "", any(one.kind in URGENT for one in said), said)

    def _event(self, said: Said) -> dict[str, Any]:
        mail = self.provider.log[said.mail]
        recipient = mail.recipient
        # Of a request that had to be made in parts, events do not name it: each proves only itself.
        whole = {"sq_request": mail.request} if mail.number % 4 else {}
        more = {name: value for name, value in said.more if name != "link"}
        return {
            "event": said.kind,
            "timestamp": int(said.at.timestamp()),
            "email": recipient.to_email,
            "sg_event_id": f"{said.mail}.{said.kind}.{said.number}.{int(said.at.timestamp())}",
            **recipient.custom_args,
            **whole,
            **more,
        }

    def _reply(self, number: int, automatic: bool) -> None:
        if not self.provider.log:
            return
        mail = self.provider.log[number % len(self.provider.log)]
        headers = {"Message-ID": f"<{number}.{automatic}@harbor.example>"}
        if automatic:
            headers["Auto-Submitted"] = "auto-replied"
        fields = {
            "headers": "".join(f"{name}: {value}\n" for name, value in headers.items()),
            "from": f"Kim <{mail.recipient.to_email}>",
            "to": mail.reply_to,
            "subject": "Re: your mail",
            "text": "I am away" if automatic else "Call me",
            "envelope": orjson.dumps({"to": [mail.reply_to], "from": mail.recipient.to_email}).decode(),
        }
        parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        body = ("".join(parts) + "--b--\r\n").encode()
        answer = Answered(mail.number, automatic, self.now())
        self._put("inbound", body, "multipart/form-data; boundary=b", True, [answer])

    def _put(self, door: str, body: bytes, content_type: str, urgent: bool, said: list[Any]) -> None:
        with self.engine.begin() as conn:
            now = clock.now(conn)
            intake.put(conn, door, body, content_type, urgent)
            number = conn.execute(text("SELECT max(id) FROM intake")).scalar_one()
            self.bodies[number] = Posted(door, now, urgent, said)

    def _ingest(self, urgent: bool, fault: tuple[int, str] | None = None, beside: Any = None) -> None:
        frame = self._stack()[-1]
        if fault or beside:
            frame.fault, frame.beside = fault, beside
        ingest.process(self.context, urgent)

    # --- the end

    def settle(self) -> None:
        """Every request is answered, every event delivered, everybody mends what is theirs; time passes until all end.

        Raises AssertionError for what does not come out right.
        """
        self._quiet()
        for mail in self.provider.log:
            for kind in ("processed", "delivered"):
                self.do(("say", mail.number, kind, 9))
        everything = list(range(len(self.said)))
        random.Random(7).shuffle(everything)
        for first in range(0, len(everything), 7):
            self.do(("post", [*everything[first : first + 7], *everything[max(first - 3, 0) : first]]))
        self.works_off()
        self.watch.everything_is_told()
        self.watch.waits_with_a_reason(self.context.releases)
        self._mend()
        self._pass()
        self.watch.everything_is_told()
        self.watch.all_have_ended()
        self.looks += self.watch.looks
        self.counts["sent again after an unknown"] += len(self.watch.again)
        self.counts["tried during a pause"] += self.watch.tried
        self.mails += len(self.provider.log)
        with self.spy.connect() as conn:
            self.counts["entered by time"] += conn.execute(text(_BY_TIME)).scalar_one()
        self.watch.judge()

    def works_off(self) -> None:
        """What is due is done, and looking again changes nothing."""
        self._as("work", self._must_work)
        self.watch.rests(self.context.releases)
        self.watch.judge()

    def _must_work(self) -> None:
        assert self._work(), f"work does not come to an end: {due.work(self.context)}"

    def _as(self, name: str, what: Callable[[], None]) -> None:
        self._stack().append(Frame(name))
        try:
            what()
        finally:
            self._stack().pop()

    def _quiet(self) -> None:
        """Whoever was at work is gone, and their leases with them; nothing is paused."""
        with self.spy.begin() as conn:
            conn.execute(text("UPDATE alert SET lease_until = clock_timestamp() - interval '1 s', retry_at = NULL"))
        self._as("resume", self._resume)
        self._as("reap", self._reap)
        self._restart()

    def _mend(self) -> None:
        """What only people can mend."""
        for number in range(LEADS):
            self.do(("change", number, "owner_email", OWNERS[0]))
        if self.edits[-1].state == 2:
            self.do(("deploy", self.edits[-1]._replace(state=0)))

    def _pass(self) -> None:
        """Time, in strides that make some of what is due late. Nothing is paused, or it would stand still."""
        end = self.now() + timedelta(days=200)
        while True:
            self._as("work", self._must_work)
            with self.spy.begin() as conn:
                now, upcoming = clock.now(conn), due.rest(conn).next_at
                if upcoming is None or now >= end:
                    return
                assert clock.advance(conn, now, max(upcoming, now + timedelta(hours=7)))


@dataclass
class Posted:
    """A webhook body that is not taken in yet, or not the whole of it."""

    door: str
    at: datetime
    urgent: bool
    said: list[Any]


@dataclass(frozen=True)
class Answered:
    """A reply to a mail."""

    mail: int
    automatic: bool
    at: datetime


def _stops(said: Any) -> bool:
    """Whether it stops mail, so that it takes effect before the rest of its body."""
    if not isinstance(said, Said):
        return True
    return said.kind in URGENT and dict(said.more).get("type") != "blocked"


class _Helper(threading.Thread):
    def __init__(self, house: House, action: Action) -> None:
        super().__init__()
        self.house, self.action = house, action
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.house._stack().append(Frame("beside"))
            self.house.do(self.action)
        except BaseException as error:
            self.error = error


_TABLES = (
    "message request event enrollment intake alert suppression consent lead company deployment release pause"
    " heartbeat watch watch_rule task handoff".split()
)
_EMPTY = "; ".join(f"DELETE FROM {table}" for table in _TABLES)
_TRY = "UPDATE pause SET retry_at = clock_timestamp() WHERE retry_at IS NOT NULL"
_EXPIRE = "UPDATE request SET lease_until = clock_timestamp() - interval '1 s' WHERE lease_until IS NOT NULL"
_BY_TIME = "SELECT count(*) FROM enrollment WHERE origin LIKE 'silent %'"
