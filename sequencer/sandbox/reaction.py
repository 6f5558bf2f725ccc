"""What a recipient, or their mail server, does with a mail; and how SendGrid tells of it. Pure.

Kinds are the names of SendGrid's events, and three that reach the sender another way:
`reply` and `auto_reply` by Inbound Parse, `one_click` by RFC 8058's POST to the address in List-Unsubscribe.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import orjson

from sequencer.sandbox.compose import header, one_click_url

REPLIES: Final = frozenset({"reply", "auto_reply"})
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
PRIVACY_PROXY: Final = "Mozilla/5.0"
SCANNER: Final = "Mozilla/5.0 (compatible; BarracudaCentral/2.0; link protection)"
_NOTHING: Final[Mapping[str, Any]] = {}
_RESERVED: Final = frozenset(
    "email timestamp event smtp-id sg_event_id sg_message_id category useragent ip url url_offset reason status type "
    "response attempt tls sg_machine_open sg_content_type bounce_classification".split()
)


_ALWAYS: Final = {"delivered": b'"response":"250 2.0.0 OK","ip":"192.0.2.25","tls":1'}
"""What events of a kind tell beside it, always the same, as `data` is told."""


class Reaction(NamedTuple):
    """`data`: what the event tells beside its kind (url, useragent, reason …), or a reply's text."""

    kind: str
    due_at: datetime
    data: Mapping[str, Any] = _NOTHING


class Letter(Protocol):
    """What somebody has of a mail who answers it."""

    @property
    def to_name(self) -> str: ...
    @property
    def from_email(self) -> str: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def subject(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Told(NamedTuple):
    """A mail, as events tell of it."""

    request_id: str
    number: int
    to_email: str
    common: bytes
    """What all its events hold, as JSON that goes on: from the brace that opens it to its last value."""

    @property
    def smtp_id(self) -> str:
        return f"<{self.request_id}.{self.number}@sandbox.invalid>"


class Due(NamedTuple):
    """A reaction whose time has come."""

    id: int
    kind: str
    due_at: datetime
    told: str | None
    """Its `data` as JSON; None: nothing."""
    attempts: int
    mail: Told

    @property
    def data(self) -> dict[str, Any]:
        return orjson.loads(self.told) if self.told else {}


def answering(told: Reaction, mail: Letter) -> Reaction:
    """The same, with what its post needs of the mail where it is no event."""
    if told.kind in REPLIES:
        letter = {
            "to_name": mail.to_name,
            "to": mail.reply_to or mail.from_email,
            "subject": mail.subject,
            "message_id": header(mail.headers, "Message-ID"),
        }
        return told._replace(data={**told.data, "letter": letter})
    if told.kind == "one_click":
        return told._replace(data={**told.data, "post_to": one_click_url(mail.headers)})
    return told


def processed(at: datetime) -> Reaction:
    return Reaction("processed", at)


def delivered(at: datetime) -> Reaction:
    return Reaction("delivered", at)


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


def told_of(
    request_id: str, number: int, to_email: str, custom_args: Mapping[str, str], categories: Sequence[str]
) -> Told:
    """`number`: of the personalization."""
    told = Told(request_id, number, to_email, b"")
    common: dict[str, Any] = {name: value for name, value in custom_args.items() if name not in _RESERVED}
    common |= {
        "email": to_email,
        "smtp-id": told.smtp_id,
        "sg_message_id": f"{request_id}.recvd-sandbox-1-{number}.0",
    }
    if categories:
        common["category"] = categories[0] if len(categories) == 1 else categories
    return told._replace(common=orjson.dumps(common)[:-1])


def event_id(request_id: str, reaction: int) -> str:
    """The same reaction always gives the same `sg_event_id`."""
    digest = hashlib.sha256(f"{request_id} {reaction}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:15]).decode()


def event(due: Due) -> bytes:
    """One entry of the event webhook's body, as JSON. No name is in it twice: none is `_RESERVED`."""
    own = b',"timestamp":%d,"event":"%s","sg_event_id":"%s"' % (
        due.due_at.timestamp(),
        due.kind.encode(),
        event_id(due.mail.request_id, due.id).encode(),
    )
    more = due.told.encode()[1:-1] if due.told else _ALWAYS.get(due.kind, b"")
    return due.mail.common + own + (b"," + more if more else b"") + b"}"
