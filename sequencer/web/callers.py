"""Who calls, as rate limits count: one address, however many a caller could make up."""

import socket
from ipaddress import AddressValueError, IPv6Address, IPv6Network

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class Callers:
    """Puts the caller's own address into the scope's `client`.

    `proxied`: a router stands before us, which appends to X-Forwarded-For the address that it was called from (Heroku
    documents it so; nginx, HAProxy and the clouds' balancers do the same). Whatever stands before that last entry was
    written by the caller. Without a router the header as a whole was, and is not read.
    """

    def __init__(self, app: ASGIApp, proxied: bool) -> None:
        self.app = app
        self.proxied = proxied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            name(scope, self.proxied)
        await self.app(scope, receive, send)


def name(scope: Scope, proxied: bool) -> None:
    """Puts the caller's address where it belongs."""
    named = [value for key, value in scope["headers"] if key == b"x-forwarded-for"] if proxied else []
    if named:
        address = named[-1].rpartition(b",")[2].strip().decode("latin-1")
    else:
        address = scope["client"][0] if scope.get("client") else ""
    scope["client"] = (one_caller(address), 0)


def caller_of(request: Request) -> str:
    """By whom a request is counted; those whose address nobody knows are one."""
    return request.client.host if request.client else ""


def one_caller(address: str) -> str:
    """The address as one caller has it: of IPv6 the first 64 bits, since everybody is given that many at least."""
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        pass
    else:
        return address
    try:
        found = IPv6Address(address)
    except AddressValueError:
        return address[:64]
    return str(found.ipv4_mapped or IPv6Network((int(found) >> 64 << 64, 64)))
