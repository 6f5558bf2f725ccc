"""The sandbox's own tables, in the schema `sandbox`; made at the start when missing, so a second start goes on.

What a conductor of virtual time may ask PostgreSQL: `SELECT min(due_at) FROM sandbox.reaction WHERE state = 'pending'`.
`due_at` is business time. A reaction stays pending until what it says was received, also while it is being posted.

A message keeps its substitutions and its request keeps the contents with the tags, as they came: a thousand mails cost
one copy of the text. Readers join the two (`sequencer.sandbox.compose.substitute`).
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Engine,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_LOCK = 0x5A4D  # any number will do, as long as nobody else uses it to create these tables

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
    Column("text", Text, comment="text/plain, with substitution tags"),
    Column("html", Text, comment="text/html, with substitution tags"),
    Column("categories", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("track_opens", Boolean, nullable=False, server_default=text("true")),
    Column("track_clicks", Boolean, nullable=False, server_default=text("true")),
)

message_id = Sequence("message_id", metadata=metadata)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="in order of acceptance"),
    Column("request", BigInteger, nullable=False, index=True, comment="request.number"),
    Column("number", Integer, nullable=False, comment="of the personalization"),
    Column("to_email", Text, nullable=False, comment="as it came"),
    Column("to_name", Text, nullable=False),
    Column("from_email", Text, nullable=False),
    Column("from_name", Text, nullable=False),
    Column("reply_to", Text, comment="substituted"),
    Column("subject", Text, nullable=False, comment="substituted"),
    Column("headers", JSONB, nullable=False),
    Column("custom_args", JSONB, nullable=False),
    Column("substitutions", JSONB, nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False, comment="business time"),
    Index("ix_message_to", text("lower(to_email)"), "id"),
)

reaction = Table(
    "reaction",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("message", BigInteger, nullable=False, index=True),
    Column("email", Text, nullable=False, comment="lower case"),
    Column("kind", Text, nullable=False, comment="an event's name at SendGrid, or reply | auto_reply | one_click"),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="business time"),
    Column("data", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="pending", comment="pending | posted | failed"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried_at", DateTime(timezone=True), comment="operating time of the first attempt that failed"),
    Column("retry_at", DateTime(timezone=True), comment="operating time"),
    Column("problem", Text, comment="what the last attempt met"),
    Column("answered_at", DateTime(timezone=True), comment="operating time of the first 2xx"),
    Index("ix_reaction_pending", "due_at", "id", postgresql_where=text("state = 'pending'")),
    Index(
        "ix_reaction_suppressing",
        "email",
        postgresql_where=text("state = 'posted' AND kind IN ('bounce', 'spamreport', 'unsubscribe')"),
    ),
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
        metadata.create_all(conn)
        # Tables of an earlier version go on.
        conn.execute(text("ALTER TABLE sandbox.reaction ADD COLUMN IF NOT EXISTS answered_at timestamptz"))
