"""A batch of emails as every provider takes it: one skeleton, and each recipient's values for its slots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Parts: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What is the same for every recipient. Each part is a run of literal text and slot numbers.

    A slot's value is already escaped for the part that it stands in; joining never escapes.
    """

    subject: Parts
    html: Parts
    text: Parts
    reply_to: Parts = ()
    """The Reply-To address; empty for none."""


def join(parts: Sequence[str | int], values: Sequence[str]) -> str:
    """The full text for one recipient."""
    return "".join([values[part] if isinstance(part, int) else part for part in parts])


def joiner(parts: Sequence[str | int]) -> Callable[[Sequence[str]], str]:
    """As `join` for many recipients, in a third of its time for a short text."""
    slots = [part for part in parts if isinstance(part, int)]
    if not slots:
        text = join(parts, ())
        return lambda _: text
    form = "".join(["%s" if isinstance(part, int) else part.replace("%", "%%") for part in parts])
    taken = itemgetter(*slots)
    return lambda values: form % taken(values)


class Recipient(NamedTuple):
    """One email of a batch."""

    to_email: str
    to_name: str
    from_email: str
    from_name: str
    values: tuple[str, ...]
    headers: Mapping[str, str] = MappingProxyType({})
    """Per lead: Message-ID, List-Unsubscribe; for an answer In-Reply-To and References."""
    custom_args: Mapping[str, str] = MappingProxyType({})
    """Echoed by the provider in every event; nothing personal in them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is handed to the provider in one go: at most 1,000 recipients, each address once."""

    request_id: str
    """Echoed as `sq_request` by events about a request that carried the whole batch: it proves all of it."""
    skeleton: Skeleton
    recipients: tuple[Recipient, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    """The same for all."""
    categories: tuple[str, ...] = ()


class Answer(StrEnum):
    """What the provider said of an email."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    """Surely not sent: rate limit, refused connection, connect timeout."""
    REFUSED = "refused"
    """Surely not sent, and never will be as it is."""
    UNKNOWN = "unknown"
    """Timeout, reset, 5xx: it may or may not have been accepted."""
    UNTRIED = "untried"
    """Not handed over at all, and nothing was said of it: because of others of its batch, or for want of time."""


CAREFULLY = (1, 10, 100)
"""How many mails may be under way at once after an answer that was unclear, one step further with every clear one."""


def limit_after(answer: Answer, limit: int | None) -> int | None:
    """How many mails may be under way at once after one more answer; None: as many as one likes."""
    if answer is Answer.UNKNOWN:
        return CAREFULLY[0]
    if answer is Answer.ACCEPTED and limit is not None:
        return next((step for step in CAREFULLY if step > limit), None)
    return limit


@dataclass(frozen=True, slots=True)
class Outcome:
    """`scope` says what is at fault for a refusal: this email, the content, or our credentials."""

    answer: Answer
    detail: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    """Seconds of operating time for which the provider wants to be left alone."""
    scope: Literal["message", "content", "credentials"] = "message"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One outcome for the whole batch, and exceptions by recipient number."""

    outcome: Outcome
    each: Mapping[int, Outcome] = field(default_factory=dict)
    requests: tuple[Answer, ...] = ()
    """What was answered, request by request, where there may have been several."""

    def of(self, number: int) -> Outcome:
        return self.each.get(number, self.outcome)

    def outcomes(self, recipients: int) -> list[Outcome]:
        """Of so many, in their order."""
        if not self.each:
            return [self.outcome] * recipients
        return [self.of(number) for number in range(recipients)]

    def different(self, recipients: int) -> list[Outcome]:
        """What there is among the outcomes of so many."""
        shared = [self.outcome] if len(self.each) < recipients else []
        return [*shared, *self.each.values()]

    def answers(self, recipients: int) -> Sequence[Answer]:
        """In the order in which they came; one for so many mails if nothing is known of requests."""
        if self.requests:
            return self.requests
        seen = {outcome.answer for outcome in self.different(recipients)}
        return [next((a for a in (Answer.UNKNOWN, Answer.ACCEPTED) if a in seen), self.outcome.answer)]
