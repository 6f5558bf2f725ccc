"""Redis as a witness of how far the database had come."""

import pytest

from sequencer.local import ports
from sequencer.witness import RedisWitness


def test_it_remembers_for_each_ledger(urls: dict[str, str]) -> None:
    witness = RedisWitness(urls["valkey"])
    witness.note("one", 7)
    witness.note("two", 9)
    assert (witness.recall("one"), witness.recall("two"), witness.recall("three")) == (7, 9, None)


def test_a_redis_that_does_not_answer_is_told_from_one_that_knows_nothing() -> None:
    witness = RedisWitness(f"redis://127.0.0.1:{ports.free(0, frozenset({0}))}/0")
    witness.note("one", 7)
    with pytest.raises(OSError, match="did not answer a moment ago"):
        witness.recall("one")
    with pytest.raises(OSError, match="does not answer"):
        RedisWitness(f"redis://127.0.0.1:{ports.free(0, frozenset({0}))}/0").recall("one")
