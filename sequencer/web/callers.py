"""Who calls, as rate limits count: one address, however many a caller could make up."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from starlette.datastructures import Headers
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
            named = Headers(scope=scope).getlist("x-forwarded-for") if self.proxied else []
            peer = scope["client"][0] if scope.get("client") else ""
            scope["client"] = (one_caller(named[-1].rpartition(",")[2].strip() if named else peer), 0)
        await self.app(scope, receive, send)


def one_caller(address: str) -> str:
    """The address as one caller has it: of IPv6 the first 64 bits, since everybody is given that many at least."""
    try:
        return str(IPv4Address(address))
    except AddressValueError:
        pass
    try:
        found = IPv6Address(address)
    except AddressValueError:
        return address[:64]
    return str(found.ipv4_mapped or IPv6Network((int(found) >> 64 << 64, 64)))
