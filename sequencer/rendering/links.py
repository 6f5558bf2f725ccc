"""Named links: which addresses they may have, and how the lead's token goes into them."""

import ipaddress
import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

PARAMETER: Final = "sq"


def link_fault(url: str) -> str:
    """What is wrong with the address of a named link, phrased as expected and got; empty when it is fine."""
    expected = "expected an address as https://www.example.com/page"
    if re.search(r"[\s\x00-\x1f\x7f\"'<>\\]", url):
        return f"{expected}, got one with spaces or quotes: “{url}”"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        return f"{expected}, got “{url}” ({error})"
    if parts.scheme == "mailto":
        return "" if "@" in parts.path else f"expected mailto:somebody@example.com, got “{url}”"
    if parts.scheme not in ("http", "https") or not host:
        return f"{expected}, got “{url}”"
    if not _public(host):
        return f"{expected}, got one that only works inside: “{url}”"
    if any(name == PARAMETER for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return f"expected an address without “{PARAMETER}=”, which names the lead's mail, got “{url}”"
    return ""


def _public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".") and not host.endswith((".localhost", ".local", ".internal"))


def only_inside(url: str) -> bool:
    """Whether a web address names a machine that nobody outside can reach, as http://localhost:8000."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not _public(parts.hostname or "")
    except ValueError:
        return False


def unencrypted(url: str) -> bool:
    return url.lower().startswith("http://")


INSECURE: Final = "browsers warn before pages without encryption: write https:// when the page has it"


def around_token(url: str, number: int) -> tuple[str, str] | None:
    """What stands before and after the lead's token in a named link; None for mailto, which carries none."""
    if url.startswith("mailto:"):
        return None
    base, hash_sign, fragment = url.partition("#")
    joint = "?" if "?" not in base else "" if base.endswith(("?", "&")) else "&"
    return f"{base}{joint}{PARAMETER}=", f".{number}{hash_sign}{fragment}"


def tracked(url: str, number: int, token: str) -> str:
    """The address as it goes into one lead's mail."""
    parts = around_token(url, number)
    return url if parts is None else f"{parts[0]}{token}{parts[1]}"


_HARMLESS: Final = re.compile(r"(?:https?://[^/]|mailto:|tel:)", re.IGNORECASE)


def harmless_address(value: str) -> str:
    """An address that came with a lead's data, or `#` when it is not plainly a web, mail or phone address."""
    address = value.strip()
    return address if _HARMLESS.match(address) and not re.search(r"[\x00-\x20\x7f]", address) else "#"


def address_fault(value: str) -> str:
    """What is wrong with a literal href or src; empty when it is fine."""
    if not value.strip() or value.startswith(("#", "cid:")) or harmless_address(value) != "#":
        return ""
    return f"expected a whole address, as https://www.example.com/page, got “{value}”"
