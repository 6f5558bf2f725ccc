"""Tells reps what they are to know: `tell`, `handoff`, and replies of their leads. By mail, and by their webhook."""

import html
import logging
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from sequencer.core.handoff import Handoff, State, policy_of
from sequencer.core.lead import Channel, Company, Lead, Rep
from sequencer.core.mail import Answer, Batch, Outcome, Recipient, Skeleton
from sequencer.core.release import Release
from sequencer.core.rep_answer import examples
from sequencer.core.spoken import Spoken, language_of, spoken
from sequencer.core.token import mint_handoff
from sequencer.logs import describe
from sequencer.rendering.environment import one_line
from sequencer.services.briefing import Briefing, briefing
from sequencer.services.context import Context
from sequencer.store import alerts, clock, handoffs, leads, pauses
from sequencer.store.alerts import Settled

AT_ONCE = 100
"""Alerts that are mailed together."""
POSTED_AT_ONCE = 20
"""Webhooks that are posted side by side, so that one which hangs holds up nobody but a single worker thread."""
POST_LEASE = 30.0
"""Seconds of operating time for posting them; a multiple of what one may take."""
AGAIN = 60.0
"""Seconds of operating time after which an alert that surely was not sent goes again."""
LATEST_AGAIN = 3600.0
"""Seconds that a webhook may have us wait at most."""
USEFUL = timedelta(days=1)
"""An alert that no webhook took by then is not posted any more: it is news no longer, and the mail has told it."""
POSTED_TEXT = 3000
"""Characters; Slack shows the rest of a longer one only on request."""

TOKEN = 3
"""Place of the rep's token among the values of a mail."""

_MENTION = re.compile(r"(?<!\w)@(?=(?:here|channel|all|everyone)\b)", re.IGNORECASE)

log = logging.getLogger(__name__)


def deliver(context: Context) -> bool:
    """One batch of alerts by each channel. True: there may be more. Each is sent at most once by each channel.

    None goes while somebody has paused all sending, or must look first whether this ledger is the newest copy.
    """
    with context.engine.begin() as conn:
        if pauses.is_for_people(conn):
            return False
    try:
        mailed = context.alerts.run(lambda: _by_mail(context))
    finally:
        # A mail provider that fails must not hold up the webhooks.
        posted = _by_webhook(context)
    return mailed or posted


def state_of(outcome: Outcome) -> str:
    """What the alert is after an attempt. What is not its own fault (rate limits, our credentials) goes again."""
    if outcome.answer is Answer.ACCEPTED:
        return "sent"
    if outcome.answer is Answer.UNKNOWN:
        return "unknown"
    return "refused" if outcome.answer is Answer.REFUSED and outcome.scope == "message" else "pending"


@dataclass(frozen=True, slots=True)
class _Taken:
    """Claimed alerts, and what is told of their leads."""

    release: Release
    rows: Sequence[Any]
    leads: Mapping[int, Lead]
    companies: Mapping[int, Company]
    briefings: Mapping[tuple[int, int], Briefing]
    """Of handoffs that alerts are about, by lead and number."""


def _take(context: Context, channel: Channel, lease: float, limit: int) -> _Taken:
    with context.engine.begin() as conn:
        release = context.releases.current(conn)
        if channel == "webhook" and alerts.under_way(conn, channel):
            return _Taken(release, (), {}, {}, {})
        rows = alerts.claim(conn, channel, lease, limit, clock.now(conn))
        known = {lead.id: lead for lead in leads.by_ids(conn, sorted({row.lead_id for row in rows}))}
        companies = leads.companies(conn, (lead.company_id for lead in known.values() if lead.company_id))
        about = handoffs.by_keys(conn, ((row.lead_id, row.handoff) for row in rows if row.handoff is not None))
        found = {key: briefing(conn, release, one) for key, one in about.items()}
    briefings = {key: one for key, one in found.items() if one is not None}
    return _Taken(release, sorted(rows, key=lambda row: (row.at, row.lead_id, row.step)), known, companies, briefings)


def _by_mail(context: Context) -> bool:
    taken = _take(context, "email", context.lease, AT_ONCE)
    for round_ in _rounds(taken.rows):
        recipients = [_mail(context, taken, row) for row in round_]
        skeleton = Skeleton(subject=(0,), html=(1,), text=(2,), reply_to=_reply_to(taken, recipients))
        batch = Batch(uuid.uuid4().hex, skeleton, tuple(recipients), categories=("alert",))
        receipt = context.provider.send(batch)
        settled = [_settled(row, "email", receipt.of(number)) for number, row in enumerate(round_)]
        with context.engine.begin() as conn:
            alerts.settle(conn, settled)
    return len(taken.rows) == AT_ONCE


def _by_webhook(context: Context) -> bool:
    """At most one worker posts at a time: hosts that hang must not take all the threads that mail leads."""
    taken = _take(context, "webhook", POST_LEASE, POSTED_AT_ONCE)
    if not taken.rows:
        return False
    with ThreadPoolExecutor(len(taken.rows)) as threads:
        outcomes = list(threads.map(_post(context, taken), taken.rows))
    with context.engine.begin() as conn:
        now = clock.now(conn)
        settled = [
            _settled(row, "webhook", outcome, over=now - row.at > USEFUL)
            for row, outcome in zip(taken.rows, outcomes, strict=True)
        ]
        alerts.settle(conn, settled)
    return len(taken.rows) == POSTED_AT_ONCE


def _settled(row: Any, channel: Channel, outcome: Outcome, over: bool = False) -> Settled:
    state = state_of(outcome)
    if state == "pending" and over:
        return Settled(row.enrollment_id, row.step, channel, "refused", f"given up: {outcome.detail}")
    wait = min(max(outcome.retry_after or 0, AGAIN), LATEST_AGAIN) if channel == "webhook" else AGAIN
    again = wait if state == "pending" else None
    return Settled(row.enrollment_id, row.step, channel, state, outcome.detail or None, again)


def _rounds(rows: Sequence[Any]) -> list[list[Any]]:
    """Batches in which each address stands once, as the provider demands, and all or none have answers come to us."""
    rounds: list[tuple[bool, dict[str, Any]]] = []
    for row in rows:
        answered = row.handoff is not None
        free = next((r for kind, r in rounds if kind == answered and row.rep not in r), None)
        if free is None:
            free = {}
            rounds.append((answered, free))
        free[row.rep] = row
    return [list(r.values()) for _, r in rounds]


def _said(context: Context, taken: _Taken, row: Any) -> tuple[str, list[str]]:
    """An alert's title and paragraphs, as text."""
    lead, words = taken.leads.get(row.lead_id), _words(taken, row)
    name = (lead.name or lead.email) if lead is not None else words.someone
    company = taken.companies.get(lead.company_id) if lead is not None and lead.company_id else None
    note = " ".join(str(row.note).split())
    title = one_line(_titles(words)[row.kind].format(name=name, note=note))[:150]
    brief = taken.briefings.get((row.lead_id, row.handoff))
    if brief is not None and row.kind != "asked":
        return title, _brief(context, taken, row, brief)
    who = f"{name}{f', {company.name or company.domain}' if company is not None else ''}"
    lines = [who, str(row.note).strip(), *(f"- {reason}" for reason in row.reasons)]
    if lead is not None:
        page = f"reviews/{row.enrollment_id}/{row.step}" if row.kind == "review" else f"leads/{lead.id}"
        lines += [lead.email, f"{context.public_url}/dashboard/{page}"]
    return title, [line for line in lines if line]


def _titles(words: Spoken) -> Mapping[str, str]:
    return {
        "tell": "{name}: {note}",
        "handoff": words.ready,
        "reminder": words.reminder,
        "reassigned": words.reassigned,
        "undated": words.undated,
        "unclear": words.unclear,
        "needs": "{name}: {note}",
        "task": words.task,
        "review": words.review,
        "reply": words.reply,
        "asked": words.asked,
        alerts.FORM: words.asked,
    }


def _rep(taken: _Taken, row: Any) -> Rep | None:
    return taken.release.workspace.reps.get(row.rep)


def _words(taken: _Taken, row: Any) -> Spoken:
    return spoken(taken.release.workspace, _rep(taken, row))


def _stands(taken: _Taken, row: Any, one: Handoff) -> str:
    """How a handoff stands, to a rep whose answer changed nothing."""
    words = _words(taken, row)
    if one.state is not State.WAITING:
        return words.already[one.state]
    if one.rep != row.rep:
        now = taken.release.workspace.reps.get(one.rep or "")
        return words.went_to.format(rep=now.name if now is not None else one.rep)
    if row.kind == "undated":
        return words.say_when.format(example=_examples(taken, row)[-1])
    return words.not_said


def _examples(taken: _Taken, row: Any) -> list[str]:
    """Answers that are understood, the one with a day last."""
    workspace = taken.release.workspace
    return examples(policy_of(workspace).declines, language_of(workspace, _rep(taken, row)))


def _brief(context: Context, taken: _Taken, row: Any, brief: Briefing) -> list[str]:
    """What is told of a handoff. `unclear`, `undated`: the note is what the rep wrote."""
    opening = []
    if row.kind in ("unclear", "undated"):
        opening = [_words(taken, row).you_wrote.format(text=row.note), _stands(taken, row, brief.handoff)]
    page = f"{context.public_url}/dashboard/leads/{brief.lead.id}"
    if opening and (brief.handoff.state is not State.WAITING or brief.handoff.rep != row.rep):
        return [*opening, page]  # The lead is not theirs to answer for: who it is, the dashboard says.
    parts = [f"{head}\n{chr(10).join(f'- {line}' for line in lines)}" for head, lines in brief.parts]
    return [*opening, brief.who, *parts, page]


def _answers(context: Context, taken: _Taken, row: Any) -> tuple[list[str], str]:
    """How a rep answers for a handoff: lines that say so, and the token that does."""
    if row.handoff is None or (row.lead_id, row.handoff) not in taken.briefings:
        return [], ""
    token = mint_handoff(context.secret, row.lead_id, row.handoff, row.rep)
    words = _words(taken, row)
    lines = [words.by_link.format(link=f"{context.public_url}/h/{token}")]
    if taken.release.workspace.reply_domain is not None:
        lines.append(words.by_mail.format(examples=" · ".join(_examples(taken, row))))
    return lines, token


def _reply_to(taken: _Taken, recipients: Sequence[Recipient]) -> tuple[str | int, ...]:
    """Answers to mails about handoffs come to us, others to whoever mails."""
    domain = taken.release.workspace.reply_domain
    ours = domain is not None and all(len(recipient.values) > TOKEN for recipient in recipients)
    return ("r-", TOKEN, f"@{domain}") if ours else ()


def _mail(context: Context, taken: _Taken, row: Any) -> Recipient:
    sender = next(iter(taken.release.workspace.senders.values()))
    rep = _rep(taken, row)
    subject, lines = _said(context, taken, row)
    how, token = _answers(context, taken, row)
    lines = [*how, *lines]
    body = "".join(f"<p>{html.escape(line).replace(chr(10), '<br>')}</p>" for line in lines)
    return Recipient(
        to_email=row.rep,
        to_name=rep.name if rep is not None else "",
        from_email=sender.email,
        from_name=sender.name,
        values=(
            subject,
            f"<!doctype html><html><body>{body}</body></html>",
            "\n\n".join(lines),
            *filter(None, [token]),
        ),
    )


def _post(context: Context, taken: _Taken) -> Callable[[Any], Outcome]:
    """What posts one alert. It never raises, so that no alert's failure leaves another's outcome unrecorded."""

    def post(row: Any) -> Outcome:
        rep = _rep(taken, row)
        if rep is None or rep.webhook is None:
            return Outcome(Answer.REFUSED, detail="the rep has no webhook any more")
        try:
            return context.webhooks.post(rep.webhook, orjson.dumps({"text": posted(*_said(context, taken, row))}))
        except Exception as error:
            log.error("posting an alert failed: %s", describe(error))
            return Outcome(Answer.UNKNOWN, detail=f"failed in posting: {type(error).__name__}")

    return post


def posted(title: str, lines: Sequence[str]) -> str:
    """An alert as chats show it. What leads wrote must not become markup there: no mentions, no links in disguise.

    `&`, `<` and `>` as https://docs.slack.dev/messaging/formatting-message-text asks; the chats that speak Markdown
    take mentions by `@` and links by `](`, which an invisible space takes apart.
    """
    text = "\n".join((title, *lines))
    text = text if len(text) <= POSTED_TEXT else f"{text[:POSTED_TEXT]}…"
    text = _MENTION.sub("@\u200b", text).replace("](", "]\u200b(")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
