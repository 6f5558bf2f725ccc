"""Turns decisions to mail into batches for the provider, and ledger rows that go before them."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from sequencer.core.content import Content
from sequencer.core.decision import Send
from sequencer.core.enrollment import Enrollment
from sequencer.core.lead import Lead, Rep
from sequencer.core.made import maker
from sequencer.core.mail import Batch, Recipient
from sequencer.core.message import State
from sequencer.core.people import owner_of, sender_of
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.core.token import Tokens, mint_all, mint_download
from sequencer.rendering.errors import RenderingFailed, Unfit
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import Letterhead, Pages, View
from sequencer.services import edited
from sequencer.services.context import Context
from sequencer.services.conversation import Conversation, conversation
from sequencer.store.messages import Attempt, Common, Head
from sequencer.store.reviews import Edit

_view, _attempt, _recipient = maker(View), maker(Attempt), maker(Recipient)

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
    newly_owned: Mapping[int, Lead] = field(default_factory=dict)
    """By enrollment whose mail is the first from the lead's new owner: the lead as it was claimed."""


class Order(NamedTuple):
    """A decision to mail, with what it was decided on."""

    send: Send
    enrollment: Enrollment
    snapshot: Snapshot


ordered: Final = maker(Order)


class _Group:
    """Mails of one content from one domain: they share a skeleton, and so a request.

    `answers`: each has the subject of the mail that it answers. `alone`: it is one lead's mail, as a rep wrote it.
    """

    def __init__(self, content: Content, letterhead: Letterhead, answers: bool, alone: bool) -> None:
        self.answers: Final = answers
        self.letterhead: Final = letterhead
        self.prepared: Final = prepare(content, letterhead, keep=not alone)
        self.downloads: Final = content.names("download_url")
        self.request_id: Final = uuid.uuid4().hex
        self.attempts: list[Attempt] = []
        self.recipients: list[Recipient] = []
        self.newly_owned: dict[int, Lead] = {}

    def outgoing(self, sequence: Series) -> Outgoing:
        skeleton = self.prepared.skeleton
        if self.answers:
            # The last slot of every recipient; see _Kind.mail.
            skeleton = replace(skeleton, subject=(len(self.recipients[0].values) - 1,))
        batch = Batch(self.request_id, skeleton, tuple(self.recipients), CONSTANT_HEADERS, (sequence.id,))
        return Outgoing(batch, tuple(self.attempts), self.newly_owned)


class _Kind:
    """Mails of one step in one name, in one group: what of them does not depend on the lead is put together once."""

    def __init__(self, context: Context, release: Release, sequence: Series, send: Send, group: _Group) -> None:
        self.group: Final = group
        self._secret = context.secret
        self._workspace = release.workspace
        self._sender = sender = sender_of(release.workspace, sequence, send)
        self._name = f"{sender.name} for {send.standing_in_for.name}" if send.standing_in_for else sender.name
        self._step = send.step.id
        self._common = _common(release, sequence, send, State.SENDING, group.request_id)
        self._behind_token = f".{send.attempt}@{sender.email.rpartition('@')[2]}>"
        self._unsubscribe = group.letterhead.page("unsubscribe_url")
        self._args = {"sq_step": send.step.id, "sq_attempt": str(send.attempt), "sq_sequence": sequence.id}

    def mail(
        self,
        snapshot: Snapshot,
        enrollment_id: int,
        introduces: Rep | None,
        tokens: Tokens,
        answered: Conversation | None,
    ) -> tuple[Attempt, Recipient]:
        """Raises RenderingFailed."""
        lead, group, sender = snapshot.lead, self.group, self._sender
        email, (link, unsubscribing, reply) = lead.email, tokens
        owner = owner_of(self._workspace, snapshot)
        download = mint_download(self._secret, enrollment_id, self._step) if group.downloads else ""
        view = _view(
            (lead, snapshot.company, owner, sender, group.letterhead, link, unsubscribing, reply, introduces, download)
        )
        values = group.prepared.values(view)
        message_id = f"<{reply}{self._behind_token}"
        headers = {"Message-ID": message_id, "List-Unsubscribe": f"<{self._unsubscribe}{unsubscribing}>"}
        if answered is None:
            subject = group.prepared.subject(values)
        else:
            subject = answered.subject
            values = (*values, subject)
            headers |= answered.headers
        args = {"sq_enrollment": str(enrollment_id), "sq_lead": str(lead.id), **self._args}
        return (
            _attempt((enrollment_id, lead.id, email, subject, message_id, self._common)),
            _recipient((email, lead.name, sender.email, self._name, values, headers, args)),
        )


class _Kinds:
    """The kinds that the mails of a batch are of, and the groups that these make up."""

    def __init__(self, context: Context, release: Release, sequence: Series) -> None:
        self._context = context
        self._release = release
        self._sequence = sequence
        brand, reply_domain = release.workspace.brand, release.workspace.reply_domain
        self._letterhead = Letterhead(brand, Pages.below(context.public_url), reply_domain)
        self._known: dict[tuple[object, ...], _Kind] = {}
        self._groups: dict[tuple[object, ...], _Group] = {}

    def of(self, order: Order, answered: bool, edit: Edit | None) -> _Kind:
        """Raises RenderingFailed and Unfit."""
        send, enrollment, snapshot = order
        step, attempt, sender, away, *_ = send
        release, alone = self._release, 0
        if edit is not None:
            content, alone = edited.content(release, snapshot.lead, edit), enrollment.id
        else:
            content = release.contents[step.content]
            if content.variants:
                content = content.read_in(snapshot.lead.get("language"))
        key = (step.id, content.id, attempt, sender and sender.email, away and away.email, answered, alone)
        if (kind := self._known.get(key)) is None:
            group = self._group(content, send, answered, alone)
            kind = self._known[key] = _Kind(self._context, release, self._sequence, send, group)
        return kind

    def _group(self, content: Content, send: Send, answered: bool, alone: int) -> _Group:
        domain = sender_of(self._release.workspace, self._sequence, send).email.rpartition("@")[2].lower()
        key = (content.id, domain, answered, alone)
        if (group := self._groups.get(key)) is None:
            group = self._groups[key] = _Group(content, self._letterhead, answered, bool(alone))
        return group

    def outgoing(self) -> list[Outgoing]:
        """The requests to be made."""
        return [group.outgoing(self._sequence) for group in self._groups.values() if group.attempts]


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
    kinds = _Kinds(context, release, sequence)
    failed: list[Attempt] = []
    late: list[Order] = []
    unsaid: dict[int, str] = {}
    minted = mint_all(context.secret, [(order.enrollment.id, order.send.step.id) for order in orders])
    for number, (order, tokens) in enumerate(zip(orders, minted, strict=True)):
        if number and time.monotonic() > until:
            late = list(orders[number:])
            break
        send, enrollment, snapshot = order
        answered = conversation(sequence, send.step.id, enrollment.id, heads) if heads else None
        edit = edits.get((enrollment.id, send.step.id)) if edits else None
        if edit is not None:
            send = edited.about(send, edit)
            order = order._replace(send=send)
        try:
            kind = kinds.of(order, answered is not None, edit)
            try:
                attempt, recipient = kind.mail(snapshot, enrollment.id, send.introduces, tokens, answered)
            except RenderingFailed as error:
                if send.introduces is None:
                    raise
                # It may be the introduction alone that fails, and would with every mail to come: so this goes without.
                unsaid[enrollment.id] = str(error)
                attempt, recipient = kind.mail(snapshot, enrollment.id, None, tokens, answered)
        except (RenderingFailed, Unfit) as error:
            common = _common(release, sequence, send, State.REFUSED, failure=str(error))
            failed.append(Attempt(enrollment.id, snapshot.lead.id, snapshot.lead.email, "", "", common))
            continue
        group = kind.group
        group.attempts.append(attempt)
        group.recipients.append(recipient)
        if send.introduces is not None:
            # Also one that goes without it: the lead hears from the new owner.
            group.newly_owned[enrollment.id] = snapshot.lead
    return kinds.outgoing(), failed, late, unsaid


def _common(
    release: Release, sequence: Series, send: Send, state: State, request_id: str = "", failure: str | None = None
) -> Common:
    """What the ledger says of every mail of a kind."""
    return Common(
        step=send.step.id,
        sequence=sequence.id,
        deployment=release.copy_of(send.step.content).number,
        content=send.step.content,
        sender=sender_of(release.workspace, sequence, send).email,
        exempt=not release.workspace.counts(sequence),
        state=state,
        attempt=send.attempt,
        request_id=request_id,
        failure=failure,
    )
