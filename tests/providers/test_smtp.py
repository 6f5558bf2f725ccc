"""SMTP against a real server (aiosmtpd), and against sockets that break off where it matters."""

import email
import email.policy
import socket
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sequencer.core.mail import Answer, Receipt, Skeleton
from sequencer.providers.smtp import Smtp
from tests.providers.servers import batch, recipient

Raw = Callable[[Callable[[socket.socket], None]], int]


class Mailbox:
    """Keeps what it is given; `refuse` answers RCPT for an address."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.sessions: list[Session] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        self.raw.append(content)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        if session not in self.sessions:
            self.sessions.append(session)
        return "250 OK"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[Controller]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=False)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def smtp(server: Controller) -> Iterator[Smtp]:
    provider = Smtp(url(server))
    yield provider
    provider.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def url(server: Controller, user: str = "") -> str:
    return f"smtp://{user}127.0.0.1:{server.port}"


def answers(receipt: Receipt, count: int) -> list[Answer]:
    return [receipt.of(number).answer for number in range(count)]


def test_every_recipient_gets_text_and_html_in_full(smtp: Smtp, mailbox: Mailbox) -> None:
    receipt = smtp.send(batch(2))
    assert [Answer.ACCEPTED] * 2 == answers(receipt, 2)
    first, second = mailbox.messages
    assert "multipart/alternative" == first.get_content_type()
    assert ["Hi value 0\n", "Hi value 1\n"] == [_part(m, "plain") for m in (first, second)]
    assert ["<p>value 0</p>\n", "<p>value 1</p>\n"] == [_part(m, "html") for m in (first, second)]
    assert ("Hello value 0", "Ann <ann@sender.example>", "Lead 0 <lead0@example.com>") == (
        first["Subject"],
        str(first["From"]),
        str(first["To"]),
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


def test_headers_of_the_batch_and_of_the_lead_and_our_references_arrive(smtp: Smtp, mailbox: Mailbox) -> None:
    link = "https://mail.example.com/u/" + "a" * 120
    smtp.send(batch([recipient(7, headers={"Message-ID": "<7@sender.example>", "List-Unsubscribe": f"<{link}>"})]))
    (message,) = mailbox.messages
    assert ("<7@sender.example>", f"<{link}>", "OOF, AutoReply", "7") == (
        message["Message-ID"],
        message["List-Unsubscribe"],
        message["X-Auto-Response-Suppress"],
        message["X-SQ-Enrollment"],
    )
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in mailbox.raw[0]


def test_reply_to_is_joined_for_each(smtp: Smtp, mailbox: Mailbox) -> None:
    skeleton = Skeleton(subject=("S",), html=("<p>x</p>",), text=("x",), reply_to=("r-", 0, "@reply.example.com"))
    smtp.send(batch([recipient(1, "abc")], skeleton=skeleton))
    assert "r-abc@reply.example.com" == mailbox.messages[0]["Reply-To"]


def test_one_session_serves_many_batches(smtp: Smtp, mailbox: Mailbox) -> None:
    for _ in range(3):
        smtp.send(batch(2))
    assert (6, 1) == (len(mailbox.messages), len(mailbox.sessions))


def test_every_thread_has_a_session_of_its_own(smtp: Smtp, mailbox: Mailbox) -> None:
    threads = [threading.Thread(target=lambda: smtp.send(batch(3))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (12, 4) == (len(mailbox.messages), len(mailbox.sessions))


@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: evil@example.com", "x\nBcc: evil@example.com", "x\r\n\r\nbody", "x\u2028y"]
)
def test_nothing_a_lead_wrote_becomes_a_header(smtp: Smtp, mailbox: Mailbox, evil: str) -> None:
    smtp.send(batch([recipient(1, evil, to_name=evil, from_name=evil, headers={"List-Unsubscribe": evil})]))
    (message,) = mailbox.messages
    assert None is message["Bcc"]
    assert {"From", "To", "Subject", "Date", "List-Unsubscribe", "X-Auto-Response-Suppress", "X-SQ-Enrollment"} >= {
        name for name in message.keys() if name not in ("MIME-Version", "Content-Type")
    }


@pytest.mark.parametrize("address", ["no address", "a@b@c", "a b@example.com", "", "x@example.com\r\nRCPT TO:<e@x.y>"])
def test_what_is_no_address_is_refused_and_the_rest_goes_on(smtp: Smtp, mailbox: Mailbox, address: str) -> None:
    receipt = smtp.send(batch([recipient(0, to_email=address), recipient(1)]))
    assert [Answer.REFUSED, Answer.ACCEPTED] == answers(receipt, 2)
    assert ["lead1@example.com"] == [m["To"].addresses[0].addr_spec for m in mailbox.messages]


def test_an_address_outside_ascii_needs_a_server_that_takes_it(smtp: Smtp) -> None:
    receipt = smtp.send(batch([recipient(0, to_email="jösé@example.com")]))
    assert (Answer.REFUSED, True) == (receipt.outcome.answer, "outside ASCII" in receipt.outcome.detail)


def test_an_address_outside_ascii_goes_where_it_is_taken(mailbox: Mailbox) -> None:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=True)
    controller.start()
    provider = Smtp(url(controller))
    receipt = provider.send(batch([recipient(0, to_email="jösé@example.com")]))
    provider.close()
    controller.stop()
    assert Answer.ACCEPTED == receipt.outcome.answer
    assert "To: Lead 0 <jösé@example.com>\r\n".encode() in mailbox.raw[0]


def test_lines_that_begin_with_a_dot_arrive_whole(smtp: Smtp, mailbox: Mailbox) -> None:
    smtp.send(batch([recipient(0, "x")], skeleton=Skeleton(subject=("S",), html=(), text=("a\n.\n..b\nend\n",))))
    assert "a\n.\n..b\nend\n" == _part(mailbox.messages[0], "plain")


def test_4xx_is_due_again_and_5xx_is_refused_and_both_concern_one_recipient(smtp: Smtp, mailbox: Mailbox) -> None:
    mailbox.refuse = {"lead0@example.com": "450 try later", "lead1@example.com": "550 no such user"}
    receipt = smtp.send(batch(3))
    assert [Answer.RETRY, Answer.REFUSED, Answer.ACCEPTED] == answers(receipt, 3)
    assert "550 no such user" == receipt.of(1).detail


def test_a_server_that_is_not_there_makes_mail_due_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert Answer.RETRY == Smtp(f"smtp://127.0.0.1:{port}").send(batch(1)).outcome.answer


def test_a_session_that_the_server_closed_meanwhile_is_replaced(mailbox: Mailbox) -> None:
    port = free_port()
    provider = Smtp(f"smtp://127.0.0.1:{port}")
    found = []
    for _ in range(2):
        server = Controller(mailbox, hostname="127.0.0.1", port=port)
        server.start()
        found.append(provider.send(batch(1)).outcome.answer)
        server.stop()
    provider.close()
    assert ([Answer.ACCEPTED] * 2, 2) == (found, len(mailbox.messages))


def test_it_logs_in_and_refused_credentials_say_so(mailbox: Mailbox) -> None:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"p@ss", handled=False)

    controller = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), authenticator=check, auth_require_tls=False
    )
    controller.start()
    good, bad = Smtp(url(controller, "ann:p%40ss@")), Smtp(url(controller, "ann:no@"))
    receipts = [provider.send(batch(1)).outcome for provider in (good, bad)]
    for provider in (good, bad):
        provider.close()
    controller.stop()
    assert [(Answer.ACCEPTED, "message"), (Answer.REFUSED, "credentials")] == [(o.answer, o.scope) for o in receipts]


def test_a_server_that_wants_a_login_refuses_our_credentials(smtp: Smtp, mailbox: Mailbox) -> None:
    mailbox.refuse = {"lead0@example.com": "530 authentication required"}
    outcome = smtp.send(batch(1)).outcome
    assert (Answer.REFUSED, "credentials") == (outcome.answer, outcome.scope)


def talk(link: socket.socket, *, last: bytes, answer: bytes | None) -> None:
    """Plays a server up to the command that begins with `last`; then answers that, or breaks off."""
    lines = link.makefile("rb")
    link.sendall(b"220 ready\r\n")
    for line in lines:
        if line.upper().startswith(last):
            if answer is None:
                return
            link.sendall(answer)
            break
        link.sendall(b"250 ok\r\n" if not line.upper().startswith(b"DATA") else b"354 go on\r\n")
        if line.upper().startswith(b"DATA"):
            for text in lines:
                if text == b".\r\n":
                    break
            if last == b".":
                return
            link.sendall(b"250 ok\r\n")


@pytest.mark.parametrize("last", [b"MAIL", b"RCPT", b"DATA"])
def test_breaking_off_before_the_text_leaves_nothing_sent(raw: Raw, last: bytes) -> None:
    provider = Smtp(f"smtp://127.0.0.1:{raw(lambda link: talk(link, last=last, answer=None))}")
    receipt = provider.send(batch(2))
    provider.close()
    assert [Answer.RETRY] * 2 == answers(receipt, 2)


def test_breaking_off_in_the_text_leaves_nothing_sent(raw: Raw) -> None:
    def cut(link: socket.socket) -> None:
        talk(link, last=b"DATA", answer=b"354 go on\r\n")
        link.recv(10)

    provider = Smtp(f"smtp://127.0.0.1:{raw(cut)}")
    text = "x" * 70 + "\n"
    receipt = provider.send(batch(2, skeleton=Skeleton(subject=("S",), html=(), text=(text * 300_000,))))
    provider.close()
    assert [Answer.RETRY] * 2 == answers(receipt, 2)


def test_breaking_off_after_the_text_is_unknown_and_the_rest_is_due_again(raw: Raw) -> None:
    provider = Smtp(f"smtp://127.0.0.1:{raw(lambda link: talk(link, last=b'.', answer=None))}")
    receipt = provider.send(batch(3))
    provider.close()
    assert [Answer.UNKNOWN, Answer.RETRY, Answer.RETRY] == answers(receipt, 3)


def test_silence_after_the_text_is_unknown_when_the_total_is_over(raw: Raw) -> None:
    over = threading.Event()

    def silent(link: socket.socket) -> None:
        talk(link, last=b".", answer=None)
        over.wait(10)

    provider = Smtp(f"smtp://127.0.0.1:{raw(silent)}", total=2.0)
    receipt = provider.send(batch(2))
    over.set()
    provider.close()
    assert [Answer.UNKNOWN, Answer.RETRY] == answers(receipt, 2)
