"""Torments what reads other people's bytes: `python -m benchmarks.fuzz --target csv --minutes 5 --seed 1`.

Contract of every target: any input gives a result or the documented error, in at most 2 s of processor time and
200 MB. Inputs are built as the real ones are, then broken; what came out differently than anything before joins the
corpus that further inputs are bred from. The same seed makes the same inputs as long as outcomes do not depend on
time. Exits with 1 when something broke the contract, and prints how to see it again.
"""

import base64
import io
import json
import logging
import math
import random
import re
import resource
import signal
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

import click
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select

from benchmarks.chaos_workspace import SEQUENCE
from benchmarks.chaos_workspace import files as workspace_files
from benchmarks.fuzz_workspace import WorkspaceFiles
from sequencer.core.condition import ConditionProblems, Names, compile_condition
from sequencer.core.condition_functions import FUNCTIONS
from sequencer.core.condition_names import MadeUp
from sequencer.core.field import Field
from sequencer.core.lead_input import InvalidLead, RowReader, read, row
from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.core.mark import Mark
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidInput
from sequencer.local import postgres
from sequencer.providers import inbound, sendgrid_events
from sequencer.sandbox import signing
from sequencer.services import advance, due, ingest
from sequencer.services.context import Context
from sequencer.services.imports import Imported, import_csv, read_table
from sequencer.services.leads import enter, save
from sequencer.services.release import Releases, deploy
from sequencer.store import clock, intake, leads, partitions
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade
from sequencer.store.tables import intake as intake_table
from sequencer.store.tables import lead as lead_table

SECONDS: Final = 2.0
"""Of processor time, for one input."""
PATIENCE: Final = {"workspace": 10.0}
"""The same for what reads seven files, each of 500,000 bytes at most, and prints what it found in four ways."""
MEGABYTES: Final = 200
STUCK: Final = 60
"""Seconds after which an input is given up as one that never ends."""
SHARE: Final = 200
"""One input in so many goes through the services on a real database, and each that came out differently than any."""
KEPT: Final = 400
"""Inputs of the corpus."""
START: Final = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
_KEY: Final = ec.generate_private_key(ec.SECP256R1())


class Target(Protocol):
    """Something that reads bytes. `run` gives the outcome's kind, and raises what it must not."""

    words: tuple[bytes, ...]

    def make(self, draw: random.Random) -> bytes: ...

    def run(self, data: bytes, draw: random.Random) -> str: ...

    def serve(self, world: "World", data: bytes) -> None:
        """The same by the services, on a real database."""


# --- a small installation


class Accepting:
    """A provider that takes everything."""

    hanging = 0

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def send(self, batch: Batch) -> Receipt:
        self.batches.append(batch)
        return Receipt(Outcome(Answer.ACCEPTED, provider_id="p1"))

    def close(self) -> None:
        """Holds nothing."""


@dataclass
class World:
    """An installation in which one lead was mailed, so that there is something to speak of."""

    context: Context
    workspace: Workspace
    args: Mapping[str, str]
    """Custom arguments of the mail."""
    reply_to: str

    def pending(self) -> int:
        with self.context.engine.connect() as conn:
            query = select(func.count()).select_from(intake_table).where(intake_table.c.state == "pending")
            return conn.execute(query).scalar_one()


@contextmanager
def world_at(url: str) -> Iterator[World]:
    """On a migrated, empty database."""
    engine = connect(url, pool_size=2)
    provider = Accepting()
    context = Context(
        engine=engine,
        provider=provider,
        releases=Releases(),
        secret=b"secret",
        public_url="https://mail.acme.example",
        hint=lambda *hint: None,
    )
    try:
        with engine.begin() as conn:
            clock.start_virtual(conn, START)
            partitions.ensure(conn)
            deploy(conn, workspace_files(within=20, wait=5), START)
        with engine.begin() as conn:
            release = context.releases.current(conn)
            raw = {"email": "kim@harbor.example", "first_name": "Kim", "time_zone": "Europe/London"}
            save(conn, release, [read(raw, release.workspace)], "test", START, announce_new=False)
            kim = leads.by_email(conn, "kim@harbor.example")
            assert kim is not None
            enter(conn, release, release.workspace.sequences[SEQUENCE], [kim.id], "manual", START)
        for name, arguments in due.work(context):
            if name == "drain":
                advance.drain(context, *map(str, arguments))
        batch = provider.batches[0]
        person = batch.recipients[0]
        parts = [person.values[part] if isinstance(part, int) else part for part in batch.skeleton.reply_to]
        args = {"sq_request": batch.request_id, **person.custom_args}
        yield World(context, release.workspace, args, "".join(parts))
    finally:
        engine.dispose()


# --- breaking

_NUMBERS: Final = (
    *(b"0", b"-1", b"1", b"2147483648", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809"),
    *(b"1e308", b"1e999", b"-1e999", b"NaN", b"Infinity", b"0.1", b"1_000", b"0x1f", b"9" * 5000, b"253402300800"),
)
_TEXTS: Final = (
    *(b"\0", b"\\u0000", b"\\ud800", "\u2028".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"\x80", b"\r\n", b"\r", b"\n"),
    *(b"{{7*7}}", b"{% x %}", b"'; DROP TABLE lead; --", b"=1+1", b"%s%n", b"../", b"<script>", b"\x1b[31m"),
    *("é".encode(), "e\u0301".encode(), "😀".encode(), "ﬁ".encode(), "\u202e".encode(), b"\xef\xbb\xbf"),
)


def broken(data: bytes, other: bytes, words: tuple[bytes, ...], draw: random.Random) -> bytes:
    """The input with one to five changes; `other` is one to take pieces from."""
    for _ in range(draw.randint(1, 5)):
        at = draw.randint(0, len(data))
        end = min(len(data), at + draw.choice((1, 1, 2, 4, 16, 200)))
        kind = draw.randrange(10)
        if kind == 0:
            data = data[:at] + data[end:]
        elif kind == 1:
            data = data[:at] + data[at:end] * draw.choice((2, 3, 50, 1000)) + data[end:]
        elif kind == 2 and data:
            data = data[: at - 1] + bytes([draw.randrange(256)]) + data[at:]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            begin = draw.randint(0, len(other))
            data = data[:at] + other[begin : begin + draw.choice((1, 8, 64, 4096))] + data[end:]
        elif kind == 5:
            data = data[:at] + draw.choice(_NUMBERS) + data[at:]
        elif kind == 6 and (numbers := list(re.finditer(rb"[0-9]+", data))):
            number = draw.choice(numbers)
            data = data[: number.start()] + draw.choice(_NUMBERS) + data[number.end() :]
        elif kind == 7:
            data = data[:at] + draw.choice(words) * draw.choice((1, 1, 1, 2, 100, 20_000)) + data[at:]
        elif kind == 8:
            data = data[:at] + draw.choice(_TEXTS) + data[at:]
        else:
            data = data[:at] + draw.choice(words) + data[end:]
        data = data[:1_000_000]
    return data


def _value(draw: random.Random) -> Any:
    """Anything that JSON can say."""
    some = draw.randrange(9)
    if some == 0:
        return None
    if some == 1:
        return draw.choice((True, False))
    if some == 2:
        return draw.choice((0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, 1e308, 253402300800))
    if some == 3:
        return [_value(draw) for _ in range(draw.randrange(3))]
    if some == 4:
        return {draw.choice(("a", "", "event", "\0")): _value(draw) for _ in range(draw.randrange(3))}
    return draw.choice(_TEXTS + _NUMBERS).decode("utf-8", "replace")


# --- the targets


@dataclass
class Webhook:
    """Posts of events: the signature, the parser, and taking them in."""

    args: Mapping[str, str]
    now: int = int(START.timestamp())
    words: tuple[bytes, ...] = (
        *(b"[", b"]", b"{", b"}", b'"', b":", b",", b"null", b"true", b'{"a":', b"[[", b"\\", b" "),
        *(b'"event":"open"', b'"sq_enrollment":"1"', b'"sq_step":"one"', b'"timestamp":1', b'"sg_event_id":null'),
    )
    key: ec.EllipticCurvePrivateKey = field(default=_KEY, repr=False)

    def make(self, draw: random.Random) -> bytes:
        events = []
        for _ in range(draw.choice((1, 1, 2, 5, 40))):
            event: dict[str, Any] = {
                "event": draw.choice((*sendgrid_events.KINDS, "account_status_change", "x")),
                "timestamp": self.now + draw.randint(-9, 9_999),
                "email": "kim@harbor.example",
                "sg_event_id": f"id-{draw.randrange(10**9)}",
                "sg_message_id": "p1.filter",
                "url": draw.choice(("https://www.acme.example/price", f"https://x.example/?sq={'a' * 32}.1", "")),
                "useragent": draw.choice(("Mozilla/5.0", "Barracuda", "")),
                "type": draw.choice(("bounce", "blocked")),
                "category": draw.choice(("chaos", ["chaos", "x"])),
                **self.args,
            }
            for name in draw.sample(sorted(event), draw.choice((0, 0, 1, 2))):
                if draw.randrange(2):
                    del event[name]
                else:
                    event[name] = _value(draw)
            events.append(event)
        return json.dumps(events, ensure_ascii=bool(draw.randrange(2))).encode("utf-8", "surrogatepass")

    def run(self, data: bytes, draw: random.Random) -> str:
        if draw.randrange(20) == 0:
            self._signature(data, draw)
        try:
            found, wrong = sendgrid_events.parse(data)
        except sendgrid_events.NotEvents as error:
            return f"refused: {re.sub('[0-9]+', '…', str(error))[:60]}"
        kinds = sorted({one.kind for one in found})
        return f"{kinds} {sorted({_kind(problem) for problem in wrong.values()})}"

    def _signature(self, data: bytes, draw: random.Random) -> None:
        headers = signing.signed(self.key, self.now, data)
        keys, stamp, signature = [self.key.public_key()], headers[signing.TIMESTAMP], headers[signing.SIGNATURE]
        assert sendgrid_events.signed(keys, stamp, signature, data), "an honest signature is refused"
        assert not sendgrid_events.signed(keys, stamp, signature, data + b" "), "a longer body passes"
        raw = bytearray(base64.b64decode(signature))
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        assert not sendgrid_events.signed(keys, stamp, base64.b64encode(raw).decode(), data), "a flipped bit passes"
        junk = draw.choice(_TEXTS + _NUMBERS).decode("utf-8", "surrogateescape")
        assert not sendgrid_events.signed(keys, stamp, junk, data), "junk is a signature"
        assert not sendgrid_events.signed(keys, junk, signature, data), "junk is a timestamp"

    def serve(self, world: World, data: bytes) -> None:
        _take(world, "events", data, "application/json")


@dataclass
class InboundMail:
    """Posts of received mail: the form, the mail in it, and taking it in. The first line is the content type."""

    reply_to: str
    words: tuple[bytes, ...] = (
        *(
            b"--b\r\n",
            b"--b--",
            b"\r\n\r\n",
            b"Content-Disposition: form-data; name=",
            b'filename="x"',
            b'"',
            b";",
            b"=",
        ),
        *(b"boundary=", b"multipart/form-data; ", b"application/x-www-form-urlencoded", b"charset=", b"Content-Type: "),
        *(b"=?utf-8?b?", b"?=", b"(", b"<", b">", b"@", b"{", b"[", b"%00", b"&", b"Re: ", b"> "),
    )

    def make(self, draw: random.Random) -> bytes:
        headers = {
            "Message-ID": f"<{draw.randrange(10**9)}@x.example>",
            "Date": draw.choice(("Mon, 23 Nov 2026 08:00:00 +0000", "Mon, 23 Nov 99999 25:00:00 +9999", "x", "")),
            "In-Reply-To": draw.choice(("<x@y>", f"<{self.reply_to.partition('@')[0][2:]}.1@acme.example>")),
            "Auto-Submitted": draw.choice(("no", "auto-replied", "")),
            "Subject": draw.choice(("Re: One", "=?utf-8?q?Au=C3=9Fer_Haus?=", "Out of office", "=?x?y?z?=")),
            "Content-Type": draw.choice(("text/plain", "multipart/report; report-type=delivery-status", ";;;")),
        }
        charset = draw.choice(
            ("utf-8", "iso-8859-1", "utf-7", "idna", "punycode", "hz", "iso2022_jp", "zlib", "\0", "")
        )
        fields: dict[str, Any] = {
            "headers": "".join(f"{name}: {value}\n" for name, value in headers.items()),
            "from": draw.choice(("Kim <kim@harbor.example>", "", "kim@harbor.example, x@y.example", "<" * 50)),
            "to": self.reply_to,
            "subject": headers["Subject"],
            "text": draw.choice(
                ("Yes, please.", "I am away until 3 December 2026", "zurück am 32.13.2026", "x" * 9000)
            ),
            "envelope": json.dumps({"to": [self.reply_to], "from": draw.choice(("kim@harbor.example", ""))}),
            "charsets": json.dumps({"text": charset, "from": "utf-8", "subject": charset}),
        }
        for name in draw.sample(sorted(fields), draw.choice((0, 0, 1, 3))):
            fields[name] = draw.choice((json.dumps(_value(draw)), str(_value(draw)), ""))
        parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        body = ("".join(parts) + "--b--\r\n").encode("utf-8", "surrogatepass")
        return b"multipart/form-data; boundary=b\n" + body

    def run(self, data: bytes, draw: random.Random) -> str:
        content_type, body = self._parts(data)
        try:
            found = inbound.parse(body, content_type)
        except inbound.NotAnEmail as error:
            return f"refused: {re.sub('[0-9]+', '…', str(error))[:60]}"
        for text in (found.sender, found.envelope_from, found.subject, found.text, *found.recipients):
            text.encode()  # what the database takes
        return (
            f"{bool(found.sender)} {len(found.recipients)} {bool(found.text)} {found.date is None} {len(found.headers)}"
        )

    def serve(self, world: World, data: bytes) -> None:
        content_type, body = self._parts(data)
        _take(world, "inbound", body, content_type)

    @staticmethod
    def _parts(data: bytes) -> tuple[str, bytes]:
        """As the web passes them on: header values are Latin-1, at most 500 characters."""
        first, _, body = data.partition(b"\n")
        return first.decode("latin-1").replace("\0", "")[:500], body


@dataclass
class Csv:
    """Files of leads: reading them, each row, and the import."""

    workspace: Workspace
    words: tuple[bytes, ...] = (
        *(b",", b'"', b'""', b";", b"\n", b"\r\n", b"\r", b"'", b"=", b"\t", b",,,,", b"email", b"@", b"'="),
        *(b"2026-13-45", b"2026-11-24", b"yes", b"Europe/Madrid", b"cost;risk", b"xn--", b"\\"),
    )

    def make(self, draw: random.Random) -> bytes:
        names = [
            "email",
            "first_name",
            "company",
            "time_zone",
            "owner_email",
            "stage",
            "pains",
            "shoe",
            "employees",
            "",
        ]
        draw.shuffle(names)
        columns = sorted({"email", *names[: draw.randint(0, 9)]})
        lines = [columns]
        for number in range(draw.choice((0, 1, 3, 30))):
            row = {
                "email": draw.choice(
                    (f"p{draw.randrange(10**6)}@h{number}.example", "kim@harbor.example", "x@y", "ü@ü.example")
                ),
                "time_zone": draw.choice(("Europe/Madrid", "UTC", "../x", "")),
                "stage": draw.choice(("lead", "customer", "x")),
                "pains": draw.choice(("cost", "cost;risk", ";", "x")),
            }
            text = draw.choice(_TEXTS + _NUMBERS).decode("utf-8", "surrogateescape")
            lines.append([row.get(name, text) for name in columns][: draw.choice((20, 20, 20, 2))])
        quoted = draw.randrange(2)
        written = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' if quoted else cell for cell in line] for line in lines]
        return draw.choice(("\n", "\r\n")).join(map(",".join, written)).encode("utf-8", "surrogateescape")

    def run(self, data: bytes, draw: random.Random) -> str:
        result = Imported()
        said: Counter[str] = Counter()
        try:
            table = read_table(_opened(data), result)
            reader = RowReader(table.names, self.workspace)
            for _, cells in table.rows:
                try:
                    lead = reader(cells)
                    said["fine"] += 1
                    json.dumps([lead.email, lead.company, *lead.own, json.loads(lead.fields)]).encode()
                    full = read(
                        {name: cell for name, cell in zip(table.names, cells, strict=True) if name}, self.workspace
                    )
                    if (lead, lead.lead()) != (row(full), full):
                        raise AssertionError(f"read quickly: {lead}, in full: {full}")
                except InvalidLead as error:
                    said.update(_kind(problem) for problem in error.problems)
        except InvalidInput as error:
            said[f"refused: {_kind(str(error))}"] += 1
        said.update(_kind(problem) for _, problem in result.problems)
        return str(sorted(said))[:500]

    def serve(self, world: World, data: bytes) -> None:
        try:
            import_csv(world.context, _opened(data), None)
        except InvalidInput:
            return
        with world.context.engine.begin() as conn:
            conn.execute(lead_table.delete().where(lead_table.c.email != "kim@harbor.example"))


@dataclass
class Expression:
    """Conditions: compiling them, and asking them of leads that are as odd as can be."""

    names: Names = field(
        default_factory=lambda: Names(
            fields={
                "employees": Field("employees", "number"),
                "pains": Field("pains", "some_of", ("cost", "risk")),
                "industry": Field("industry", "one_of", ("retail", "public")),
                "renewal_date": Field("renewal_date", "date"),
                "vip": Field("vip", "flag"),
            },
            stages=("lead", "mql"),
            steps={"one": "one", "tell-rep": None},
            links={"one": frozenset({"price"})},
            contents=frozenset({"one", "two"}),
            topics=frozenset({"guides"}),
        )
    )
    words: tuple[bytes, ...] = (
        *(
            b"lead.",
            b"company.name",
            b"lead.stage",
            b"lead.employees",
            b"lead.pains",
            b"lead.vip",
            b"lead.renewal_date",
        ),
        *(
            b"(",
            b")",
            b"[",
            b"]",
            b",",
            b".",
            b" == ",
            b" != ",
            b" < ",
            b" <= ",
            b" in ",
            b" not in ",
            b" and ",
            b" or ",
        ),
        *(b"not ", b"-", b"'mql'", b'"2026-12-31"', b'"60 days"', b"within=", b"at_least=", b"ever=", b"True", b"none"),
        *(b"|", b"~", b"{", b"}", b"{{", b"%}", b"**", b" if ", b" else ", b" is ", b"__class__", b"\\", b"\n", b"1"),
        *(f"{name}(".encode() for name in sorted(FUNCTIONS)),
    )

    def make(self, draw: random.Random) -> bytes:
        return self._test(draw, draw.choice((1, 2, 3, 6, 30))).encode()

    def _test(self, draw: random.Random, depth: int) -> str:
        kind = draw.randrange(9) if depth > 0 else draw.randrange(4)
        if kind == 0:
            sign = draw.choice(("==", "!=", "<", "<=", ">", ">=", "in", "not in"))
            return f"{self._value(draw)} {sign} {self._value(draw)}"
        if kind == 1:
            window = draw.choice(
                ("", ', within="3 days"', ', within="9999999999 weeks"', ", at_least=2", ", ever=True")
            )
            name = draw.choice(sorted(FUNCTIONS))
            given = draw.choice(("", self._value(draw), '"one"', '"one", "price"'))
            return f"{name}({given}{window})"
        if kind == 2:
            return draw.choice(("lead.vip", "true", "has(lead.pains, 'cost')", 'known("stage")', "lead.stage"))
        if kind == 3:
            return f"{draw.randint(-9, 9)} < lead.employees <= {draw.choice(_NUMBERS).decode()}"
        if kind < 6:
            return f" {draw.choice(('and', 'or'))} ".join(
                self._test(draw, depth - 2) for _ in range(draw.choice((2, 2, 9)))
            )
        if kind == 6:
            return f"not {self._test(draw, depth - 1)}"
        return f"({self._test(draw, depth - 1)})"

    def _value(self, draw: random.Random) -> str:
        return draw.choice(
            (
                *("lead.stage", "lead.employees", "lead.renewal_date", "lead.pains", "lead.email", "company.domain"),
                *(
                    '"mql"',
                    "'cost'",
                    '"2026-12-31"',
                    "1",
                    "-2.5",
                    "[1, 2]",
                    '["mql"]',
                    "[]",
                    "true",
                    "none",
                    "lead.nope",
                ),
                *(draw.choice(_NUMBERS).decode(), repr(draw.choice(_TEXTS).decode("utf-8", "replace"))),
            )
        )

    def run(self, data: bytes, draw: random.Random) -> str:
        source = data.decode("utf-8", "surrogateescape")
        try:
            condition = compile_condition(source, Mark("f.yaml", 1, 1), self.names)
        except ConditionProblems as error:
            return f"refused: {sorted({f'{problem.code} {_kind(problem.message)}' for problem in error.problems})}"[
                :300
            ]
        answers = {condition.test(OddFacts(draw)) for _ in range(4)}
        assert answers <= {True, False}, f"a condition gave {answers}"
        return f"{sorted(answers)} {len(condition.asks.fields)} {sorted(condition.asks.events)}"

    def serve(self, world: World, data: bytes) -> None:
        """Nothing of it is in the database."""


class OddFacts:
    """A lead of whom every answer is anything at all."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self.lead = MadeUp(self.company)

    def company(self, name: str) -> Any:
        odd: tuple[Any, ...] = (
            None,
            "",
            "mql",
            5,
            5.5,
            float("nan"),
            True,
            ["cost"],
            [[]],
            {"a": 1},
            date(2026, 1, 1),
            START,
            "2026-12-01",
        )
        return self._draw.choice((*odd, "9" * 99, 10**400, float("inf"), b"x", ("cost",), "2026-13-45", -0.0))

    def __getattr__(self, name: str) -> Callable[..., bool]:
        return lambda *asked, **more: bool(self._draw.randrange(2))


def _take(world: World, door: str, body: bytes, content_type: str) -> None:
    with world.context.engine.begin() as conn:
        intake.put(conn, door, body, content_type, False)
    for _ in range(3):
        if not ingest.process(world.context, False):
            break
    assert not world.pending(), "a body is pending for good"


def _opened(data: bytes) -> io.TextIOWrapper:
    """As the command opens a file."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="surrogateescape", newline="")


def _kind(message: str) -> str:
    """A message without what it quotes."""
    return re.sub(r"`[^`]*`|“[^”]*”|[0-9]+|\(.*", "…", message, flags=re.DOTALL).split(", got")[0][:60]


# --- running


@dataclass
class Failure:
    """An input that broke the contract."""

    what: str
    data: bytes

    def again(self, target: str) -> str:
        """A command that shows it once more."""
        packed = base64.b85encode(zlib.compress(self.data, 9)).decode()
        return f'python -c \'from benchmarks.fuzz import again; again("{target}", r"""{packed}""")\''


@dataclass
class Report:
    """What a run came to."""

    target: str
    seed: int
    tried: int = 0
    served: int = 0
    """Of these, through the services on a real database."""
    seconds: float = 0.0
    slowest: float = 0.0
    """Seconds of processor time."""
    outcomes: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    """The first of each kind."""

    def __str__(self) -> str:
        lines = [
            f"{self.target}: {self.tried:,} inputs in {self.seconds:.0f} s "
            f"({self.tried / max(self.seconds, 0.001):,.0f}/s), "
            f"{self.served:,} of them through the services, {len(self.outcomes):,} distinct outcomes, slowest "
            f"{self.slowest:.2f} s, {len(self.failures)} failures (seed {self.seed})"
        ]
        for failure in self.failures.values():
            lines += [f"  {failure.what}", f"    {failure.again(self.target)}"]
        return "\n".join(lines)


def target_named(name: str, world: World) -> Target:
    if name == "webhook":
        return Webhook(world.args)
    if name == "inbound":
        return InboundMail(world.reply_to)
    if name == "workspace":
        return WorkspaceFiles()
    return Csv(world.workspace) if name == "csv" else Expression()


def fuzz(name: str, world: World, seconds: float, seed: int, inputs: float = math.inf) -> Report:
    """Tries inputs for so many seconds, or so many of them where that ends sooner."""
    target, draw, report = target_named(name, world), random.Random(seed), Report(name, seed)
    # What is set aside is logged, which is no failure and would fill the screen.
    logging.disable(logging.CRITICAL)
    corpus = [target.make(draw) for _ in range(20)]
    began = time.monotonic()
    try:
        while (now := time.monotonic() - began) < seconds and report.tried < inputs:
            data = target.make(draw) if draw.randrange(4) == 0 else draw.choice(corpus)
            if draw.randrange(8):
                data = broken(data, draw.choice(corpus), target.words, draw)
            _try(target, world, data, draw, report, corpus)
            report.seconds = now
    finally:
        logging.disable(logging.NOTSET)
    return report


def _try(target: Target, world: World, data: bytes, draw: random.Random, report: Report, corpus: list[bytes]) -> None:
    report.tried += 1
    before, began = _megabytes(), time.process_time()
    try:
        with _ending():
            outcome = target.run(data, draw)
            if outcome not in report.outcomes or report.tried % SHARE == 0:
                report.served += 1
                target.serve(world, data)
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:300]}"
        report.failures.setdefault(f"{type(error).__name__} {_kind(what)}", Failure(what, data))
        return
    took = time.process_time() - began
    report.slowest = max(report.slowest, took)
    if took > PATIENCE.get(report.target, SECONDS):
        report.failures.setdefault("slow", Failure(f"took {took:.1f} s", data))
    if (grown := _megabytes() - before) > MEGABYTES:
        report.failures.setdefault("memory", Failure(f"took {grown:.0f} MB", data))
    if outcome not in report.outcomes:
        report.outcomes.add(outcome)
        if len(corpus) < KEPT:
            corpus.append(data)
        else:
            corpus[draw.randrange(KEPT)] = data


def _megabytes() -> float:
    """The most memory that this process ever had."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@contextmanager
def _ending() -> Iterator[None]:
    """Raises TimeoutError in what never ends."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"not done after {STUCK} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(STUCK)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def installation() -> Iterator[World]:
    """A world on a throwaway server."""
    with postgres() as url:
        dialect = url.replace("postgresql://", "postgresql+psycopg://", 1)
        upgrade(dialect)
        with world_at(dialect) as world:
            yield world


def again(name: str, packed: str) -> None:
    """Shows what an input does, with the traceback."""
    data = zlib.decompress(base64.b85decode(packed))
    with installation() as world:
        target = target_named(name, world)
        print(repr(data[:2000]))
        print(target.run(data, random.Random(1)))
        target.serve(world, data)


NAMES: Final = ("webhook", "inbound", "csv", "expression", "workspace")


@click.command()
@click.option("--target", type=click.Choice(NAMES), multiple=True, help="What to torment; all in turn by default.")
@click.option("--minutes", default=5.0, show_default=True, help="For each target.")
@click.option("--seed", default=1, show_default=True, help="What the inputs are drawn from.")
def main(target: tuple[str, ...], minutes: float, seed: int) -> None:
    """Torments the readers of webhooks, received mail, CSV files, conditions and workspaces.

    Example: python -m benchmarks.fuzz --target csv --minutes 5 --seed 1
    """
    failed = False
    with installation() as world:
        for name in target or NAMES:
            report = fuzz(name, world, minutes * 60, seed)
            failed |= bool(report.failures)
            print(report, flush=True)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
