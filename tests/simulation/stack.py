"""The real services on a real database, played to a list of deeds and their times, one step of the clock at a time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Engine, text
from starlette.requests import Request

from sequencer.core import event as kinds
from sequencer.core import watch as watch_rules
from sequencer.core.enrollment import Enrollment
from sequencer.core.lead import Lead
from sequencer.core.lead_input import read
from sequencer.core.mail import Answer, Batch, Outcome, Receipt, Recipient, join
from sequencer.core.message import Message
from sequencer.core.script import HALTED, OF_A_MAIL, Deed
from sequencer.services import advance, due, handoff, ingest, watch
from sequencer.services.compile import Compiled
from sequencer.services.context import Context
from sequencer.services.halt import halt
from sequencer.services.leads import enter, save
from sequencer.services.release import Releases, pack
from sequencer.store import clock, enrollments, handoffs, intake, leads, messages, partitions, releases, watches
from sequencer.web import unsubscribe as page
from sequencer.web.api import ApiDoor

WHOLE_KEY = Request({"type": "http", "state": {"scopes": None}})
"""What the gate makes of a caller who may do everything."""

_LINK = re.compile(r"https://www\.acme\.example/\w+\?[^\s)\"]+")
_SAID = {kinds.OPENED: "open", kinds.CLICKED: "click", kinds.BOUNCED: "bounce", kinds.COMPLAINED: "spamreport"}
_TABLES = (
    "message request event enrollment intake alert suppression consent watch watch_rule task review handoff call_out"
    " colleague_news turn signal_count readiness lead company deployment release pause heartbeat"
).split()


@dataclass
class Provider:
    """Takes everything, and keeps it."""

    mails: list[tuple[Recipient, str, str]] = field(default_factory=list)
    """With the address for replies and the text."""
    hanging: int = 0

    def send(self, batch: Batch) -> Receipt:
        for recipient in batch.recipients:
            if "sq_enrollment" in recipient.custom_args:
                reply_to = join(batch.skeleton.reply_to, recipient.values)
                self.mails.append((recipient, reply_to, join(batch.skeleton.text, recipient.values)))
        return Receipt(Outcome(Answer.ACCEPTED, provider_id="p1"))

    def close(self) -> None:
        """Holds nothing."""


@dataclass
class Played:
    """What is in the database at the end."""

    lead: Lead
    enrollments: list[Enrollment]
    messages: Mapping[int, Mapping[str, Message]]
    alerts: list[tuple[str, str, str | None, datetime]]
    """Step, kind, rep and time of what owners were told."""
    mailed: list[tuple[int, str]]
    """(enrollment, step) in the order in which the provider took them."""


class Stack:
    """One lead in one installation."""

    def __init__(self, engine: Engine, start: datetime) -> None:
        self.engine = engine
        self.provider = Provider()
        self.context = Context(
            engine=engine,
            provider=self.provider,
            releases=Releases(),
            secret=b"secret",
            public_url="https://mail.acme.example",
            hint=lambda *hint: None,
        )
        with engine.begin() as conn:
            conn.execute(text("; ".join(f"DELETE FROM {table}" for table in _TABLES)))
            clock.start_virtual(conn, start)
            partitions.ensure(conn)

    def play(
        self,
        files: Mapping[str, str],
        compiled: Compiled,
        sequence: str | None,
        lead: Mapping[str, str],
        played: Sequence[tuple[datetime, Deed]],
        until: datetime,
    ) -> Played:
        """`sequence`: what the lead is enrolled in at the start; None for nothing."""
        assert compiled.workspace is not None
        with self.engine.begin() as conn:
            now = clock.now(conn)
            packed, digest = pack(files, compiled.contents)
            releases.put(conn, digest, packed, now)
            releases.deploy(conn, digest, now)
            watched = watch_rules.watched(compiled.workspace)
            watches.agree(conn, {(series.id, watch_rules.name_of(trigger)) for series, trigger in watched}, now)
            release = self.context.releases.current(conn)
            [self.lead] = save(conn, release, [read(lead, release.workspace)], "test", now, announce_new=False).all
            self.email = lead["email"]
            if sequence is not None:
                enter(conn, release, release.workspace.sequences[sequence], [self.lead], "manual", now)
        self.plant()
        agenda = list(played)
        while (at := self.next(agenda)) is not None and at <= until:
            with self.engine.begin() as conn:
                now = clock.now(conn)
                if at > now:
                    assert clock.advance(conn, now, at)
                    self.context.months.keep(conn, at)
            if agenda and agenda[0][0] <= max(at, now):
                self.does(agenda.pop(0)[1])
            else:
                self.step()
        return self.found()

    def plant(self) -> None:
        for _ in range(20):
            rules = [args for name, args in due.work(self.context) if name == "plant"]
            for (number,) in rules:
                watch.plant(self.context, int(str(number)))
            if not rules:
                return
        raise AssertionError("planting does not come to an end")

    def next(self, agenda: Sequence[tuple[datetime, Deed]]) -> datetime | None:
        with self.engine.connect() as conn:
            upcoming = due.rest(conn).next_at
        return min((at for at in (upcoming, agenda[0][0] if agenda else None) if at is not None), default=None)

    def step(self) -> None:
        """Whatever is due first: leads that time lets in, then the enrollment that has been due the longest."""
        with self.engine.connect() as conn:
            rules = [number for number, _ in watches.due(conn, clock.now(conn))]
            handed = handoffs.due(conn, clock.now(conn), 1)
            dated = [e for e in enrollments.all_of(conn, [self.lead]) if e.due_at is not None]
        if handed:
            handoff.look(self.context)
            return
        if rules:
            watch.look(self.context, rules[0])
            return
        first = min(dated, key=lambda e: (e.due_at, e.id))
        advance.drain(self.context, first.sequence, first.position)

    def found(self) -> Played:
        with self.engine.connect() as conn:
            [lead] = leads.by_ids(conn, [self.lead])
            there = enrollments.all_of(conn, [self.lead])
            told = conn.execute(
                text("SELECT step, kind, rep, at FROM alert WHERE kind <> 'reply' ORDER BY at, enrollment_id, step")
            )
            return Played(
                lead=lead,
                enrollments=there,
                messages=messages.of_enrollments(conn, [e.id for e in there]),
                alerts=[tuple(row) for row in told],  # type: ignore[misc]
                mailed=[
                    (int(mail.custom_args["sq_enrollment"]), mail.custom_args["sq_step"])
                    for mail, *_ in self.provider.mails
                ],
            )

    # --- deeds, through the doors by which they come

    def does(self, deed: Deed) -> None:
        if deed.kind in OF_A_MAIL:
            if (mail := self.mail_of(deed)) is not None:
                self.about(deed, *mail)
        elif deed.kind == HALTED:
            with self.engine.begin() as conn:
                halt(conn, self.email, clock.now(conn))
        elif deed.kind in (kinds.UNSUBSCRIBED, kinds.RESUBSCRIBED):
            self.chooses(deed)
        elif deed.kind == kinds.CHANGED:
            name = "owner_email" if deed.of == "owner" else deed.of
            self.api()._put_lead(WHOLE_KEY, orjson.dumps({"email": self.email, name: deed.more}))
        else:
            of = {kinds.SUBMITTED: {"form": deed.of}, kinds.VISITED: {"page": deed.of}}.get(deed.kind, {})
            self.api()._put_event(
                WHOLE_KEY, orjson.dumps({"email": self.email, "event": deed.kind, **({"data": of} if of else {})})
            )

    def api(self) -> ApiDoor:
        return ApiDoor(self.context)

    def mail_of(self, deed: Deed) -> tuple[Recipient, str, str] | None:
        for mail in reversed(self.provider.mails):
            args = mail[0].custom_args
            if not deed.of or (args["sq_step"] == deed.of and args["sq_sequence"] == "main"):
                return mail
        return None

    def about(self, deed: Deed, mail: Recipient, reply_to: str, body: str) -> None:
        if deed.kind in (kinds.REPLIED, kinds.AUTO_REPLIED):
            self.answers(deed, mail, reply_to)
            return
        now = self.now()
        said: dict[str, Any] = {
            "event": _SAID[deed.kind],
            "timestamp": int(now.timestamp()),
            "email": mail.to_email,
            "sg_event_id": f"{deed.kind}.{now.timestamp()}",
            **mail.custom_args,
        }
        if deed.kind == kinds.CLICKED:
            named = [url for url in _LINK.findall(body) if deed.more and f"/{deed.more}?" in url]
            said["url"] = named[0] if named else "https://www.acme.example/imprint"
        if deed.kind == kinds.BOUNCED:
            said |= {"type": "bounce", "reason": "550 no such user"}
        self.put("events", orjson.dumps([said]), "")

    def answers(self, deed: Deed, mail: Recipient, reply_to: str) -> None:
        automatic = deed.kind == kinds.AUTO_REPLIED
        headers = f"Message-ID: <{self.now().timestamp()}@harbor.example>\n"
        fields = {
            "headers": headers + ("Auto-Submitted: auto-replied\n" if automatic else ""),
            "from": f"Kim <{mail.to_email}>",
            "to": reply_to,
            "subject": "Re: your mail",
            "text": f"I am away until {deed.more}" if automatic else "Call me",
            "envelope": orjson.dumps({"to": [reply_to], "from": mail.to_email}).decode(),
        }
        parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        self.put("inbound", ("".join(parts) + "--b--\r\n").encode(), "multipart/form-data; boundary=b")

    def put(self, door: str, body: bytes, content_type: str) -> None:
        with self.engine.begin() as conn:
            intake.put(conn, door, body, content_type, False)
        ingest.process(self.context, False)
        with self.engine.connect() as conn:
            states = conn.execute(text("SELECT state, problem FROM intake WHERE state <> 'done'")).all()
        assert states == []

    def chooses(self, deed: Deed) -> None:
        with self.engine.begin() as conn:
            release, now = self.context.releases.current(conn), clock.now(conn)
            lead = leads.lock(conn, [self.lead])[self.lead]
            key = f"page.{now.timestamp()}"
            if deed.kind == kinds.UNSUBSCRIBED and not deed.of:
                page.unsubscribe(conn, release, lead, key, now)
                return
            wanted = page.wanted(conn, release, lead.email)
            chosen = wanted | {deed.of} if deed.kind == kinds.RESUBSCRIBED else wanted - {deed.of}
            if chosen:
                page.choose(conn, release, lead, chosen, key, now)
            else:
                page.unsubscribe(conn, release, lead, key, now)

    def now(self) -> datetime:
        with self.engine.connect() as conn:
            return clock.now(conn)
