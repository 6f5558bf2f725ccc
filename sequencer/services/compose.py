"""Turns decisions to mail into batches for the provider, and ledger rows that go before them."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from sequencer.core.content import Content
from sequencer.core.decision import Send
from sequencer.core.engine import ends_after_mail
from sequencer.core.enrollment import END, Enrollment
from sequencer.core.lead import Lead, Rep, Sender
from sequencer.core.mail import Batch, Recipient, join
from sequencer.core.message import State
from sequencer.core.people import owner_of, sender_of
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.core.token import Tokens, mint_all, mint_download
from sequencer.rendering.errors import RenderingFailed, Unfit
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import View
from sequencer.services import edited
from sequencer.services.context import Context
from sequencer.services.conversation import Conversation, conversation
from sequencer.store.messages import Attempt, Head
from sequencer.store.reviews import Edit

CONSTANT_HEADERS = {
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "X-Auto-Response-Suppress": "OOF, AutoReply",
}
"""RFC 8058; the second asks Exchange not to answer automatically."""


NOTHING: Final[Mapping[tuple[int, str], Edit]] = {}

RENDERING = 1.0
"""Seconds of operating time after which no further mail of a batch is begun: its leads are locked meanwhile, and a halt
would wait for as long."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to be made, and the ledger rows it stands for, in the order of its recipients."""

    batch: Batch
    attempts: tuple[Attempt, ...]
    last: Mapping[int, datetime]
    """By enrollment for which nothing comes after this mail: since when it stands there."""
    newly_owned: Mapping[int, Lead] = field(default_factory=dict)
    """By enrollment whose mail is the first from the lead's new owner: the lead as it was claimed."""


class Order(NamedTuple):
    """A decision to mail, with what it was decided on."""

    send: Send
    enrollment: Enrollment
    snapshot: Snapshot


class _Group:
    """Mails of one content from one domain: they share a skeleton, and so a request.

    `answers`: each has the subject of the mail that it answers. `alone`: it is one lead's mail, as a rep wrote it.
    """

    def __init__(self, content: Content, answers: bool, alone: bool) -> None:
        self.answers: Final = answers
        self.prepared: Final = prepare(content, keep=not alone)
        self.downloads: Final = content.names("download_url")
        self.request_id: Final = uuid.uuid4().hex
        self.attempts: list[Attempt] = []
        self.recipients: list[Recipient] = []
        self.last: dict[int, datetime] = {}
        self.newly_owned: dict[int, Lead] = {}

    def outgoing(self, sequence: Series, reply_domain: str | None) -> Outgoing:
        skeleton = self.prepared.skeleton
        # The last slots of every recipient; see _one.
        subject, token = (len(self.recipients[0].values) - behind for behind in (2, 1))
        if self.answers:
            skeleton = replace(skeleton, subject=(subject,))
        if reply_domain:
            skeleton = replace(skeleton, reply_to=("r-", token, f"@{reply_domain}"))
        batch = Batch(self.request_id, skeleton, tuple(self.recipients), CONSTANT_HEADERS, (sequence.id,))
        return Outgoing(batch, tuple(self.attempts), self.last, self.newly_owned)


def compose(
    context: Context,
    release: Release,
    sequence: Series,
    orders: Sequence[Order],
    heads: Mapping[tuple[int, str], Head],
    edits: Mapping[tuple[int, str], Edit] = NOTHING,
) -> tuple[list[Outgoing], list[Attempt], list[Order], Mapping[int, str]]:
    """Batches by content and sender's domain, attempts that failed to render (each concerns its lead only), the orders
    for which no time was left (the first is always rendered), and by enrollment why a mail does not introduce the new
    owner as it was to. `heads`: of the mails that some of these answer. `edits`: what reps wrote into some of them;
    each goes alone.
    """
    until = time.monotonic() + RENDERING
    groups: dict[tuple[str, str, bool, int], _Group] = {}
    failed: list[Attempt] = []
    late: list[Order] = []
    unsaid: dict[int, str] = {}
    minted = mint_all(context.secret, [(order.enrollment.id, order.send.step.id) for order in orders])
    ends = ends_after_mail(release.workspace, sequence)
    for number, (order, tokens) in enumerate(zip(orders, minted, strict=True)):
        if number and time.monotonic() > until:
            late = list(orders[number:])
            break
        sender = sender_of(release.workspace, sequence, order.send)
        answered = conversation(sequence, order.send.step.id, order.enrollment.id, heads) if heads else None
        edit = edits.get((order.enrollment.id, order.send.step.id)) if edits else None
        try:
            if edit is not None:
                order = order._replace(send=edited.about(order.send, edit))
                content = edited.content(release, order.snapshot.lead, edit)
            else:
                content = release.contents[order.send.step.content].read_in(order.snapshot.lead.get("language"))
            alone = order.enrollment.id if edit is not None else 0
            key = (content.id, _domain(sender.email), answered is not None, alone)
            if (group := groups.get(key)) is None:
                group = groups[key] = _Group(content, answered is not None, edit is not None)
            try:
                attempt, recipient = _one(context, release, sequence, order, tokens, sender, group, answered)
            except RenderingFailed as error:
                if order.send.introduces is None:
                    raise
                # It may be the introduction alone that fails, and would with every mail to come: so this goes without.
                unsaid[order.enrollment.id] = str(error)
                silent = order._replace(send=order.send._replace(introduces=None))
                attempt, recipient = _one(context, release, sequence, silent, tokens, sender, group, answered)
        except (RenderingFailed, Unfit) as error:
            failed.append(_attempt(release, sequence, order, sender, failure=str(error), state=State.REFUSED))
        else:
            group.attempts.append(attempt)
            group.recipients.append(recipient)
            if order.send.introduces is not None:
                # Also one that goes without it: the lead hears from the new owner.
                group.newly_owned[order.enrollment.id] = order.snapshot.lead
            if ends and order.enrollment.position == END:
                group.last[order.enrollment.id] = order.enrollment.since
    sent = [group.outgoing(sequence, release.workspace.reply_domain) for group in groups.values() if group.attempts]
    return sent, failed, late, unsaid


def _one(
    context: Context,
    release: Release,
    sequence: Series,
    order: Order,
    tokens: Tokens,
    sender: Sender | Rep,
    group: _Group,
    answered: Conversation | None,
) -> tuple[Attempt, Recipient]:
    """Raises RenderingFailed."""
    send, enrollment, snapshot = order
    lead, step = snapshot.lead, send.step.id
    url, email = context.public_url, sender.email
    unsubscribe = f"{url}/u/{tokens.unsubscribe}"
    values = group.prepared.values(
        View(
            lead,
            snapshot.company,
            owner_of(release.workspace, snapshot),
            sender,
            release.workspace.brand,
            tokens.link,
            unsubscribe,
            f"{url}/preferences/{tokens.unsubscribe}",
            send.introduces,
            f"{url}/d/{mint_download(context.secret, enrollment.id, step)}" if group.downloads else "",
        )
    )
    subject = answered.subject if answered is not None else join(group.prepared.skeleton.subject, values)
    message_id = f"<{tokens.reply}.{send.attempt}@{email.rpartition('@')[2]}>"
    attempt = _attempt(release, sequence, order, sender, subject, message_id, group.request_id)
    headers = {"Message-ID": message_id, "List-Unsubscribe": f"<{unsubscribe}>"}
    if answered is not None:
        headers |= answered.headers
    recipient = Recipient(
        to_email=lead.email,
        to_name=lead.name,
        from_email=email,
        from_name=f"{sender.name} for {send.standing_in_for.name}" if send.standing_in_for else sender.name,
        values=(*values, subject, tokens.reply) if group.answers else (*values, tokens.reply),
        headers=headers,
        custom_args={
            "sq_enrollment": str(enrollment.id),
            "sq_step": step,
            "sq_lead": str(lead.id),
            "sq_attempt": str(send.attempt),
            "sq_sequence": sequence.id,
        },
    )
    return attempt, recipient


def _attempt(
    release: Release,
    sequence: Series,
    order: Order,
    sender: Sender | Rep,
    subject: str = "",
    message_id: str = "",
    request_id: str = "",
    state: State = State.SENDING,
    failure: str | None = None,
) -> Attempt:
    # By place: fifteen names would take longer to be matched than all the rest.
    send, enrollment, snapshot = order
    step, lead = send.step, snapshot.lead
    return Attempt(
        enrollment.id,
        step.id,
        lead.id,
        sequence.id,
        release.copy_of(step.content).number,
        step.content,
        lead.email,
        sender.email,
        subject,
        message_id,
        not release.workspace.counts(sequence),
        state,
        send.attempt,
        request_id,
        failure,
    )


@lru_cache(maxsize=1_000)
def _domain(email: str) -> str:
    return email.rpartition("@")[2].lower()
