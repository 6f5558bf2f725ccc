"""A case begins where its stage began: the rows, what is counted in them, and the numbers to come."""

from contextlib import closing

from sqlalchemy import Engine, text

from sequencer.services.release import deploy
from sequencer.store import clock
from tests.conftest import TEMPLATE
from tests.databases import Databases
from tests.faults.kept import Kept
from tests.faults.outside import START, WORKSPACE

ENTER = text("INSERT INTO intake (door, body, at) VALUES ('events', '\\\\x5b5d', :at) RETURNING id")


def filled(engine: Engine) -> int:
    """Gives the number that the last row was drawn."""
    with engine.connect() as conn:
        clock.start_virtual(conn, START)
        deploy(conn, WORKSPACE, START)
        number: int = conn.execute(ENTER, {"at": START}).scalar_one()
        return number


def test_what_was_kept_is_put_back_into_an_emptied_database(urls: dict[str, str]) -> None:
    with closing(Databases(urls["postgres"], TEMPLATE)) as databases:
        with databases.opened() as engine:
            last = filled(engine)
            with engine.connect() as conn:
                kept = Kept.of(conn)
        with databases.opened() as again, again.connect() as conn:
            assert again is engine
            assert Kept.of(conn) == Kept({}, {})
            kept.put(conn)
            assert Kept.of(conn) == kept
            assert {"public.release", "public.deployment", "public.clock", "public.intake"} <= set(kept.rows)
            assert conn.execute(ENTER, {"at": START}).scalar_one() == last + 1
