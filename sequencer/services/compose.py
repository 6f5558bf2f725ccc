"""Turns decisions to mail into batches for the provider, and ledger rows that go before them."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sequencer.core.decision import Send
from sequencer.core.enrollment import Enrollment
from sequencer.core.lead import Rep, Sender
from sequencer.core.mail import Batch, Recipient, join
from sequencer.core.message import State
from sequencer.core.people import owner_of
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.core.token import mint
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import View
from sequencer.services.context import Context
from sequencer.store.messages import Attempt

CONSTANT_HEADERS = {
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "X-Auto-Response-Suppress": "OOF, AutoReply",
}
"""RFC 8058; the second asks Exchange not to answer automatically."""


RENDERING = 1.0
"""Seconds of operating time after which no further mail of a batch is begun: its leads are locked meanwhile, and a halt
would wait for as long."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to be made, and the ledger rows it stands for, in the order of its recipients."""

    batch: Batch
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """A decision to mail, with what it was decided on."""

    send: Send
    enrollment: Enrollment
    snapshot: Snapshot


def compose(
    context: Context, release: Release, sequence: Series, orders: Sequence[Order]
) -> tuple[list[Outgoing], list[Attempt], list[Order]]:
    """Batches by content and sender's domain, attempts that failed to render (each concerns its lead only), and the
    orders for which no time was left; the first is always rendered.
    """
    until = time.monotonic() + RENDERING
    groups: dict[tuple[str, str], list[tuple[Attempt, Recipient]]] = {}
    failed: list[Attempt] = []
    late: list[Order] = []
    for number, order in enumerate(orders):
        if number and time.monotonic() > until:
            late = list(orders[number:])
            break
        attempt, recipient = _one(context, release, sequence, order)
        if recipient is None:
            failed.append(attempt)
        else:
            domain = recipient.from_email.rpartition("@")[2].lower()
            groups.setdefault((attempt.content, domain), []).append((attempt, recipient))
    outgoing = []
    for (content, _), pairs in groups.items():
        request_id = uuid.uuid4().hex
        skeleton = prepare(release.contents[content]).skeleton
        if release.workspace.reply_domain:
            # The last slot of every recipient is the token; see _one.
            slot = len(pairs[0][1].values) - 1
            skeleton = replace(skeleton, reply_to=("r-", slot, f"@{release.workspace.reply_domain}"))
        batch = Batch(
            request_id=request_id,
            skeleton=skeleton,
            recipients=tuple(r for _, r in pairs),
            headers=CONSTANT_HEADERS,
            categories=(sequence.id,),
        )
        outgoing.append(Outgoing(batch, tuple(replace(a, request_id=request_id) for a, _ in pairs)))
    return outgoing, failed, late


def _one(context: Context, release: Release, sequence: Series, order: Order) -> tuple[Attempt, Recipient | None]:
    send, lead, enrollment = order.send, order.snapshot.lead, order.enrollment
    step = send.step.id
    sender = _sender(release, sequence, send)
    reply_token = mint(context.secret, "reply", enrollment.id, step)
    unsubscribe = f"{context.public_url}/u/{mint(context.secret, 'unsubscribe', enrollment.id, step)}"
    attempt = Attempt(
        enrollment_id=enrollment.id,
        step=step,
        lead_id=lead.id,
        sequence=sequence.id,
        deployment=release.number,
        content=send.step.content,
        email=lead.email,
        sender=sender.email,
        subject="",
        message_id=f"<{reply_token}.{send.attempt}@{sender.email.rpartition('@')[2]}>",
        exempt=sequence.exempt,
        state=State.SENDING,
        attempt=send.attempt,
        request_id="",
    )
    try:
        prepared = prepare(release.contents[send.step.content])
        values = prepared.values(
            View(
                lead=lead,
                company=order.snapshot.company,
                owner=owner_of(release.workspace, order.snapshot),
                sender=sender,
                brand=release.workspace.brand,
                link_token=mint(context.secret, "link", enrollment.id, step),
                unsubscribe_url=unsubscribe,
                preferences_url=unsubscribe.replace("/u/", "/preferences/", 1),
            )
        )
        subject = join(prepared.skeleton.subject, values)
    except RenderingFailed as error:
        return replace(attempt, state=State.REFUSED, failure=str(error)), None
    recipient = Recipient(
        to_email=lead.email,
        to_name=lead.name,
        from_email=sender.email,
        from_name=f"{sender.name} for {send.standing_in_for.name}" if send.standing_in_for else sender.name,
        values=(*values, reply_token),
        headers={"Message-ID": attempt.message_id, "List-Unsubscribe": f"<{unsubscribe}>"},
        custom_args={
            "sq_enrollment": str(enrollment.id),
            "sq_step": step,
            "sq_lead": str(lead.id),
            "sq_attempt": str(send.attempt),
            "sq_sequence": sequence.id,
        },
    )
    return replace(attempt, subject=subject), recipient


def _sender(release: Release, sequence: Series, send: Send) -> Sender | Rep:
    if send.sender is not None:
        return send.sender
    senders = release.workspace.senders
    # A `from: owner` mail of a lead without an owner: workspace.yaml names who mails instead.
    return senders[release.workspace.owner.missing if sequence.sender == "owner" else sequence.sender]
