"""Where an outgoing webhook may go: what its address alone tells, and which network addresses are public.

The address was written by a person and may have been written by an attacker. Only one plain form is taken, so that
nothing which two parsers read differently (RFC 3986 against WHATWG) gets as far as being read.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Allowed: TypeAlias = frozenset[tuple[str, int]]
"""(network address, port) on this machine that development and tests may reach, over http too."""

NONE_ALLOWED: Final[Allowed] = frozenset()

_PORT: Final = 443
_FORM: Final = re.compile(r"(https?)://([^/?#]*)([/?][^#]*)?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_NAME: Final = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""At least two labels, the last one beginning with a letter: so no spelling of an IPv4 address is a name."""
_NUMBERS: Final = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]*|[0-9]+))*\.?")
_LOCAL: Final = ("localhost", "local", "internal")
"""Last labels that never are on the public Internet (RFC 6761, RFC 6762, ICANN 2024)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's address, taken apart. Its path is the secret of whoever may post there."""

    host: str
    port: int
    path: str = field(repr=False)
    """With the query."""
    secure: bool = True


def parse(url: str, allowed: Allowed = NONE_ALLOWED) -> Target:
    """Raises ValueError, which says what was expected and never quotes the address."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(
            "expected an address in plain ASCII without spaces and backslashes"
            " (an international host name in its `xn--` form)"
        )
    found = _FORM.fullmatch(url)
    if found is None:
        raise ValueError("expected an address as `https://hooks.example.com/services/…`")
    scheme, authority, path = found[1].lower(), found[2], found[3] or "/"
    if "@" in authority:
        raise ValueError("expected no user name or password in the address: put the secret into its path")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError("expected a host's name after `https://`, and at most a port after it")
    host = parts[1].strip("[]").lower()
    port = int(parts[2]) if parts[2] else (_PORT if scheme == "https" else 80)
    target = Target(host, port, path if path.startswith("/") else f"/{path}", scheme == "https")
    if (host, port) in allowed:
        return target
    if scheme != "https":
        raise ValueError("expected an address that begins with `https://`: what is sent names leads")
    _check_host(host)
    if port != _PORT and port not in {allowed_port for _, allowed_port in allowed}:
        raise ValueError(f"expected port {_PORT}, which `https://` means: leave the port out")
    return target


def _check_host(host: str) -> None:
    if ":" in host or _NUMBERS.fullmatch(host):
        raise ValueError("expected a host's name, got an IP address: write the name that its certificate is for")
    if host.rpartition(".")[2] in _LOCAL:
        raise ValueError("expected a host on the public Internet, got a name of a private network")
    if not _NAME.fullmatch(host):
        raise ValueError("expected the full name of a host on the public Internet, as `hooks.example.com`")


def public(address: Address) -> bool:
    """Whether the address is on the public Internet, by our list and by Python's.

    Python's alone will not do: it calls multicast and some metadata services global, and its patch releases differ.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address in _NAT64:
            return public(IPv4Address(int(address) & 0xFFFFFFFF))
        return address in _GLOBAL_UNICAST and address.is_global and not any(address in net for net in _NOT_PUBLIC_6)
    return address.is_global and not any(address in net for net in _NOT_PUBLIC_4)


_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            # The IANA special-purpose registry.
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            # Azure's metadata and DNS service: an ordinary address that answers only from inside.
            "168.63.129.16/32",
        ),
    )
)

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: what names resolve to where there is IPv6 only. The last 32 bits are the IPv4 address meant."""

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that IANA gives out. Outside: loopback, mapped and compatible IPv4, link-local, unique local, multicast."""

_NOT_PUBLIC_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments; Teredo (2001::/32), which embeds IPv4 addresses, among them
            "2001:db8::/32",
            "2002::/16",  # 6to4, which embeds an IPv4 address
            "3fff::/20",
        ),
    )
)
