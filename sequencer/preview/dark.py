"""A mail as a program in dark mode shows it, whatever the browser that looks at it prefers. Pure."""

import re
from typing import Final

_ASKED: Final = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_DECLARED: Final = re.compile(r"""name\s*=\s*["']color-scheme["'][^>]*dark|color-scheme\s*:[^;}]*dark""", re.IGNORECASE)


def knows_dark(html: str) -> bool:
    """Whether the mail says how it wants to look in dark mode; programs recolour others as they like."""
    return _ASKED.search(html) is not None or _DECLARED.search(html) is not None


def shown(html: str, dark: bool) -> str:
    """The HTML with its own question for the colour scheme answered."""
    answers = {"dark": dark, "light": not dark}
    html = _ASKED.sub(lambda found: "(min-width: 0)" if answers[found[1].lower()] else "(max-width: 0)", html)
    scheme = "dark" if dark and _DECLARED.search(html) else "light"
    # With !important, as the mail's own rule would follow the browser.
    return html.replace("</head>", f"<style>:root {{ color-scheme: {scheme} !important }}</style></head>", 1)
