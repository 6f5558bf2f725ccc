"""Free TCP ports of this machine."""

import socket

HOST = "127.0.0.1"


def free(preferred: int, avoid: frozenset[int] = frozenset()) -> int:
    """The preferred port when nobody listens there, else one that the system picks."""
    if preferred not in avoid and _can_bind(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in avoid:
            return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    # A server on all interfaces does not always stop a bind to one of them.
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) != 0
