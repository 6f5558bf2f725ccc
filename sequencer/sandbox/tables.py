"""The sandbox's own tables, in the schema `sandbox`; made at the start when missing, so a second start goes on.

What a conductor of virtual time may ask PostgreSQL: `SELECT min(due_at) FROM sandbox.reaction WHERE state = 'pending'`.
`due_at` is business time. A reaction stays pending until what it says was received, also while it is being posted.

A request is kept once, as it came. Of its messages and of what follows them there is what is asked for in SQL; all
else is read from the body (`sequencer.sandbox.mailbox`). Their ids say what they belong to: see MAILS and REACTIONS.
"""

from typing import Final

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Column,
    DateTime,
    Double,
    Engine,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_LOCK = 0x5A4D  # any number will do, as long as nobody else uses it to create these tables

MAILS: Final = 1000
"""The most mails that a request may have. A message's id is its request's number times this, plus its place in it."""
REACTIONS: Final = 1_000_000
"""More than will ever follow a mail. A reaction's id is its message's times this, plus its place."""

metadata = MetaData(schema="sandbox")

request = Table(
    "request",
    metadata,
    Column("number", BigInteger, Identity(), primary_key=True),
    Column("id", Text, nullable=False, unique=True, comment="X-Message-Id; of refused requests too"),
    Column("at", DateTime(timezone=True), nullable=False, comment="business time"),
    Column("bytes", Integer, nullable=False),
    Column("count", Integer, nullable=False, comment="messages accepted"),
    Column("status", Integer, nullable=False, comment="what the rules say: 202, 200, 400, 401, 413; faults aside"),
    Column("problem", Text, comment="why it was refused; NULL: the request was valid"),
    Column("fault", Text, comment="the settable fault that struck it"),
    Column("body", LargeBinary, comment="as received, zlib"),
    Column("categories", ARRAY(Text), nullable=False, server_default=text("'{}'")),
)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="in order of acceptance"),
    Column("number", Integer, nullable=False, comment="of the personalization"),
    Column("to_email", Text, nullable=False, comment="as it came"),
    Column("words", Text, nullable=False, comment="subject, names and addresses, to be searched"),
    Column("custom_args", JSONB, nullable=False),
    Index("ix_message_to", text("lower(to_email)"), "id"),
)

reaction = Table(
    "reaction",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False, comment="an event's name at SendGrid, or reply | auto_reply | one_click"),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="business time"),
    Column("data", JSON, comment="NULL: nothing"),
    Column("suppresses", Text, comment="the address in lower case that is not mailed any more once this is posted"),
    Column("state", Text, nullable=False, server_default="pending", comment="pending | posted | failed"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried_at", DateTime(timezone=True), comment="operating time of the first attempt that failed"),
    Column("retry_at", DateTime(timezone=True), comment="operating time"),
    Column("problem", Text, comment="what the last attempt met"),
    Column("answered_at", DateTime(timezone=True), comment="operating time of the first 2xx"),
    Index("ix_reaction_pending", "due_at", "id", postgresql_where=text("state = 'pending'")),
    Index("ix_reaction_suppresses", "suppresses", postgresql_where=text("suppresses IS NOT NULL")),
)

fault = Table(
    "fault",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("rate", Double, nullable=False),
    Column("times", Integer, comment="strikes at most; NULL: no end"),
    Column("seconds", Double, nullable=False),
    Column("seen", Integer, nullable=False, server_default="0", comment="requests that it was drawn for"),
    Column("fired", Integer, nullable=False, server_default="0"),
)


def create(engine: Engine) -> None:
    """Makes what is missing; of several processes starting at once, one does and the others wait."""
    with engine.begin() as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        conn.execute(text("CREATE SCHEMA IF NOT EXISTS sandbox"))
        if conn.execute(_EARLIER).scalar_one():
            conn.execute(text("DROP TABLE sandbox.reaction, sandbox.message, sandbox.request"))
        metadata.create_all(conn)


_EARLIER = text(
    "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = 'sandbox' AND table_name = 'message'"
    " AND column_name = 'substitutions')"
)
"""Of a version that kept each mail whole: the inbox begins anew."""
