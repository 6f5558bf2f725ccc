"""A reply as SendGrid's Inbound Parse hands it over: the fields of one multipart/form-data post. Pure."""

import hashlib
import re
from datetime import UTC
from email.header import Header
from email.utils import format_datetime, formataddr

import orjson

from sequencer.sandbox.reaction import Due


def fields(due: Due) -> dict[str, str]:
    """The same reaction gives the same Message-ID, so that a repeated post can be told."""
    data, email = due.data, due.mail.to_email
    letter = data["letter"]
    sender = formataddr((_line(letter["to_name"]), email))
    recipient = letter["to"]
    automatic = due.kind == "auto_reply"
    subject = _line(f"{'Automatic reply' if automatic else 'Re'}: {letter['subject']}")
    text = str(data.get("text", ""))
    parts = {
        "headers": _headers(due, letter["message_id"], sender, recipient, subject),
        "dkim": f"{{@{email.rpartition('@')[2]} : pass}}",
        "to": recipient,
        "from": sender,
        "subject": subject,
        "text": text,
        "sender_ip": "198.51.100.7",
        "envelope": orjson.dumps({"to": [recipient], "from": email}).decode(),
        "attachments": "0",
        "SPF": "pass",
        "spam_score": "0.1",
        "spam_report": "Spam detection software found nothing (0.1 points).",
    }
    texts = ("to", "from", "subject", "text")
    return {**parts, "charsets": orjson.dumps(dict.fromkeys(texts, "UTF-8")).decode()}


def _headers(due: Due, answered: str | None, sender: str, recipient: str, subject: str) -> str:
    mail = due.mail
    digest = hashlib.sha256(f"{mail.request_id} {due.id}".encode()).hexdigest()[:24]
    original = answered or mail.smtp_id
    lines = {
        "From": sender,
        "To": recipient,
        "Subject": subject,
        "Date": format_datetime(due.due_at.astimezone(UTC)),
        "Message-ID": f"<{digest}@{mail.to_email.rpartition('@')[2]}>",
        "In-Reply-To": original,
        "References": original,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    }
    if due.kind == "auto_reply":
        lines |= {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
    return "".join(f"{name}: {_encoded(_line(value))}\n" for name, value in lines.items())


def _line(text: str) -> str:
    """Header values come from outside: no line of theirs becomes a header of ours."""
    return re.sub(r"[\r\n\0]+", " ", text).strip()


def _encoded(value: str) -> str:
    return value if value.isascii() else Header(value, "utf-8").encode(linesep="\n")
