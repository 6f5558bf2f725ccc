"""A second handle on a connection's socket, by which a watchdog ends whatever another thread is waiting for."""

import os
import socket
import threading


class Leash:
    """Survives TLS wrapping, which moves the first handle elsewhere. Shutting it ends every read and write."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = socket.socket(sock.family, sock.type, fileno=_duplicate(sock))
        self._lock = threading.Lock()

    def shut(self) -> None:
        """Ends the connection; safe at any time, from any thread."""
        with self._lock:
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already

    def close(self) -> None:
        """Gives back the handle, without touching the connection."""
        with self._lock:
            self._sock.close()


def _duplicate(sock: socket.socket) -> int:
    # Not sock.dup(): an SSLSocket refuses it.
    return os.dup(sock.fileno())
