"""Databases for tests: made once, emptied after each test and lent again.

Making one of a template and dropping it cost more than most tests themselves. What a test has added is taken away,
such as a month's partitions; one in which anything else of the tables changed is dropped, and another made.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text

_SHAPE = text(
    """
    SELECT md5(coalesce(string_agg(part, ',' ORDER BY part), '')) FROM (
        SELECT concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relnatts, c.relchecks, c.relkind, c.relispartition)
            FROM pg_class c
        WHERE c.oid >= 16384 AND c.relkind <> 't' AND NOT c.relisshared AND c.relname NOT LIKE 'pg_toast%'
        UNION ALL SELECT concat_ws(' ', 'constraint', oid, conname) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'trigger', oid) FROM pg_trigger WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'function', oid) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'schema', oid) FROM pg_namespace
            WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_'
        UNION ALL SELECT concat_ws(' ', 'setting', setconfig) FROM pg_db_role_setting s
            JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()
    ) parts(part)
    """
)
"""What PostgreSQL keeps temporary tables in stays behind, empty, and is for whoever comes next."""
_NEWEST = text("SELECT greatest((SELECT max(oid) FROM pg_class), (SELECT max(oid) FROM pg_namespace))")
_ADDED = text(
    """
    SELECT string_agg(statement, ';' ORDER BY statement) FROM (
        SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
        WHERE oid > :newest AND nspname !~ '^pg_(toast_)?temp_'
        UNION ALL SELECT format('DROP TABLE IF EXISTS %I.%I CASCADE', n.nspname, c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid > :newest AND c.relkind IN ('r', 'p')
    ) added(statement)
    """
)
_OTHERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_A_MOMENT = text("SELECT pg_sleep(0.002)")
"""Waiting for each by `pg_terminate_backend` itself means a tenth of a second each."""
_PATIENCE = 5000
"""Moments."""
WAITED_FOR = text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
)
_FILLED = text(
    """
    SELECT string_agg('DELETE FROM ' || name, ';') FILTER (WHERE size <= 1048576),
        'TRUNCATE ' || string_agg(name, ',') FILTER (WHERE size > 1048576) || ' CASCADE'
    FROM (
        SELECT format('%I.%I', n.nspname, c.relname) name, pg_relation_size(c.oid) size
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid >= 16384 AND c.relkind = 'r' AND c.relname <> 'alembic_version'
    ) tables WHERE size > 0
    """
)
"""Truncating makes new files for a table and each of its indexes: five milliseconds, deleting takes a fifth of one."""
_WITHOUT_TRIGGERS = text("SET session_replication_role = replica")
_WITH_TRIGGERS = text("RESET session_replication_role")
_COUNT_ANEW = text(
    "SELECT count(setval(seqrelid, seqstart, false)) FROM pg_sequence"
    " WHERE pg_sequence_last_value(seqrelid) IS NOT NULL"
)


class Databases:
    """Of one test process."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._admin = create_engine(server, isolation_level="AUTOCOMMIT")
        self._free: list[tuple[str, Engine]] = []
        self._shape: str | None = None
        self._newest = 0

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of a migrated, empty database."""
        with self.opened() as engine:
            yield engine.url.render_as_string(hide_password=False)

    @contextmanager
    def opened(self) -> Iterator[Engine]:
        """The same, by an engine that commits each statement; its one connection stays for whoever comes next."""
        name, engine = self._free.pop() if self._free else self._make()
        yield engine
        with engine.connect() as conn:
            as_new = self._emptied(conn)
        if as_new:
            self._free.append((name, engine))
        else:
            self._drop(name, engine)

    def close(self) -> None:
        for name, engine in self._free:
            self._drop(name, engine)
        self._admin.dispose()

    def _make(self) -> tuple[str, Engine]:
        name = f"test_{uuid.uuid4().hex}"
        with self._admin.connect() as conn:
            # Its files are copied: through the log, page by page, costs more.
            conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY"))
        engine = create_engine(beside(self._server, name), isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        if self._shape is None:
            with engine.connect() as conn:
                assert conn.execute(_FILLED).one() == (None, None), "migrations fill tables: emptying would lose that"
                self._shape = conn.execute(_SHAPE).scalar_one()
                self._newest = conn.execute(_NEWEST).scalar_one()
        return name, engine

    def _emptied(self, conn: Connection) -> bool:
        """Nobody else is in it and nothing is left of the test. False: its tables are not those that were made."""
        self._alone(conn)
        added = conn.execute(_ADDED, {"newest": self._newest}).scalar_one()
        if added is not None:
            conn.execute(text(added))
        if conn.execute(_SHAPE).scalar_one() != self._shape:
            return False
        filled = [statements for statements in conn.execute(_FILLED).one() if statements is not None]
        conn.execute(_WITHOUT_TRIGGERS)
        for statements in filled:
            conn.execute(text(statements))
        conn.execute(_WITH_TRIGGERS)
        conn.execute(_COUNT_ANEW)
        return True

    def _alone(self, conn: Connection) -> None:
        for _ in range(_PATIENCE):
            if conn.execute(_OTHERS).scalar_one() == 0:
                return
            conn.execute(_A_MOMENT)
        raise TimeoutError("connections to a test's database do not end")

    def _drop(self, name: str, engine: Engine) -> None:
        engine.dispose()
        with self._admin.connect() as conn:
            conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def until_waiting(engine: Engine, over: Callable[[], bool]) -> None:
    """Returns once somebody waits for a lock of this database, or it is over without."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        while not (over() or conn.execute(WAITED_FOR).scalar_one()):
            conn.execute(_A_MOMENT)


def dialect(url: str) -> str:
    """The URL as SQLAlchemy wants it."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def beside(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return f"{url.rpartition('/')[0]}/{name}"
