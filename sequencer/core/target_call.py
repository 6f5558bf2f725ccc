"""What other systems are told of handoffs, signed as Standard Webhooks asks, and how long a failed call waits."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from sequencer.core import standard_webhook

Form: TypeAlias = Literal["slack", "webhook", "crm"]

FORMS: Final[tuple[Form, ...]] = ("slack", "webhook", "crm")

SYSTEMS: Final = ("hubspot", "salesforce", "pipedrive")
"""CRMs that are known."""

AGAIN: Final = (60.0, 300.0, 1800.0, 7200.0, 28800.0, 86400.0)
"""Seconds of operating time after each failed attempt; after the last one a call is dead until somebody replays it."""

_SKEW: Final = 300
"""Seconds."""


@dataclass(frozen=True, slots=True)
class HandoffTarget:
    """Another system that is told."""

    name: str
    form: Form
    """`slack`: `{"text": …}`, as chats take it; `webhook`: signed JSON; `crm`: a contact with a task."""
    url: str = field(repr=False)
    """Whoever knows a chat's address can post there: it is never shown. Empty for a CRM."""
    system: str = ""
    """Which CRM."""


def key_of(secret: bytes, target: str) -> bytes:
    """The key that signs what goes to a target: its own, so that one receiver cannot speak to another in our name."""
    return hmac.digest(secret, b"target\0" + target.encode(), "sha256")


def shown(key: bytes) -> str:
    """The key as receivers' libraries take it."""
    return f"whsec_{base64.b64encode(key).decode()}"


def signed(key: bytes, number: int, at: int, body: bytes) -> Mapping[str, str]:
    """The headers of one attempt. `number`: of the call, the same at each attempt; `at`: seconds since 1970."""
    return standard_webhook.headers(key, f"msg_{number}", str(at), body)


def holds(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a receiver that knows the key takes an attempt for ours. `headers`: by name, whatever its case; `now`:
    seconds since 1970, from which the attempt's own time may differ by five minutes, as in receivers' libraries.
    """
    stamp = headers.get(standard_webhook.STAMP, "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 14 and abs(now - int(stamp)) <= _SKEW):
        return False
    expected = standard_webhook.signature(key, headers, body).encode()
    given = [one.encode("utf-8", "replace") for one in standard_webhook.signatures(headers)]
    return any([hmac.compare_digest(one, expected) for one in given])


def again(attempts: int) -> float | None:
    """Seconds until the next attempt after so many that failed; None: there is none."""
    return AGAIN[attempts - 1] if attempts <= len(AGAIN) else None
