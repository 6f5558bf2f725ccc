"""SendGrid's Inbound Parse: a multipart form with one received email in it.

Source: Twilio SendGrid documentation, "Setting up the Inbound Parse Webhook".
"""

import codecs
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from python_multipart import parse_form
from python_multipart.exceptions import FormParserError


class NotAnEmail(ValueError):
    """A form that is not one of Inbound Parse's."""


@dataclass(frozen=True, slots=True)
class Received:
    """A received email. Header names are in lower case."""

    sender: str
    envelope_from: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    headers: Mapping[str, str]
    key: str
    """Message-ID and envelope; the same for a repeat of the same post."""
    date: datetime | None


def parse(body: bytes, content_type: str) -> Received:
    """Reads the form. Raises NotAnEmail."""
    fields = _fields(body, content_type)
    envelope = _json(fields.get("envelope", b"{}"))
    charsets = _json(fields.get("charsets", b"{}"))

    def text(name: str) -> str:
        decoded = fields.get(name, b"").decode(_charset(charsets.get(name)), "replace")
        return decoded.replace("\0", "").encode("utf-8", "replace").decode()

    if not fields.get("headers") and not fields.get("from"):
        raise NotAnEmail("expected the fields `headers` and `from`")
    headers = {
        name.lower(): str(value).strip()
        for name, value in HeaderParser(policy=compat32).parsestr(text("headers")).items()
    }
    to = envelope.get("to", [])
    recipients = tuple(str(address).lower() for address in to) if isinstance(to, list) else (str(to).lower(),)
    sender = str(envelope.get("from", ""))
    name = headers.get("message-id") or hashlib.sha256(body).hexdigest()
    return Received(
        sender=text("from"),
        envelope_from=sender,
        recipients=recipients,
        subject=text("subject"),
        text=text("text"),
        headers=headers,
        key=hashlib.sha256(repr((name, sender, recipients)).encode()).hexdigest(),
        date=_date(headers.get("date", "")),
    )


def _charset(named: object) -> str:
    """A character set that mail is really written in, else UTF-8.

    The sender names it: others of Python's codecs are no text (`idna`), slow (`punycode` is quadratic), or give halves
    of surrogate pairs (`utf-7`).
    """
    try:
        found = codecs.lookup(str(named)).name
    except (LookupError, ValueError):
        return "utf-8"
    return found if found.startswith(_WRITTEN) else "utf-8"


_WRITTEN = ("utf-8", "ascii", "iso8859", "cp125", "cp87", "gb", "big5", "shift_jis", "euc", "iso2022", "koi8")


def _fields(body: bytes, content_type: str) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}

    def on_field(field: Any) -> None:
        if field.field_name is not None:
            fields[field.field_name.decode("utf-8", "replace")] = field.value or b""

    try:
        parse_form({"Content-Type": content_type.encode()}, io.BytesIO(body), on_field, lambda file: file.close())
    except (FormParserError, ValueError) as error:
        raise NotAnEmail(f"expected a multipart form: {error}") from error
    return fields


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _date(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else None
