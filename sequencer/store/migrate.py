"""Brings a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from sequencer.store.engine import connect
from sequencer.store.partitions import ensure

_LOCK = 0x5EC0  # any number will do, as long as no other migration of this database uses it


def upgrade(url: str) -> None:
    """Runs the missing migrations, each in a transaction of its own; a second process waits for the first.

    All in one would keep the lock of every table that any of them changes: beside workers, which take the same tables
    in another order, that ends in a deadlock.
    """
    engine = connect(url, pool_size=2)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        # A lock of a transaction, not of a session: poolers lead a session's statements to several server processes.
        with engine.begin() as alone, engine.connect() as conn:
            alone.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
            ensure(conn)
            conn.commit()
    finally:
        engine.dispose()
