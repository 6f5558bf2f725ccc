"""Mails to the people of one company that may not get too many together: which went, and who waits for theirs."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple


class Turn(NamedTuple):
    """A mail that went lately, or one that is to go at `at` because too many went before."""

    company_id: int
    enrollment_id: int
    step: str
    """Which mail went; empty: this enrollment waits."""
    at: datetime

    @property
    def waits(self) -> bool:
        return not self.step


def before(turns: Iterable[Turn], enrollment_ids: Collection[int], again: bool = False) -> tuple[datetime, ...]:
    """What the next mail of these enrollments of a lead comes after, oldest first: what went, and who waits before it.

    Whoever does not wait yet comes after all who do: so each is served in the order in which they were put off.
    `again`: a mail whose first attempt failed, or nobody knows of, has had its turn and comes before them.
    """
    listed = list(turns)
    own = min(
        ((one.at, one.enrollment_id) for one in listed if one.waits and one.enrollment_id in enrollment_ids),
        default=None,
    )
    return tuple(
        sorted(
            one.at
            for one in listed
            if not one.waits
            or (
                not again
                and one.enrollment_id not in enrollment_ids
                and (own is None or (one.at, one.enrollment_id) < own)
            )
        )
    )
