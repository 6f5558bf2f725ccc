"""Which arm a lead goes down where arms are chosen or drawn at once."""

import hashlib

from sequencer.core.condition import Facts
from sequencer.core.sequence import Choose, Split


def chosen(step: Choose, facts: Facts) -> int:
    """The number of the first arm whose condition is true; that of `otherwise`, the last one, when none is."""
    return next((n for n, condition in enumerate(step.conditions) if condition.test(facts)), len(step.conditions))


def drawn(step: Split, sequence: str, email: str) -> int:
    """The number of the arm that falls to this lead: the same whenever it is asked, until the shares change."""
    left = drawn_percent(sequence, step.id, email)
    for number, share in enumerate(step.shares):
        left -= share
        if left < 0:
            return number
    raise AssertionError("the shares sum to 100")


def drawn_percent(sequence: str, what: str, email: str) -> int:
    """0 to 99, evenly over leads, and independent from one sequence and purpose to another."""
    digest = hashlib.blake2b(f"{sequence}\0{what}\0{email}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * 100 >> 64
