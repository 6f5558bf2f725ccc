"""A chat that takes webhooks: a TLS server on loopback with a certificate of its own authority."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sequencer.providers.outgoing import Outgoing, Resolve

NAME = "hooks.chat.example"
SECRET = "T0K3N-canary"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Talk = Callable[[ssl.SSLSocket, bytes], None]
"""What the server does once it has the whole request."""


def answer(data: bytes) -> Talk:
    return lambda link, request: link.sendall(data)


@dataclass
class Chat:
    """Everything that reached it. `talk` decides what goes back."""

    port: int
    trust: ssl.SSLContext
    """Of whoever is to believe its certificate."""
    talk: Talk = field(default_factory=lambda: answer(OK))
    requests: list[bytes] = field(default_factory=list)
    connections: list[str | None] = field(default_factory=list)
    """By the name that the other side asked for (SNI)."""

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}/services/{SECRET}"

    def client(self, resolve: Resolve | None = None, total: float = 10.0) -> Outgoing:
        """One that may come here, and believes that the name leads here."""
        here = frozenset({("127.0.0.1", self.port)})
        return Outgoing(here, total=total, resolve=resolve or to("127.0.0.1"), trust=self.trust)


def to(*addresses: str) -> Resolve:
    return lambda host, port: list(addresses)


@contextmanager
def chatting(folder: Path, name: str = NAME) -> Iterator[Chat]:
    """A server whose certificate is for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder, name))
    listener = socket.create_server(("127.0.0.1", 0))
    chat = Chat(listener.getsockname()[1], ssl.create_default_context(cafile=str(folder / "chat.pem")))
    context.sni_callback = lambda link, asked, _: chat.connections.append(asked)
    threads: list[threading.Thread] = []

    def one(plain: socket.socket) -> None:
        try:
            with context.wrap_socket(plain, server_side=True) as link:
                link.settimeout(30)
                request = _whole(link)
                chat.requests.append(request)
                chat.talk(link, request)
        except OSError:
            plain.close()  # the client went away, as some tests want

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(plain,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield chat
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)
        for thread in threads:
            thread.join(5)


def _whole(link: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(link)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += _more(link)
    return head + b"\r\n\r\n" + body


def _more(link: ssl.SSLSocket) -> bytes:
    data = link.recv(65536)
    if not data:
        raise ConnectionError("the client left in the middle of its request")
    return data


def _certificate(folder: Path, name: str) -> Path:
    """Self-signed, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "chat.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file
