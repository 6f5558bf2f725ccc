"""The request of `v3/mail/send` as JSON Schema (2020-12), served at `/sandbox/schema.json`.

Facts of SendGrid's published API description and its list of errors, in our words. `validation.py` is written apart
from it, and tests hold the two against each other; what a schema cannot say (sizes in bytes, one address once,
the sender's domain) only the validation knows.
"""

from typing import Any, Final

SETTINGS: Final[dict[str, dict[str, dict[str, type]]]] = {
    "mail_settings": {
        "bypass_list_management": {"enable": bool},
        "bypass_spam_management": {"enable": bool},
        "bypass_bounce_management": {"enable": bool},
        "bypass_unsubscribe_management": {"enable": bool},
        "footer": {"enable": bool, "text": str, "html": str},
        "sandbox_mode": {"enable": bool},
    },
    "tracking_settings": {
        "click_tracking": {"enable": bool, "enable_text": bool},
        "open_tracking": {"enable": bool, "substitution_tag": str},
        "subscription_tracking": {"enable": bool, "text": str, "html": str, "substitution_tag": str},
        "ganalytics": {
            "enable": bool,
            "utm_source": str,
            "utm_medium": str,
            "utm_term": str,
            "utm_content": str,
            "utm_campaign": str,
        },
    },
}
"""Every switch a request may carry, and its type."""

ADDRESS: Final = frozenset({"email", "name"})
PERSONALIZATION: Final = frozenset(
    "from to cc bcc subject headers substitutions dynamic_template_data custom_args send_at".split()
)
ROOT: Final = frozenset(
    "personalizations from reply_to reply_to_list subject content attachments template_id headers categories "
    "custom_args send_at batch_id asm ip_pool_name mail_settings tracking_settings".split()
)
ATTACHMENT: Final = frozenset("content type filename disposition content_id".split())

FORBIDDEN_HEADERS: Final = frozenset(
    "received dkim-signature content-type content-transfer-encoding to from subject reply-to cc bcc".split()
)
"""Beside everything that begins with `x-sg-`."""

_TYPES: Final = {bool: "boolean", str: "string"}
_HEADER: Final = rf"^(?!(?:{'|'.join(sorted(FORBIDDEN_HEADERS))})$)(?!x-sg-)[!-9;-~]+$"


def _caseless(pattern: str) -> str:
    """JSON Schema patterns have no flags: every letter as a class of both cases."""
    out, escaped = "", False
    for letter in pattern:
        out += f"[{letter}{letter.upper()}]" if letter.isalpha() and not escaped else letter
        escaped = letter == "\\"
    return out


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _strings(**more: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": "string"}, **more}


_EMAIL: Final = {"type": "string", "format": "email", "maxLength": 320}
_ADDRESS: Final = _closed({"email": _EMAIL, "name": {"type": "string"}}, "email")
_RECIPIENTS: Final = {
    "type": "array",
    "maxItems": 1000,
    "items": _closed({"email": _EMAIL, "name": {"type": "string", "pattern": "^[^;,]*$"}}, "email"),
}
_HEADERS: Final = _strings(propertyNames={"pattern": _caseless(_HEADER)})
_PERSONALIZATION: Final = _closed(
    {
        "from": _ADDRESS,
        "to": {**_RECIPIENTS, "minItems": 1},
        "cc": _RECIPIENTS,
        "bcc": _RECIPIENTS,
        "subject": {"type": "string", "minLength": 1},
        "headers": _HEADERS,
        "substitutions": _strings(),
        "dynamic_template_data": {"type": "object"},
        "custom_args": _strings(),
        "send_at": {"type": "integer"},
    },
    "to",
)

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A request to v3/mail/send",
    **_closed(
        {
            "personalizations": {"type": "array", "minItems": 1, "maxItems": 1000, "items": _PERSONALIZATION},
            "from": _ADDRESS,
            "reply_to": _ADDRESS,
            "reply_to_list": {"type": "array", "maxItems": 1000, "uniqueItems": True, "items": _ADDRESS},
            "subject": {"type": "string", "minLength": 1},
            "content": {
                "type": "array",
                "minItems": 1,
                "items": _closed(
                    {"type": {"type": "string", "minLength": 1}, "value": {"type": "string", "minLength": 1}},
                    "type",
                    "value",
                ),
            },
            "attachments": {
                "type": "array",
                "items": _closed(
                    {
                        "content": {"type": "string", "minLength": 1},
                        "type": {"type": "string", "minLength": 1},
                        "filename": {"type": "string", "minLength": 1},
                        "disposition": {"enum": ["inline", "attachment"]},
                        "content_id": {"type": "string"},
                    },
                    "content",
                    "filename",
                ),
            },
            "template_id": {"type": "string"},
            "headers": _HEADERS,
            "categories": {
                "type": "array",
                "uniqueItems": True,
                "maxItems": 10,
                "items": {"type": "string", "minLength": 1, "maxLength": 255},
            },
            "custom_args": _strings(),
            "send_at": {"type": "integer"},
            "batch_id": {"type": "string"},
            "asm": _closed(
                {
                    "group_id": {"type": "integer"},
                    "groups_to_display": {"type": "array", "maxItems": 25, "items": {"type": "integer"}},
                },
                "group_id",
            ),
            "ip_pool_name": {"type": "string", "minLength": 2, "maxLength": 64},
            **{
                group: _closed(
                    {
                        name: _closed({key: {"type": _TYPES[kind]} for key, kind in switches.items()})
                        for name, switches in settings.items()
                    }
                )
                for group, settings in SETTINGS.items()
            },
        },
        "personalizations",
        "from",
    ),
    "not": {"required": ["reply_to", "reply_to_list"]},
}
