"""From a valid request to one mail for each recipient. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Shared:
    """What all mails of a request have in common; text and html still hold the tags."""

    text: str | None
    html: str | None
    categories: tuple[str, ...]
    track_opens: bool
    track_clicks: bool
    deliver: bool
    """False in SendGrid's own sandbox mode: validated, answered with 200, and forgotten."""


class Mail(NamedTuple):
    """One recipient's."""

    number: int
    """Of the personalization."""
    to_email: str
    to_name: str
    from_email: str
    from_name: str
    reply_to: str | None
    subject: str
    headers: Mapping[str, str]
    custom_args: Mapping[str, str]
    substitutions: Mapping[str, str]
    send_at: int | None
    """Unix seconds, business time."""


def compose(body: Mapping[str, Any]) -> tuple[Shared, list[Mail]]:
    """Expects a body that `validation.check` let pass."""
    parts = {part["type"].partition(";")[0].strip().lower(): part["value"] for part in body.get("content", ())}
    tracking = body.get("tracking_settings", {})
    shared = Shared(
        text=parts.get("text/plain"),
        html=parts.get("text/html"),
        categories=tuple(body.get("categories") or ()),
        track_opens=_on(tracking, "open_tracking", True),
        track_clicks=_on(tracking, "click_tracking", True),
        deliver=not _on(body.get("mail_settings", {}), "sandbox_mode", False),
    )
    return shared, [mail for number, one in enumerate(body["personalizations"]) for mail in _mails(body, number, one)]


def _mails(body: Mapping[str, Any], number: int, one: Mapping[str, Any]) -> list[Mail]:
    sender = one.get("from", body["from"])
    values = one.get("substitutions") or {}
    replies = [body["reply_to"]] if "reply_to" in body else body.get("reply_to_list", [])
    reply_to = substitute(replies[0]["email"], values) if replies else None
    subject = substitute(one.get("subject", body.get("subject", "")), values)
    headers = {**(body.get("headers") or {}), **(one.get("headers") or {})}
    custom_args = {**(body.get("custom_args") or {}), **(one.get("custom_args") or {})}
    return [
        Mail(
            number=number,
            to_email=address["email"],
            to_name=address.get("name", ""),
            from_email=sender["email"],
            from_name=sender.get("name", ""),
            reply_to=reply_to,
            subject=subject,
            headers=headers,
            custom_args=custom_args,
            substitutions=values,
            send_at=one.get("send_at", body.get("send_at")),
        )
        for kind in ("to", "cc", "bcc")
        for address in one.get(kind, ())
    ]


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with every tag replaced, in one pass: a tag inside a value stays as it is."""
    if not values or not text:
        return text
    return _tags(tuple(values)).sub(lambda match: values[match[0]], text)


@lru_cache(maxsize=256)
def _tags(tags: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(tag) for tag in sorted(tags, key=len, reverse=True) if tag) or r"(?!)")


_ANGLED = re.compile(r"<\s*(https?://[^>\s]+)\s*>")


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value, its name in any case."""
    if name in headers:
        return headers[name]
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)


def one_click_url(headers: Mapping[str, str]) -> str | None:
    """Where RFC 8058's POST goes; None when the mail does not offer it."""
    if (header(headers, "List-Unsubscribe-Post") or "").replace(" ", "").lower() != "list-unsubscribe=one-click":
        return None
    found = _ANGLED.search(header(headers, "List-Unsubscribe") or "")
    return found[1] if found else None


def _on(settings: Mapping[str, Any], name: str, default: bool) -> bool:
    return bool(settings.get(name, {}).get("enable", default))
