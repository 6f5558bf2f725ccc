"""What a recipient, or their mail server, does with a mail; and how SendGrid tells of it. Pure.

Kinds are the names of SendGrid's events, and three that reach the sender another way:
`reply` and `auto_reply` by Inbound Parse, `one_click` by RFC 8058's POST to the address in List-Unsubscribe.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

REPLIES: Final = frozenset({"reply", "auto_reply"})
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
PRIVACY_PROXY: Final = "Mozilla/5.0"
SCANNER: Final = "Mozilla/5.0 (compatible; BarracudaCentral/2.0; link protection)"
_NOTHING: Final[Mapping[str, Any]] = {}
_RESERVED: Final = frozenset(
    "email timestamp event smtp-id sg_event_id sg_message_id category useragent ip url url_offset reason status type "
    "response attempt tls sg_machine_open sg_content_type bounce_classification".split()
)


class Reaction(NamedTuple):
    """`data`: what the event tells beside its kind (url, useragent, reason …), or a reply's text."""

    kind: str
    due_at: datetime
    data: Mapping[str, Any] = _NOTHING


class Due(NamedTuple):
    """A reaction whose time has come, with what its post needs of the mail."""

    id: int
    kind: str
    due_at: datetime
    data: Mapping[str, Any]
    attempts: int
    request_id: str
    number: int
    to_email: str
    custom_args: Mapping[str, str]
    categories: Sequence[str]
    # From here on: read for replies and unsubscribes only.
    to_name: str
    from_email: str
    reply_to: str | None
    subject: str
    headers: Mapping[str, str]


def processed(at: datetime) -> Reaction:
    return Reaction("processed", at)


def delivered(at: datetime) -> Reaction:
    return Reaction("delivered", at, {"response": "250 2.0.0 OK", "ip": "192.0.2.25", "tls": 1})


def dropped(at: datetime, reason: str) -> Reaction:
    return Reaction("dropped", at, {"reason": reason})


def bounced(at: datetime) -> Reaction:
    reason = "550 5.1.1 The email account that you tried to reach does not exist."
    return Reaction(
        "bounce",
        at,
        {
            "type": "bounce",
            "status": "5.1.1",
            "reason": reason,
            "bounce_classification": "Invalid Address",
            "ip": "192.0.2.25",
            "tls": 1,
        },
    )


def opened(at: datetime, useragent: str = BROWSER, ip: str = "198.51.100.7", machine: bool = False) -> Reaction:
    return Reaction(
        "open", at, {"useragent": useragent, "ip": ip, "sg_machine_open": machine, "sg_content_type": "html"}
    )


def clicked(at: datetime, url: str, number: int, useragent: str = BROWSER, ip: str = "198.51.100.7") -> Reaction:
    """`number`: of the link in the mail, from 0."""
    offset = {"index": number, "type": "html"}
    return Reaction("click", at, {"url": url, "url_offset": offset, "useragent": useragent, "ip": ip})


def event(due: Due) -> dict[str, Any]:
    """One entry of the event webhook's body. The same reaction always gives the same `sg_event_id`."""
    digest = hashlib.sha256(f"{due.request_id} {due.number} {due.id}".encode()).digest()
    told: dict[str, Any] = {
        "email": due.to_email,
        "timestamp": int(due.due_at.timestamp()),
        "event": due.kind,
        "smtp-id": f"<{due.request_id}.{due.number}@sandbox.invalid>",
        "sg_event_id": base64.urlsafe_b64encode(digest[:15]).decode(),
        "sg_message_id": f"{due.request_id}.recvd-sandbox-1-{due.number}.0",
        **due.data,
    }
    if due.categories:
        told["category"] = due.categories[0] if len(due.categories) == 1 else due.categories
    return {**{name: value for name, value in due.custom_args.items() if name not in _RESERVED}, **told}
