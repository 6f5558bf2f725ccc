"""The preheader of a mail: the hidden words at the top of its HTML that inboxes show after the subject. Pure."""

import html
import re

_BODY = re.compile(r"<body\b[^>]*>\s*", re.IGNORECASE)
_HIDDEN = re.compile(r"""<(div|span)\b[^>]*\bstyle\s*=\s*["'][^"'>]*display:\s*none[^>]*>""", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_FILLERS = dict.fromkeys((0x34F, 0xAD, 0x200B, 0x200C, 0x200D, 0xFEFF))
"""What senders put after it, so that inboxes show nothing of the body behind it."""


def preheader(html_part: str) -> str:
    """Empty when the body does not begin with a hidden element."""
    body = _BODY.search(html_part)
    hidden = _HIDDEN.match(html_part, body.end() if body else 0)
    if hidden is None:
        return ""
    inside = html_part[hidden.end() :].partition(f"</{hidden[1]}")[0]
    return " ".join(html.unescape(_TAG.sub(" ", inside)).translate(_FILLERS).split())
