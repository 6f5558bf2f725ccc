"""Comparing secrets."""

import hashlib
import hmac


def same(given: str, expected: str) -> bool:
    """Compares secrets in a time that tells nothing, not even their lengths."""
    return hmac.compare_digest(
        *(hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, expected))
    )
