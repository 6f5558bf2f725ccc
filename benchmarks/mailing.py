"""The email that is measured, about 20 KB with 20 slots, and leads who are due for it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection, Engine, text

from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import Letterhead, Pages
from sequencer.services import release
from sequencer.store import clock, heartbeat
from sequencer.store.partitions import SHIFT

SEQUENCE, POSITION = "offer", "fit"
PER_COMPANY = 20
SINCE = timedelta(days=31)
"""How long ago everybody came to where they stand: longer than any wait before it."""

WORKSPACE = """
brand:
  name: Acme
  url: https://www.acme.example
  postal_address: Acme Ltd, 1 Street, London
stages: [subscriber, lead, mql, sql, customer]
fields:
  pains: {some_of: [cost, risk, speed]}
  industry: {one_of: [retail, food, chemicals, other]}
  role: {one_of: [finance, operations, other]}
  employees: {number: true}
  current_tool: {text: true}
topics:
  guides: {label: Guides, default: on}
senders:
  marketing: {name: Mara at Acme, email: mara@mail.acme.example, zone: Europe/London}
zone: {owner_mail: rep, otherwise: Europe/London}
reply_domain: reply.acme.example
"""

OFFER = f"""
title: Offer
state: live
topic: guides
enroll:
  when: manual
from: marketing
exit_on:
  - lead.stage == "customer"
steps:
  - id: {POSITION}
    if: lead.stage in ["lead", "mql"] and has(lead.pains, "cost") and lead.employees >= 50
    then:
      - email: big
    else:
      - email: small
"""

LAYOUT = """<mjml><mj-body><mj-section><mj-column><mj-text>{{ content }}</mj-text>
<mj-text>{{ brand.postal_address }}, to {{ lead.email }}: <a href="{{ unsubscribe_url }}">unsubscribe</a> or
<a href="{{ preferences_url }}">choose</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""

_PIECES = (
    'Hi {{ lead.first_name or "there" }},',
    "you wrote from {{ company.name or 'your company' }}, and we looked at what it has in common with others.",
    '{% if lead.industry == "retail" %}Retailers see most of it in December.{% elif lead.industry == "food" %}Food '
    "companies see most of it in summer.{% else %}It comes evenly over the year.{% endif %}",
    "{% if lead.employees > 200 %}With more than two hundred people you have a department for this.{% else %}With fewer"
    " than two hundred people one person does this beside other work.{% endif %}",
    "{% if lead.current_tool %}If you are on {{ lead.current_tool }}, subtract its licence first.{% else %}Without a"
    " tool, count the hours.{% endif %}",
    "Whoever is {{ lead.title or 'in charge' }} decides; it takes a morning.",
    'Put your numbers into the {{ link("calculator", "https://www.acme.example/calculator", "calculator") }}.',
)
"""Six slots and a link. With the address and two links nine in HTML, and nine in text, where nothing is escaped;
with the subject, and the token that links share, 20 that depend on the lead. The brand's address does not.
"""

_FILLING = (
    "What stands here is the same for everybody, and it is most of what there is to read: a letter that is worth "
    "opening says something, and says it in whole sentences, with figures and where they come from, in a tone that "
    "one would use to a colleague. {n} of {of} paragraphs like this one, since twenty thousand bytes are a long letter "
    "and most of those that are sent are no shorter once their styles and tables are counted in. "
)


def content(subject: str, repeats: int = 5) -> str:
    """The Markdown file. `repeats`: how often the text that is the same for all stands below each piece."""
    filling = [_FILLING.format(n=n + 1, of=len(_PIECES)) * repeats for n in range(len(_PIECES))]
    body = "\n\n".join(f"{piece}\n\n{text}" for piece, text in zip(_PIECES, filling, strict=True))
    return f"---\nsubject: {subject}\nkind: guide\n---\n{body}\n"


def files() -> dict[str, str]:
    """The workspace by file name."""
    return {
        "sequences/workspace.yaml": WORKSPACE,
        f"sequences/{SEQUENCE}.yaml": OFFER,
        "content/layouts/default.mjml": LAYOUT,
        "content/big.md": content("What {{ company.name or 'it' }} would pay"),
        "content/small.md": content("What it would cost {{ lead.first_name or 'you' }}"),
    }


def deploy(engine: Engine, workspace: dict[str, str]) -> None:
    with engine.begin() as conn:
        release.deploy(conn, workspace, clock.now(conn))
        heartbeat.beat(conn, at_rest=True)


def load(engine: Engine, leads: int, places: Sequence[tuple[str, str]] = ((SEQUENCE, POSITION),)) -> None:
    """Empties the tables, and fills them with leads; all are due, by turns at each of these places (none: nowhere)."""
    with engine.begin() as conn:
        conn.execute(text("TRUNCATE lead, company, enrollment, message, request, event, intake RESTART IDENTITY"))
        add(conn, 0, leads, places)
    settle(engine)


def add(conn: Connection, first: int, leads: int, places: Sequence[tuple[str, str]] = ((SEQUENCE, POSITION),)) -> None:
    """Leads with ids from `first` + 1 on, a multiple of PER_COMPANY, and their enrollments. All are due."""
    now = clock.now(conn)
    deployment = conn.execute(text("SELECT max(number) FROM deployment")).scalar_one()
    numbers = range(first + 1, first + leads + 1)
    _copy(conn, "company", "id, domain, name", _companies(numbers))
    _copy(
        conn,
        "lead",
        "id, email, first_name, last_name, title, zone, country, stage, campaign, company_id, fields, bucket,"
        " created_at, updated_at",
        _leads(numbers, now),
    )
    if places:
        _copy(
            conn,
            "enrollment",
            "id, lead_id, sequence, deployment, position, since, due_at, status, origin, entered_at, bucket",
            _enrollments(numbers, places, deployment, now),
        )


def settle(engine: Engine) -> None:
    """As autovacuum and the checkpointer would have it after a while."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE lead, company, enrollment, message"))
        conn.execute(text("CHECKPOINT"))


def _copy(conn: Connection, table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _companies(numbers: range) -> Iterator[tuple[Any, ...]]:
    for number in range(_company(numbers[0]), _company(numbers[-1]) + 1):
        yield number, f"c{number}.example", f"Company {number} & Sons"


def _company(lead: int) -> int:
    return (lead - 1) // PER_COMPANY + 1


def _leads(numbers: range, now: datetime) -> Iterator[tuple[Any, ...]]:
    for n in numbers:
        company = _company(n)
        fields = {
            "pains": ["cost", "risk"] if n % 2 else ["cost"],
            "industry": ("retail", "food", "chemicals", "other")[n % 4],
            "role": ("finance", "operations", "other")[n % 3],
            "employees": 50 + n % 400,
            "current_tool": f"Tool {n % 50}",
        }
        yield (
            *(n, f"lead{n}@c{company}.example", f"Kim {n}", f"O'Doe {n % 1000}", f"Head of {n % 100}"),
            # Of whole companies, so that at each of many places some are from either country.
            *("Europe/London", "DE" if company % 2 else "GB"),
            *("lead" if n % 2 else "mql", f"campaign {n % 20}", company),
            *(orjson.dumps(fields).decode(), n % 256, now, now),
        )


def _enrollments(
    numbers: range, places: Sequence[tuple[str, str]], deployment: int, now: datetime
) -> Iterator[tuple[Any, ...]]:
    lowest = int(now.timestamp() * 1000) << SHIFT
    since = now - SINCE
    for place, n in enumerate(numbers):
        # Due one after the other, in the minute before now: as a window's opening leaves them.
        due = now - timedelta(seconds=60) + timedelta(seconds=60 * (place + 1) / len(numbers))
        sequence, position = places[place % len(places)]
        yield lowest + n, n, sequence, deployment, position, since, due, "active", "benchmark", since, n % 256


def described(engine: Engine) -> dict[str, str]:
    """What the mail is, as compiled: bytes of its parts, and how many slots they hold."""
    with engine.begin() as conn:
        current = release.Releases().current(conn)
    big = current.contents["big"]
    skeleton = prepare(big, Letterhead(current.workspace.brand, Pages.all_at(""))).skeleton
    places = [part for part in (*skeleton.subject, *skeleton.html, *skeleton.text) if isinstance(part, int)]
    return {
        "email": f"{len(big.html.encode()):,} bytes of HTML and {len(big.text.encode()):,} of text before filling in;"
        f" {len(places)} places in subject, HTML and text for what depends on the lead",
    }
