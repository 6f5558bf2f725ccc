"""The tables. Migrations in `migrations/` create them; a test keeps the two the same.

No foreign keys between hot tables. `bucket` confines claims when one database is no longer enough.
Business columns hold business time, given by the caller; `lease_until` and `received_at` are operating time.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _at(name: str, **options: object) -> "Column[object]":
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    _at("virtual", comment="business time when it was last set; NULL: business time is real"),
    _at("anchor", comment="operating time at which `virtual` was written"),
    Column(
        "speed",
        Integer,
        nullable=False,
        server_default="0",
        comment="virtual seconds per real second; 0: only a conductor advances it",
    ),
)

pause = Table(
    "pause",
    metadata,
    Column("reason", Text, primary_key=True, comment="operator | credentials | restored"),
    _at("since", nullable=False, comment="operating time"),
    Column("detail", Text, nullable=False, comment="what happened, for who has to mend it"),
    _at("retry_at", comment="operating time at which one mail may try; NULL: only `sequencer resume` ends it"),
)

sequence_pause = Table(
    "sequence_pause",
    metadata,
    Column("sequence", Text, primary_key=True),
    _at("since", nullable=False, comment="business time"),
    Column("detail", Text, nullable=False, comment="why, as the operator says"),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("ledger", Text, nullable=False, comment="names this ledger, also after it was restored"),
    Column("number", BigInteger, nullable=False, comment="one more with every beat; Redis keeps a copy as a witness"),
    _at("at", nullable=False, comment="operating time of the last beat"),
    _at(
        "worked_at", nullable=False, comment="operating time at which nothing was overdue, or some of it was worked off"
    ),
    _at("vouched_at", comment="operating time at which an operator let a restored database go on"),
)

release = Table(
    "release",
    metadata,
    Column("hash", Text, primary_key=True, comment="SHA-256 of the bundle's content"),
    Column("bundle", LargeBinary, nullable=False, comment="compressed JSON: workspace files and compiled content"),
    _at("created_at", nullable=False),
)

deployment = Table(
    "deployment",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("release", Text, nullable=False),
    _at("at", nullable=False),
    _at("spread_to", comment="until when those are looked at who fell due by an edit"),
)

company = Table(
    "company",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("domain", Text, nullable=False),
    Column("name", Text),
    Column("named_by", Text, comment="who gave the name: form | api | import | operator; NULL: not noted"),
    Column("owner", Text, comment="the rep's email"),
    Column("merged_into", BigInteger, comment="the company whose domain this is as well; NULL: it stands for itself"),
    Column("parent_id", BigInteger, comment="the company that this one counts with, itself no subsidiary"),
    UniqueConstraint("domain"),
    Index("ix_company_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    Index("ix_company_owner", "owner", postgresql_where=text("owner IS NOT NULL")),
    Index("ix_company_parent_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
)

lead = Table(
    "lead",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("email", Text, nullable=False, comment="normalised, lower case"),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("title", Text),
    Column("zone", Text, comment="IANA time zone"),
    Column("country", Text),
    Column("stage", Text),
    Column("status", Text),
    Column("campaign", Text, comment="first touch"),
    Column("owner", Text, comment="the rep's email"),
    Column("owner_before", Text, comment="whom the owner followed, as long as the lead has not heard from the new one"),
    Column("company_id", BigInteger),
    Column(
        "suppressed",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="mirror of suppression, written under the lead's lock",
    ),
    Column("fields", JSONB, nullable=False, server_default=text("'{}'")),
    Column("bucket", SmallInteger, nullable=False, server_default="0"),
    Column("first_touch", JSONB, comment="what first led the lead to our pages, and when"),
    Column("last_touch", JSONB),
    Column("engaged_on", Date, comment="UTC day on which the lead last did something that counts for them"),
    Column("source", Text, comment="who brought the lead: import | api | ..."),
    Column(
        "sources",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="who wrote fields since, and when; of what behaviour taught also how sure that is",
    ),
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    UniqueConstraint("email"),
    Index(None, "company_id"),
    Index("ix_lead_owner", "owner", postgresql_where=text("owner IS NOT NULL")),
    postgresql_with={"fillfactor": 85},
)

suppression = Table(
    "suppression",
    metadata,
    Column("email", Text, nullable=False),
    Column("topic", Text, nullable=False, server_default="", comment="empty: every topic"),
    Column("reason", Text, nullable=False, comment="unsubscribed | complained | bounced | operator | unconfirmed"),
    _at("at", nullable=False),
    Column("source", Text, nullable=False, comment="the event's key, `operator`, …"),
    # Each reason stands for itself: taking one back leaves the others.
    PrimaryKeyConstraint("email", "topic", "reason"),
)

consent = Table(
    "consent",
    metadata,
    Column("email", Text, nullable=False),
    Column("topic", Text, nullable=False),
    _at("at", nullable=False),
    Column("source", Text, nullable=False),
    PrimaryKeyConstraint("email", "topic"),
)

enrollment_number = Sequence("enrollment_number", metadata=metadata)
fence_number = Sequence("fence_number", metadata=metadata)

enrollment = Table(
    "enrollment",
    metadata,
    Column(
        "id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="time-ordered: business milliseconds, then a number",
    ),
    Column("lead_id", BigInteger, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("deployment", Integer, nullable=False),
    Column("position", Text, nullable=False),
    _at("since", nullable=False),
    _at("due_at"),
    _at("expected_at", comment="due_at before catching up after a downtime put it off; NULL: it was not"),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("outcomes", JSONB, nullable=False, server_default=text("'[]'")),
    Column("origin", Text, nullable=False, server_default="", comment="what enrolled: manual, import, the trigger"),
    _at("entered_at", nullable=False),
    _at("paused_at"),
    _at("resume_at"),
    _at("ended_at"),
    Column("bucket", SmallInteger, nullable=False, server_default="0"),
    Column("pinned", Integer, comment="older deployment whose steps it keeps; NULL: it goes by those of `deployment`"),
    Index(
        "ix_enrollment_due", "sequence", "position", "due_at", "lead_id", postgresql_where=text("due_at IS NOT NULL")
    ),
    Index("ix_enrollment_deployment", "deployment", postgresql_where=text("status IN ('active', 'paused')")),
    Index(
        "ix_enrollment_pinned",
        "sequence",
        "pinned",
        postgresql_where=text("pinned IS NOT NULL AND status IN ('active', 'paused')"),
    ),
    Index(None, "lead_id"),
    Index(
        "uq_enrollment_running",
        "lead_id",
        "sequence",
        unique=True,
        postgresql_where=text("status IN ('active', 'paused')"),
    ),
    postgresql_with={"fillfactor": 75},
)

task = Table(
    "task",
    metadata,
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("lead_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, comment="call"),
    Column("rep", Text, comment="the rep's email; NULL: nobody owns the lead"),
    Column("note", Text, nullable=False),
    _at("at", nullable=False),
    _at("due_at", nullable=False),
    _at("closed_at", comment="NULL: it is still to be done"),
    Column("closed_by", Text, comment="done | left: the lead left the sequence first"),
    PrimaryKeyConstraint("enrollment_id", "step"),
    Index("ix_task_open", "lead_id", "kind", postgresql_where=text("closed_at IS NULL")),
    Index("ix_task_due", "due_at", postgresql_where=text("closed_at IS NULL")),
)

review = Table(
    "review",
    metadata,
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("lead_id", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
    Column("sender", Text, comment="the rep in whose name it goes; NULL: the sequence's shared sender"),
    Column("rep", Text, comment="who looks at it, by email; NULL: nobody owns the lead"),
    _at("at", nullable=False),
    _at("due_at", nullable=False),
    Column("subject", Text, comment="as the rep wrote it; NULL: as the content has it"),
    Column("body", Text, comment="as the rep wrote it, Markdown; NULL: as the content has it"),
    _at("closed_at", comment="NULL: it is still to be looked at"),
    Column(
        "closed_by",
        Text,
        comment="sent | skipped, by the rep; time: nobody looked; left: the lead left the sequence first",
    ),
    PrimaryKeyConstraint("enrollment_id", "step"),
    Index("ix_review_due", "due_at", postgresql_where=text("closed_at IS NULL")),
)

watch_rule = Table(
    "watch_rule",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("sequence", Text, nullable=False),
    Column("trigger", Text, nullable=False, comment="one that time fires, as `silent replied 60 days`"),
    _at("since", nullable=False, comment="when it was first deployed"),
    Column("gone", Boolean, nullable=False, server_default=text("false"), comment="deployed no more; its rows go"),
    Column("planted_to", BigInteger, nullable=False, server_default="0", comment="every lead up to this id has a row"),
    Column("seen", BigInteger, nullable=False, server_default="0", comment="the highest lead there was at `seen_by`"),
    Column(
        "seen_by", BigInteger, comment="the transaction that saw it: once those before it are over, none comes below"
    ),
    _at("spread_to", comment="until when those are dated who were due long before it was deployed"),
    Column(
        "known_to",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="nobody is looked at before every lead up to this id has a row",
    ),
    Index("uq_watch_rule", "sequence", "trigger", unique=True, postgresql_where=text("NOT gone")),
)

watch = Table(
    "watch",
    metadata,
    Column("rule", Integer, nullable=False),
    Column("lead_id", BigInteger, nullable=False),
    _at("due_at", comment="when to look at the lead; NULL: when something changes on which the trigger depends"),
    Column(
        "paced",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="by what it had done when it was deployed, the lead becomes ready in turn only",
    ),
    _at("turn_at", comment="the turn that a paced lead has"),
    PrimaryKeyConstraint("rule", "lead_id"),
    Index("ix_watch_due", "rule", "due_at", "lead_id", postgresql_where=text("due_at IS NOT NULL")),
    postgresql_with={"fillfactor": 85},
)

signal_count = Table(
    "signal_count",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    Column("signal", Text, nullable=False, comment="the behaviour as signals.yaml writes it"),
    Column("day", Date, nullable=False, comment="UTC"),
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("lead_id", "signal", "day"),
    postgresql_with={"fillfactor": 85},
)

readiness = Table(
    "readiness",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="from 1 for each lead"),
    _at("at", nullable=False, comment="when sales was to talk to the lead"),
    _at("over_at", comment="when the lead had fallen back, or sales said no"),
    Column("reasons", ARRAY(Text), nullable=False, comment="names of reasons in signals.yaml"),
    Column(
        "refused",
        Boolean,
        nullable=False,
        server_default="false",
        comment="over by sales, and the lead has not fallen back since",
    ),
    Column("until", Date, comment="before this day the lead does not become ready again"),
    PrimaryKeyConstraint("lead_id", "number"),
)

handoff = Table(
    "handoff",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="from 1 for each lead"),
    Column("readiness", Integer, comment="the number of the readiness that it is for; NULL: a step outside of one"),
    _at("at", nullable=False),
    Column("reasons", ARRAY(Text), nullable=False, comment="names of reasons in signals.yaml"),
    Column("note", Text, nullable=False, server_default=""),
    Column("enrollment_id", BigInteger, comment="whose step began it; NULL: signals.yaml did"),
    Column("step", Text),
    Column("rep", Text, comment="the rep's email; NULL: none was found yet"),
    Column("asked", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="who was asked, the last now"),
    Column("turns", SmallInteger, nullable=False, server_default="0", comment="reminders and so on that happened"),
    Column("state", Text, nullable=False, comment="waiting | accepted | declined | expired | closed"),
    _at("due_at", comment="when to look at it; NULL: when somebody answers"),
    _at("told_at", comment="when the present rep was asked"),
    _at("answered_at"),
    Column("answer", Text, nullable=False, server_default="", comment="why it was declined, went back or ended"),
    Column("until", Date, comment="when the lead wants to be asked again"),
    PrimaryKeyConstraint("lead_id", "number"),
    Index("uq_handoff_readiness", "lead_id", "readiness", unique=True, postgresql_where=text("readiness IS NOT NULL")),
    Index("uq_handoff_waiting", "lead_id", unique=True, postgresql_where=text("state = 'waiting'")),
    Index("ix_handoff_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_handoff_at", "at", "lead_id"),
)

unmet = Table(
    "unmet",
    metadata,
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    _at("since", nullable=False, comment="when sales would have been to talk to the lead first"),
    Column("reasons", ARRAY(Text), nullable=False, comment="names of reasons in signals.yaml"),
    Column("lacks", ARRAY(Text), nullable=False, comment="what of `needs` is missing: owner, or a condition"),
    Index("ix_unmet_since", "since", "lead_id"),
)

colleague_news = Table(
    "colleague_news",
    metadata,
    Column("lead_id", BigInteger, nullable=False, comment="who did it"),
    _at("at", nullable=False),
    Column("key", Text, nullable=False, comment="of the event"),
    Column("kind", Text, nullable=False, comment="colleague_handed_off | colleague_replied"),
    Column("company_id", BigInteger, nullable=False),
    Column("told_to", BigInteger, nullable=False, server_default="0", comment="every colleague up to this id knows"),
    PrimaryKeyConstraint("lead_id", "at", "key"),
)

turn = Table(
    "turn",
    metadata,
    Column("company_id", BigInteger, nullable=False),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False, comment="of the mail that went; empty: it waits until others were mailed"),
    _at("at", nullable=False),
    PrimaryKeyConstraint("company_id", "enrollment_id", "step"),
)

call_out = Table(
    "call_out",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True, comment="by which receivers know a repeat"),
    Column("target", Text, nullable=False, comment="as signals.yaml names it"),
    Column("kind", Text, nullable=False, comment="handoff.created | accepted | declined | expired"),
    Column("lead_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="of the lead's handoff"),
    Column("body", LargeBinary, nullable=False, comment="JSON, the same at each attempt"),
    _at("at", nullable=False),
    Column("state", Text, nullable=False, comment="pending | sending | sent | dead"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failure", Text),
    _at("lease_until", comment="operating time"),
    _at("next_at", comment="operating time"),
    Index("ix_call_out_open", "id", postgresql_where=text("state IN ('pending', 'sending')")),
    Index("ix_call_out_unsent", "id", postgresql_where=text("state <> 'sent'")),
    Index("ix_call_out_sent", "at", postgresql_where=text("state = 'sent'")),
)

crm_contact = Table(
    "crm_contact",
    metadata,
    Column("lead_id", BigInteger, nullable=False),
    Column("crm", Text, nullable=False),
    Column("contact", Text, comment="the lead's id there; NULL: not known"),
    Column(
        "said",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="by field, when its last word about it was spoken, and the keys of what was said then",
    ),
    Column("written", Text, comment="digest of what was written back last"),
    _at(
        "next_at",
        nullable=False,
        server_default=func.clock_timestamp(),
        comment="operating time at which to look again whether something is to be written back",
    ),
    PrimaryKeyConstraint("lead_id", "crm"),
    Index("ix_crm_contact", "crm", "contact", postgresql_where=text("contact IS NOT NULL")),
    Index("ix_crm_contact_due", "crm", "next_at", postgresql_where=text("contact IS NOT NULL")),
)

message = Table(
    "message",
    metadata,
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("lead_id", BigInteger, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("deployment", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("email", Text, nullable=False, comment="the address it went to"),
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Column("message_id", Text, nullable=False, server_default="", comment="the Message-ID header, for replies"),
    Column("exempt", Boolean, nullable=False, server_default=text("false"), comment="does not count for gap and caps"),
    Column("state", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("fence", BigInteger, nullable=False, comment="of the claim that owns the attempt"),
    Column("request_id", Text, nullable=False),
    Column("provider_id", Text, nullable=False, server_default=""),
    Column("failure", Text),
    _at("sent_at", nullable=False),
    _at("retry_at"),
    _at("accepted_at"),
    _at("delivered_at"),
    _at("opened_at", comment="by a human"),
    _at("clicked_at", comment="by a human"),
    Column("clicked", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="names of the links"),
    PrimaryKeyConstraint("enrollment_id", "step"),
    # No index holds what changes; see `request`.
    Index("ix_message_lead_id_sent_at", "lead_id", "sent_at"),
    postgresql_partition_by="RANGE (enrollment_id)",
)

request = Table(
    "request",
    metadata,
    Column("id", Text, primary_key=True),
    _at(
        "lease_until",
        comment="operating time; NULL: nobody makes it any more, and some of its messages are unknown",
    ),
    # Stored as they are (migration 0055): a thousand take longer to compress than to write.
    Column("enrollment_ids", ARRAY(BigInteger), nullable=False, comment="of its messages, ascending"),
    Index("ix_request_lease_until", "lease_until"),
)

event = Table(
    "event",
    metadata,
    _at("at", nullable=False),
    Column("lead_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("enrollment_id", BigInteger),
    Column("step", Text),
    Column("machine", Boolean, nullable=False, server_default=text("false")),
    Column("data", JSONB, nullable=False, server_default=text("'{}'")),
    # The lead first: what somebody did between two moments is looked up by it too.
    PrimaryKeyConstraint("lead_id", "at", "key"),
    Index("ix_event_call", "at", "lead_id", postgresql_where=text("kind = 'call_logged'")),
    postgresql_partition_by="RANGE (at)",
)

intake = Table(
    "intake",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("door", Text, nullable=False, comment="events | inbound | crm:NAME, as workspace.yaml names it"),
    Column("body", LargeBinary, nullable=False, comment="raw, as it was signed"),
    Column("content_type", Text, nullable=False, server_default=""),
    Column("urgent", Boolean, nullable=False, server_default=text("false")),
    Column("state", Text, nullable=False, server_default="pending", comment="pending | done | set_aside"),
    Column("problem", Text, comment="why it was set aside"),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    _at("at", nullable=False, comment="business time of arrival"),
    Index("ix_intake_pending", "urgent", "id", postgresql_where=text("state = 'pending'")),
    Index("ix_intake_at", "at"),
    Index("ix_intake_set_aside", "id", postgresql_where=text("state = 'set_aside'")),
)

beacon = Table(
    "beacon",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("bodies", ARRAY(LargeBinary), comment="what pages told within a moment, raw; gone once it is looked into"),
    Column("body", LargeBinary, comment="of a form"),
    Column("lead_id", BigInteger, comment="who sent a form with this browser; NULL: it came from a page"),
    _at("at", nullable=False, comment="business time of arrival"),
)

visitor = Table(
    "visitor",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True, comment="made up by the browser"),
    Column("lead_id", BigInteger, comment="whose browser it is; NULL: nobody knows"),
    Column(
        "proven",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="a link that only the lead was sent was followed in it",
    ),
    Column(
        "answered",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="fields that were given in this browser since it is the lead's",
    ),
    Column("first_touch", JSONB),
    Column("last_touch", JSONB),
    Column("seen_on", Date, nullable=False, comment="UTC"),
    Index("ix_visitor_seen_on", "seen_on"),
    postgresql_with={"fillfactor": 85},
)

visit = Table(
    "visit",
    metadata,
    Column("visitor", UUID(as_uuid=False), nullable=False),
    _at("at", nullable=False),
    Column("page", Text, nullable=False),
    PrimaryKeyConstraint("visitor", "at", "page"),
    Index("ix_visit_at", "at"),
)

used_challenge = Table(
    "used_challenge",
    metadata,
    Column("nonce", Text, primary_key=True),
    Column("trace", LargeBinary, nullable=False, comment="of what was sent with it: a repeat has the same"),
    _at("until", nullable=False, comment="operating time; later nobody can use it"),
    Index("ix_used_challenge_until", "until"),
)

alert = Table(
    "alert",
    metadata,
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("channel", Text, nullable=False, server_default="email", comment="email | webhook"),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="tell | handoff | reminder | reassigned | undated | unclear | task | review | reply | asked | form"
        " | needs",
    ),
    Column("lead_id", BigInteger, nullable=False),
    Column("rep", Text, comment="the rep's email; NULL: nobody owns the lead"),
    Column("note", Text, nullable=False),
    Column("reasons", JSONB, nullable=False, server_default=text("'[]'")),
    Column("handoff", Integer, comment="the number of the lead's handoff that it is about"),
    _at("at", nullable=False),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="pending",
        comment="pending | sending | sent | unknown | refused | no_owner | in_handoff",
    ),
    Column("failure", Text),
    _at("lease_until", comment="operating time"),
    _at("retry_at", comment="operating time"),
    PrimaryKeyConstraint("enrollment_id", "step", "channel"),
    Index("ix_alert_open", "at", postgresql_where=text("state IN ('pending', 'sending')")),
    Index("ix_alert_held", "lead_id", postgresql_where=text("state = 'no_owner'")),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True, comment="the part of the key that is no secret"),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the key, which is kept nowhere"),
    Column("per_minute", Integer, nullable=False, comment="requests that it may make"),
    _at("created_at", nullable=False, comment="operating time"),
    _at("used_at", comment="operating time, to the minute"),
    _at("revoked_at", comment="operating time; NULL: it may be used"),
)
