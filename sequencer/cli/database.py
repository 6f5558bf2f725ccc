"""Opens what commands work with, closes it after, and says what to do when the database is not as it should be."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.errors import UndefinedColumn, UndefinedTable
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from sequencer.errors import Misconfigured
from sequencer.hints import Hints
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.store.engine import connect
from sequencer.wiring import build


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction, for commands that need nothing but DATABASE_URL."""
    settings = Settings.read()
    with understood():
        engine = connect(settings.database_url, pool_size=1)
        try:
            with engine.begin() as conn:
                yield conn
        finally:
            engine.dispose()


@contextmanager
def opened(connections: int = 1) -> Iterator[Context]:
    """What services take, for commands that write in batches and wake the workers."""
    settings = Settings.read()
    hints = Hints(settings.redis_url) if settings.redis_url else None
    with understood():
        context = build(settings, connections, hints=hints, role="cli")
        try:
            yield context
        finally:
            context.engine.dispose()
            context.provider.close()
            if hints is not None:
                hints.close()


@contextmanager
def understood() -> Iterator[None]:
    """Turns what a database says when it is away or too old into what to do about it."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) is not None:
            raise  # it does answer: a deadlock, a full disk
        said = str(error.orig).strip().partition("\n")[0]
        raise Misconfigured(f"the database of DATABASE_URL does not answer: {said}") from error
    except DBAPIError as error:
        if isinstance(error.orig, (UndefinedTable, UndefinedColumn)):
            raise Misconfigured("the database has not the newest schema: run `sequencer db upgrade`") from error
        raise
