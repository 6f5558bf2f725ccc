"""`thread`: mails that go on in the conversation of one before, as answers to it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sequencer.core.sequence import Email
from sequencer.core.sequence import Sequence as Series
from sequencer.store.messages import Head

AGAIN = "Re: "


class Conversation(NamedTuple):
    """What a mail says of those before it (RFC 5322, 3.6.4)."""

    subject: str
    headers: Mapping[str, str]


def steps(series: Series) -> Sequence[str]:
    """Every step that some mail answers."""
    return sorted({before for email in series.emails() for before in series.conversation(email)})


def conversation(
    series: Series, step: str, enrollment_id: int, heads: Mapping[tuple[int, str], Head]
) -> Conversation | None:
    """None when the mail begins one: it answers none, or none of those before it went."""
    email = series.steps.get(step)
    before = series.conversation(email) if isinstance(email, Email) and email.thread else ()
    went = [head for earlier in before if (head := heads.get((enrollment_id, earlier))) is not None]
    if not went:
        return None
    subject = went[0].subject
    references = " ".join(head.message_id for head in reversed(went))
    return Conversation(
        subject if subject.startswith(AGAIN) else f"{AGAIN}{subject}",
        {"In-Reply-To": went[0].message_id, "References": references},
    )
