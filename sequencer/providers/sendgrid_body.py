"""A batch as the JSON of `mail/send`: the skeleton once, with short tags where a recipient's values go."""

import re
import secrets
import string
from collections.abc import Iterator, Sequence
from typing import Any

from sendgrid.helpers.mail import (
    Category,
    ClickTracking,
    From,
    Header,
    HtmlContent,
    Mail,
    OpenTracking,
    PlainTextContent,
    ReplyTo,
    SubscriptionTracking,
    TrackingSettings,
)

from sequencer.core.mail import Batch, Parts, Recipient

LIMIT = 9_500
"""Bytes of a recipient's substitutions, keys and values in UTF-8; SendGrid refuses more than 10,000."""

_TAG = 6
_ALPHABET = string.ascii_lowercase + string.digits
_NOT_IN_NAMES = re.compile(r"[;,\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN_NAME = re.compile(r"[\w.'-]+(?: [\w.'-]+)*", re.ASCII).fullmatch
"""What most names are: nothing in them is to be cleaned."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""Not in headers: what some reader along the way may take for the end of a line."""


def clean_name(name: str) -> str:
    """A display name that SendGrid takes: it refuses `;` and `,`, and a line break would begin another header."""
    return name if _PLAIN_NAME(name) else " ".join(_NOT_IN_NAMES.sub(" ", name).split())


def fits(batch: Batch, recipient: Recipient) -> bool:
    """Whether the recipient's values may travel as substitutions; else its text goes in full, alone."""
    # All values together are an upper bound and quickly had: only who comes near the limit is counted slot by slot.
    values = recipient.values
    if len("".join(values).encode()) + _TAG * len(values) <= LIMIT:
        return True
    return sum(len(values[slot].encode()) + _TAG for slot in _slots(batch)) <= LIMIT


def build(batch: Batch, recipients: Sequence[Recipient]) -> dict[str, Any]:
    """The body of one request. What is the same for all of these recipients stands in the text itself, and places that
    hold the same for each of them (in HTML and in the text, mostly) have one tag.
    """
    first, skeleton = recipients[0], batch.skeleton
    columns = list(zip(*[recipient.values for recipient in recipients], strict=True))
    inline = {slot: columns[slot][0] for slot in _slots(batch) if _same_for_all(columns[slot])}
    every_part = (skeleton.subject, skeleton.html, skeleton.text, skeleton.reply_to)
    fixed = [_fill(part, inline, "\0") for part in every_part]
    in_headers = {part for part in (*skeleton.subject, *skeleton.reply_to) if isinstance(part, int)}
    # Header lines are apart, as breaks are taken out of their values.
    first_of = {slot: slot for slot in _slots(batch) if slot not in inline and slot in in_headers}
    first_of |= _first_alike(columns, [slot for slot in _slots(batch) if slot not in inline and slot not in in_headers])
    varying = sorted(set(first_of.values()))
    tags = _tags(varying, "\0".join([*fixed, *("\0".join(columns[slot]) for slot in varying)]))
    filling = inline | {slot: tags[one] for slot, one in first_of.items()}
    subject, html, text, reply_to = (
        "".join(filling[p] if isinstance(p, int) else p for p in part) for part in every_part
    )

    mail = Mail()
    mail.from_email = From(first.from_email, clean_name(first.from_name) or None)
    mail.subject = _BREAKS.sub(" ", subject)
    if text:
        mail.add_content(PlainTextContent(text))
    if html:
        mail.add_content(HtmlContent(html))
    if reply_to:
        mail.reply_to = ReplyTo(_BREAKS.sub("", reply_to))
    for name, value in batch.headers.items():
        mail.add_header(Header(name, _BREAKS.sub(" ", value)))
    for category in batch.categories:
        mail.add_category(Category(category))
    mail.tracking_settings = TrackingSettings(
        click_tracking=ClickTracking(enable=True, enable_text=False),
        open_tracking=OpenTracking(enable=True),
        subscription_tracking=SubscriptionTracking(enable=False),
    )
    body: dict[str, Any] = mail.get()
    # An event that names the request proves all of it: so only requests that hold the whole batch carry its name.
    whole = {"sq_request": batch.request_id} if len(recipients) == len(batch.recipients) else {}
    # As dicts: the package's Personalization objects cost more than everything else of a batch together.
    body["personalizations"] = list(_personalizations(recipients, tags, in_headers, whole))
    return body


def _same_for_all(column: Sequence[str]) -> bool:
    # Most columns differ at their ends already: the texts in between need not be looked at.
    return column[0] == column[-1] and column.count(column[0]) == len(column)


def _first_alike(columns: Sequence[Sequence[str]], slots: Sequence[int]) -> dict[int, int]:
    """By slot the first of these that holds the same for each recipient; mostly they are the same objects."""
    first_of: dict[int, int] = {}
    known: dict[tuple[str, str], list[int]] = {}
    for slot in slots:
        column = columns[slot]
        likely = known.setdefault((column[0], column[-1]), [])
        first_of[slot] = next((one for one in likely if columns[one] == column), slot)
        if first_of[slot] == slot:
            likely.append(slot)
    return first_of


def _personalizations(
    recipients: Sequence[Recipient], tags: dict[int, str], in_headers: set[int], shared_args: dict[str, str]
) -> Iterator[dict[str, Any]]:
    email, name = recipients[0].from_email, recipients[0].from_name
    in_lines = [(slot, tags[slot]) for slot in sorted(in_headers & tags.keys())]
    pairs = list(tags.items())
    for to_email, to_name, from_email, from_name, values, headers, custom_args in recipients:
        entry: dict[str, Any] = {"to": [_address(to_email, to_name)]}
        if from_email != email or from_name != name:
            entry["from"] = _address(from_email, from_name)
        if headers:
            entry["headers"] = (
                headers
                if "".join(headers.values()).isprintable()
                else {name: _on_one_line(value) for name, value in headers.items()}
            )
        if pairs:
            entry["substitutions"] = substitutions = {tag: values[slot] for slot, tag in pairs}
            for slot, tag in in_lines:
                if not (line := values[slot]).isprintable():
                    substitutions[tag] = _on_one_line(line)
        if custom_args:
            entry["custom_args"] = {**custom_args, **shared_args}
        yield entry


def _address(email: str, name: str) -> dict[str, str]:
    name = clean_name(name)
    return {"email": email, "name": name} if name else {"email": email}


def _on_one_line(text: str) -> str:
    # What is printable throughout holds no break: quickly asked, and mostly so.
    return text if text.isprintable() else _BREAKS.sub(" ", text)


def _slots(batch: Batch) -> list[int]:
    skeleton = batch.skeleton
    parts = (*skeleton.subject, *skeleton.html, *skeleton.text, *skeleton.reply_to)
    return sorted({part for part in parts if isinstance(part, int)})


def _fill(part: Parts, inline: dict[int, str], gap: str) -> str:
    return "".join(inline.get(p, gap) if isinstance(p, int) else p for p in part)


def _tags(slots: list[int], everything: str) -> dict[int, str]:
    """A tag for each slot: a capital, three random characters that occur nowhere, and the slot's place.

    The capital stands in no other place of a tag, so that text and tag, side by side, cannot look like a tag that
    begins in the text; all are equally long, so that none begins another. Letters and digits only: one may stand in
    the local part of Reply-To.
    """
    if len(slots) > len(_ALPHABET) ** 2:
        raise ValueError(f"expected at most {len(_ALPHABET) ** 2} slots that differ by recipient, got {len(slots)}")
    while True:
        prefix = secrets.choice(string.ascii_uppercase) + "".join(secrets.choice(_ALPHABET) for _ in range(3))
        if prefix not in everything:
            break
    return {
        slot: prefix + _ALPHABET[place // len(_ALPHABET)] + _ALPHABET[place % len(_ALPHABET)]
        for place, slot in enumerate(slots)
    }
