"""SMTP as a provider: each recipient's email in full, over a session that stays open between batches."""

import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sequencer.core.mail import Answer, Batch, Outcome, Receipt, Recipient
from sequencer.providers.leash import Leash
from sequencer.providers.smtp_message import compose
from sequencer.providers.watchdog import Watchdog

_LINE_BEGINS_WITH_DOT = re.compile(rb"(?m)^\.")
_AUTHENTICATION = (530, 534, 535, 538)


class Smtp:
    """Sends one email after the other. Thread safe: every thread has a session of its own.

    url: `smtp://user:password@host:587` (STARTTLS when the server offers it) or `smtps://…:465`.
    timeout: seconds for one answer. total: seconds for a batch; a watchdog ends what takes longer, and whoever's turn
    did not come by then is due again. A lease must be at least twice that.
    """

    hanging = 0
    """A session takes one mail at a time, and as long as it takes."""

    def __init__(self, url: str, timeout: float = 10.0, total: float = 20.0) -> None:
        self._server = _Server.parse(url)
        self._timeout = timeout
        self._total = total
        self._mine = threading.local()
        self._open: set[_Session] = set()
        self._lock = threading.Lock()
        self._watchdog = Watchdog()

    def send(self, batch: Batch) -> Receipt:
        if not batch.recipients:
            return Receipt(Outcome(Answer.ACCEPTED))
        deadline = time.monotonic() + self._total
        outcomes: list[Outcome] = []
        stopped = self._ready(deadline)
        for recipient in batch.recipients:
            if stopped is None and time.monotonic() >= deadline:
                stopped = Outcome(Answer.UNTRIED, detail="the time for this batch was up before its turn came")
            outcome = stopped or self._hand_over(batch, recipient, deadline)
            outcomes.append(outcome)
            if stopped is None and self._session is None:
                stopped = Outcome(Answer.RETRY, detail=f"the session ended: {outcome.detail}")
        return Receipt(outcomes[0], {n: outcome for n, outcome in enumerate(outcomes) if outcome != outcomes[0]})

    def close(self) -> None:
        with self._lock:
            for session in self._open:
                session.quit()
            self._open.clear()
        self._watchdog.close()

    @property
    def _session(self) -> "_Session | None":
        session = getattr(self._mine, "session", None)
        return session if isinstance(session, _Session) else None

    def _ready(self, deadline: float) -> Outcome | None:
        """Sees to it that this thread has a session that answers; else, what all recipients get."""
        session = self._session
        if session is not None:
            if session.answers():
                return None
            self._drop(session)
        try:
            session = _Session(self._server, min(self._timeout, max(deadline - time.monotonic(), 0.1)))
        except smtplib.SMTPAuthenticationError as error:
            return Outcome(Answer.REFUSED, detail=_say(error.smtp_code, error.smtp_error), scope="credentials")
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(Answer.RETRY, detail=f"no session with the mail server: {error}")
        self._mine.session = session
        with self._lock:
            self._open.add(session)
        return None

    def _hand_over(self, batch: Batch, recipient: Recipient, deadline: float) -> Outcome:
        session = self._session
        assert session is not None
        beyond_ascii = not (recipient.to_email + recipient.from_email).isascii()
        if beyond_ascii and not session.takes_unicode:
            return Outcome(Answer.REFUSED, detail="the mail server takes no addresses outside ASCII")
        try:
            message = compose(batch, recipient, beyond_ascii)
            text = message.as_bytes()
        except ValueError as error:
            return Outcome(Answer.REFUSED, detail=f"not an email: {error}")
        with self._watchdog.watching(deadline, session.shut):
            outcome, usable = session.deliver(recipient, text, beyond_ascii)
        if not usable:
            self._drop(session)
        if outcome.answer is Answer.ACCEPTED:
            return Outcome(Answer.ACCEPTED, provider_id=str(message["Message-ID"] or ""))
        return outcome

    def _drop(self, session: "_Session") -> None:
        self._mine.session = None
        with self._lock:
            self._open.discard(session)
        session.abandon()


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    secure: bool
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> "_Server":
        parts = urlsplit(url)
        secure = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (465 if secure else 587),
            secure=secure,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class _Session:
    """An open session with the server: greeted, encrypted when it can be, logged in. For one thread."""

    def __init__(self, server: _Server, timeout: float) -> None:
        context = ssl.create_default_context()
        self._smtp: smtplib.SMTP = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=timeout, context=context)
            if server.secure
            else smtplib.SMTP(server.host, server.port, timeout=timeout)
        )
        self._leash = Leash(_socket(self._smtp))
        try:
            self._smtp.ehlo_or_helo_if_needed()
            if not server.secure and self._smtp.has_extn("starttls"):
                self._smtp.starttls(context=context)
                self._smtp.ehlo_or_helo_if_needed()
            if server.user:
                self._smtp.login(server.user, server.password)
        except BaseException:
            self.abandon()
            raise
        self.takes_unicode = self._smtp.has_extn("smtputf8")

    def answers(self) -> bool:
        try:
            return self._smtp.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def deliver(self, recipient: Recipient, text: bytes, beyond_ascii: bool) -> tuple[Outcome, bool]:
        """The outcome, and whether the session may be used again.

        Until the line with the single dot goes out the server cannot have accepted; from there on it may have.
        """
        smtp = self._smtp
        ended = False
        try:
            for code, said in self._before_text(recipient, beyond_ascii):
                if not 200 <= code < 400:
                    return _refusal(code, said), code != 421 and self._reset()
            smtp.send(_LINE_BEGINS_WITH_DOT.sub(b"..", text) + (b"" if text.endswith(b"\r\n") else b"\r\n"))
            ended = True
            smtp.send(b".\r\n")
            code, said = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            answer = Answer.UNKNOWN if ended else Answer.RETRY
            return Outcome(answer, detail=f"the mail server broke off: {error}"), False
        if code == 250:
            return Outcome(Answer.ACCEPTED), True
        return _refusal(code, said), code != 421

    def shut(self) -> None:
        self._leash.shut()

    def abandon(self) -> None:
        self._leash.close()
        self._smtp.close()

    def quit(self) -> None:
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()
        self._leash.close()

    def _before_text(self, recipient: Recipient, beyond_ascii: bool) -> Iterator[tuple[int, bytes]]:
        yield self._smtp.mail(recipient.from_email, ["SMTPUTF8"] if beyond_ascii else [])
        yield self._smtp.rcpt(recipient.to_email)
        yield self._smtp.docmd("DATA")

    def _reset(self) -> bool:
        try:
            return self._smtp.rset()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False


def _socket(smtp: smtplib.SMTP) -> socket.socket:
    assert smtp.sock is not None, "the constructor connects"
    return smtp.sock


def _refusal(code: int, said: bytes) -> Outcome:
    """RFC 5321 §4.2.1: 4yz may succeed later, 5yz will not."""
    if code in _AUTHENTICATION:
        return Outcome(Answer.REFUSED, detail=_say(code, said), scope="credentials")
    answer = Answer.REFUSED if code >= 500 else Answer.RETRY
    return Outcome(answer, detail=_say(code, said))


def _say(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"[:300]
