"""What is numbered, and which deaths are one and the same."""

from threading import Thread

from tests.faults.gate import Gate


def asked(gate: Gate, label: str, *inner: str) -> None:
    """An operation, with others that are part of it."""
    gate.through(label, lambda: [asked(gate, one) for one in inner], lambda silence: ConnectionError())


def same_deaths(gate: Gate) -> list[str]:
    """Before which dying is dying after the one before."""
    return [label for label, nothing in zip(gate.labels, gate.nothing_between, strict=True) if nothing]


def test_dying_before_an_operation_is_dying_after_the_one_before_when_nothing_came_between() -> None:
    gate = Gate()
    for label in ("select", "insert", "commit"):
        asked(gate, label)
    assert same_deaths(gate) == ["insert", "commit"]


def test_what_happens_outside_comes_between() -> None:
    gate = Gate()
    asked(gate, "commit")
    with gate.not_counted():
        asked(gate, "what the provider does")
    asked(gate, "select")
    gate.something_happened()
    asked(gate, "insert")
    assert (gate.labels, same_deaths(gate)) == (["commit", "select", "insert"], [])


def test_the_rest_of_an_operation_comes_after_what_is_part_of_it() -> None:
    gate = Gate()
    asked(gate, "write", "connect")
    asked(gate, "read")
    asked(gate, "commit")
    assert (gate.labels, same_deaths(gate)) == (["write", "connect", "read", "commit"], ["commit"])


def test_what_other_threads_do_meanwhile_may_come_between() -> None:
    gate = Gate()
    asked(gate, "select")
    thread = Thread(target=asked, args=(gate, "write"))
    thread.start()
    thread.join()
    asked(gate, "commit")
    assert same_deaths(gate) == []


def test_what_failed_may_have_been_done_in_part() -> None:
    gate = Gate(at=1, way="fail after")
    try:
        asked(gate, "commit")
    except ConnectionError:
        asked(gate, "rollback")
    assert same_deaths(gate) == []
