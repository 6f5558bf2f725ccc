"""A batch as the JSON of `mail/send`: the skeleton once, with short tags where a recipient's values go."""

import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson
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
    # All values together are an upper bound and quickly had, and no character takes more than four bytes: only who
    # comes near the limit is counted slot by slot.
    values = recipient.values
    if 4 * len("".join(values)) + _TAG * len(values) <= LIMIT:
        return True
    return sum(len(values[slot].encode()) + _TAG for slot in _slots(batch)) <= LIMIT


class Letter:
    """The bodies of requests to these recipients of a batch, or to some of them: what they have in common is put
    together once. What is the same for all of these recipients stands in the text itself, and places that hold the same
    for each of them (in HTML and in the text, mostly) have one tag.
    """

    def __init__(self, batch: Batch, recipients: Sequence[Recipient]) -> None:
        self._batch = batch
        self._from = recipients[0].from_email, recipients[0].from_name
        self._plain_names = _all_plain([recipient.to_name for recipient in recipients])
        skeleton, slots = batch.skeleton, _slots(batch)
        columns = list(zip(*[recipient.values for recipient in recipients], strict=True))
        inline = {slot: columns[slot][0] for slot in slots if _same_for_all(columns[slot])}
        every_part = (skeleton.subject, skeleton.html, skeleton.text, skeleton.reply_to)
        fixed = [_fill(part, inline, "\0") for part in every_part]
        in_headers = {part for part in (*skeleton.subject, *skeleton.reply_to) if isinstance(part, int)}
        # Header lines are apart, as breaks are taken out of their values.
        first_of = {slot: slot for slot in slots if slot not in inline and slot in in_headers}
        first_of |= _first_alike(columns, [slot for slot in slots if slot not in inline and slot not in in_headers])
        varying = sorted(set(first_of.values()))
        texts = {slot: "|".join(columns[slot]) for slot in varying}
        self._tags = tags = _tags(varying, [*fixed, *texts.values()])
        # What is printable throughout holds no break: quickly asked of all of them, and mostly so.
        self._broken = [slot for slot in varying if slot in in_headers and not texts[slot].isprintable()]
        lines = "".join([line for recipient in recipients for line in recipient.headers.values()])
        self._plain_headers = lines.isprintable()
        filling = inline | {slot: tags[one] for slot, one in first_of.items()}
        mail = _mail(batch, *self._from, *(_fill(part, filling) for part in every_part))
        self._head = orjson.dumps(mail.get()).removesuffix(b"}") + b',"personalizations":'

    def to(self, recipients: Sequence[Recipient]) -> bytes:
        """The body of one request, as JSON."""
        # As dicts: the package's Personalization objects cost more than everything else of a batch together.
        return b"%b%b}" % (self._head, orjson.dumps(self._personalizations(recipients)))

    def _personalizations(self, recipients: Sequence[Recipient]) -> list[dict[str, Any]]:
        email, name = self._from
        # An event that names the request proves all of it: so only requests that hold the whole batch carry its name.
        whole = len(recipients) == len(self._batch.recipients)
        tags, plain_names, plain_headers, broken = self._tags, self._plain_names, self._plain_headers, self._broken
        names, of = tuple(tags.values()), _picked(tuple(tags))
        entries = []
        for to_email, to_name, from_email, from_name, values, headers, custom_args in recipients:
            entry: dict[str, Any] = {"to": [_address(to_email, to_name if plain_names else clean_name(to_name))]}
            if from_email != email or from_name != name:
                entry["from"] = _address(from_email, clean_name(from_name))
            if headers:
                entry["headers"] = headers if plain_headers else _whole_lines(headers)
            if tags:
                entry["substitutions"] = substitutions = dict(zip(names, of(values), strict=True))
                for slot in broken:
                    substitutions[tags[slot]] = _BREAKS.sub(" ", values[slot])
            if custom_args:
                entry["custom_args"] = {**custom_args, "sq_request": self._batch.request_id} if whole else custom_args
            entries.append(entry)
        return entries


def _mail(batch: Batch, from_email: str, from_name: str, subject: str, html: str, text: str, reply_to: str) -> Mail:
    """What a request says once."""
    mail = Mail()
    mail.from_email = From(from_email, clean_name(from_name) or None)
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
    return mail


def _picked(slots: tuple[int, ...]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Takes the values of these slots from a recipient's: faster than a loop, but of one slot no tuple."""
    return itemgetter(*slots) if len(slots) > 1 else lambda values: tuple(values[slot] for slot in slots)


def _all_plain(names: Sequence[str]) -> bool:
    """Whether `clean_name` would leave all of these names as they are; of some of them it may not be seen."""
    joined = "|".join(("", *names, ""))
    return joined.isprintable() and not any(odd in joined for odd in (";", ",", "  ", "| ", " |"))


def _whole_lines(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: _BREAKS.sub(" ", value) for name, value in headers.items()}


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


def _address(email: str, name: str) -> dict[str, str]:
    return {"email": email, "name": name} if name else {"email": email}


def _slots(batch: Batch) -> list[int]:
    skeleton = batch.skeleton
    parts = (*skeleton.subject, *skeleton.html, *skeleton.text, *skeleton.reply_to)
    return sorted({part for part in parts if isinstance(part, int)})


def _fill(part: Parts, filling: Mapping[int, str], gap: str = "") -> str:
    return "".join(filling.get(p, gap) if isinstance(p, int) else p for p in part)


def _tags(slots: list[int], texts: Sequence[str]) -> dict[int, str]:
    """A tag for each slot: a capital, three random characters that occur in no text, and the slot's place.

    The capital stands in no other place of a tag, so that text and tag, side by side, cannot look like a tag that
    begins in the text; all are equally long, so that none begins another. Letters and digits only: one may stand in
    the local part of Reply-To.
    """
    if len(slots) > len(_ALPHABET) ** 2:
        raise ValueError(f"expected at most {len(_ALPHABET) ** 2} slots that differ by recipient, got {len(slots)}")
    while True:
        prefix = secrets.choice(string.ascii_uppercase) + "".join(secrets.choice(_ALPHABET) for _ in range(3))
        if not any(prefix in text for text in texts):
            break
    return {
        slot: prefix + _ALPHABET[place // len(_ALPHABET)] + _ALPHABET[place % len(_ALPHABET)]
        for place, slot in enumerate(slots)
    }
