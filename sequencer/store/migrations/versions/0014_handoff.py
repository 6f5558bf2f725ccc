"""Handoffs: leads of whom sales was told, with the rep who was asked and what became of it."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE handoff (
        lead_id BIGINT NOT NULL,
        number INTEGER NOT NULL,
        readiness INTEGER,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        reasons TEXT[] NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        enrollment_id BIGINT,
        step TEXT,
        rep TEXT,
        asked TEXT[] NOT NULL DEFAULT '{}',
        turns SMALLINT NOT NULL DEFAULT 0,
        state TEXT NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE,
        told_at TIMESTAMP WITH TIME ZONE,
        answered_at TIMESTAMP WITH TIME ZONE,
        answer TEXT NOT NULL DEFAULT '',
        until DATE,
        CONSTRAINT pk_handoff PRIMARY KEY (lead_id, number)
    )
    """,
    "CREATE UNIQUE INDEX uq_handoff_readiness ON handoff (lead_id, readiness) WHERE readiness IS NOT NULL",
    "CREATE UNIQUE INDEX uq_handoff_waiting ON handoff (lead_id) WHERE state = 'waiting'",
    "CREATE INDEX ix_handoff_due ON handoff (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_handoff_at ON handoff (at, lead_id)",
    "COMMENT ON COLUMN handoff.number IS 'from 1 for each lead'",
    "COMMENT ON COLUMN handoff.readiness IS 'the number of the readiness that it is for; NULL: a step outside of one'",
    "COMMENT ON COLUMN handoff.reasons IS 'names of reasons in signals.yaml'",
    "COMMENT ON COLUMN handoff.enrollment_id IS 'whose step began it; NULL: signals.yaml did'",
    "COMMENT ON COLUMN handoff.rep IS 'the rep''s email; NULL: none was found yet'",
    "COMMENT ON COLUMN handoff.asked IS 'who was asked, the last now'",
    "COMMENT ON COLUMN handoff.turns IS 'reminders and so on that happened'",
    "COMMENT ON COLUMN handoff.state IS 'waiting | accepted | declined | expired'",
    "COMMENT ON COLUMN handoff.due_at IS 'when to look at it; NULL: when somebody answers'",
    "COMMENT ON COLUMN handoff.told_at IS 'when the present rep was asked'",
    "COMMENT ON COLUMN handoff.answer IS 'why it was declined or went back'",
    "COMMENT ON COLUMN handoff.until IS 'when the lead wants to be asked again'",
    "ALTER TABLE alert ADD COLUMN handoff INTEGER",
    "COMMENT ON COLUMN alert.handoff IS 'the number of the lead''s handoff that it is about'",
    "COMMENT ON COLUMN alert.kind IS 'tell | handoff | reminder | reassigned | unclear | task | review | reply'",
)
