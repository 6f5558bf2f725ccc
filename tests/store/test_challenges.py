"""Each challenge counts once, and is remembered for as long as it could be used."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine, text

from sequencer.store import challenges, clock
from sequencer.store.challenges import use
from tests.databases import until_waiting


def test_a_challenge_is_used_by_one_of_two_who_come_at_once(engine: Engine) -> None:
    def other(trace: bytes) -> bool:
        with engine.begin() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '30s'"))
            return use(conn, "n", trace, until)

    with engine.connect() as first, ThreadPoolExecutor(2) as pool:
        until = clock.operating(first) + timedelta(hours=1)
        assert use(first, "n", b"kim", until)
        others = [pool.submit(other, b"lee"), pool.submit(other, b"kim")]
        until_waiting(engine, lambda: any(one.done() for one in others))
        assert not any(one.done() for one in others), "nobody is told anything before the first is through"
        first.commit()
        assert [one.result(60) for one in others] == [False, True]


def test_what_was_not_stored_after_all_was_not_used(engine: Engine) -> None:
    with engine.connect() as conn:
        until = clock.operating(conn) + timedelta(hours=1)
        assert use(conn, "n", b"kim", until)
        conn.rollback()
        assert use(conn, "n", b"lee", until)


def test_challenges_that_nobody_can_use_any_more_are_forgotten_a_piece_at_a_time(engine: Engine) -> None:
    with engine.begin() as conn:
        now = clock.operating(conn)
        assert not challenges.has_old(conn)
        for number, hours in enumerate((1, 0, -2, -3, -4)):
            use(conn, str(number), b"", now + timedelta(hours=hours))
        assert challenges.has_old(conn)
        assert [challenges.delete_old(conn, 2) for _ in range(2)] == [2, 1]
        assert not challenges.has_old(conn)
        assert conn.execute(text("SELECT nonce FROM used_challenge ORDER BY 1")).scalars().all() == ["0", "1"]
