"""What reps are told, and how they answer: what there is to say, whatever the language.

Names in braces are filled in; a test sees to it that every language has the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass


def each(listed: str) -> tuple[str, ...]:
    """Words and phrases as a text lists them, with commas between."""
    return tuple(listed.split(", "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    # Subjects of mails
    ready: str
    reminder: str
    reassigned: str
    undated: str
    unclear: str
    task: str
    review: str
    reply: str
    asked: str
    someone: str
    """A lead of whom nothing is known any more."""

    # How a handoff is answered, and what an answer came to
    by_link: str
    by_mail: str
    you_wrote: str
    already: Mapping[str, str]
    """By the handoff's state."""
    went_to: str
    say_when: str
    not_said: str

    # The briefing
    who: str
    why_now: str
    read: str
    say: str
    meanwhile: str
    several: str
    address: str
    stage: str
    status: str
    country: str
    first_touch: str
    call_only: str
    clicked: str
    say_asked: str
    say_several: str
    say_read: str
    pains: str
    goes_on: str

    # Further alerts
    needs: str
    both: str
    """Between two things of which both are meant."""
    asks: str
    clicked_in: str
    opened: str

    # What a lead did, without its subject
    events: Mapping[str, str]
    a_mail: str
    a_link: str

    # The page behind the link
    over: str
    you_accepted: str
    other_accepted: str
    declined: str
    again_on: str
    expired: str
    ended: str
    moved: str
    on: str
    until: str
    accept_it: str
    decline_it: str
    in_your_words: str
    ask_again: str
    everything: str
    choose_why: str
    date_needed: str
    no_such_day: str

    # What reps write. Accents, case and punctuation do not matter.
    accept: tuple[str, ...]
    """The first is the one that is suggested."""
    also: tuple[str, ...]
    """What may stand beside that: thanks, whom it is about, when it will be done. By itself it says nothing."""
    hello: tuple[str, ...]
    """What an answer may begin with, before a name."""
    away: tuple[str, ...]
    """What speaks of somebody who is not there."""
    refuse: tuple[str, ...]
    """After which comes why."""
    no: tuple[str, ...]
    """By itself."""
    reasons: Mapping[str, tuple[str, ...]]
    """By the reasons to decline that there are where none are declared; the first is the label."""
    back: tuple[str, ...]
    """Words before the day until which somebody is away, or on which they are back."""

    # Days to come
    months_alone: bool = False
    """Whether the short name of a month is one without a day beside it."""
    day_first: bool = True
    """Whether `5.3.2027` is sure to be in March."""
    of: tuple[str, ...]
    """Between a day, its month and its year."""
    within: tuple[str, ...]
    """As in `in 3 months`."""
    numbers: tuple[str, ...]
    """From one on; several forms of one with a space between."""
    units: Mapping[str, str]
    """The forms of `day`, `week` and `month`, with a space between."""
    following: str
    """How the word begins that makes a day of the week doubtful: this one or the next."""
    next_week: tuple[str, ...]
    next_month: tuple[str, ...]
    next_year: tuple[str, ...]
