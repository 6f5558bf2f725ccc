"""Brings a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from sequencer.store.engine import connect
from sequencer.store.partitions import ensure

_LOCK = 0x5EC0  # any number will do, as long as no other migration of this database uses it


def upgrade(url: str) -> None:
    """Runs the missing migrations in one transaction; a second process waits for the first."""
    engine = connect(url, pool_size=1)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as conn:
            conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
            ensure(conn)
    finally:
        engine.dispose()
