"""Sends previews to whoever asked for them: one mail at once, or a whole series, one a minute."""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import make_msgid
from typing import Final, NamedTuple

from sequencer.core.mail import Answer, Batch, Outcome, Recipient
from sequencer.errors import InvalidInput
from sequencer.preview.mail import Mail
from sequencer.providers import Provider

BETWEEN: Final = 60.0
"""Seconds from one mail of a series to the next."""
CATEGORY: Final = "preview"
"""By which the provider's statistics tell previews from what leads got."""


class Ready(NamedTuple):
    """A mail to go, and what it is called."""

    item: str
    mail: Mail


@dataclass(frozen=True, slots=True)
class Tour:
    """What was asked for last, and how far it is. Replaced, never changed."""

    to: str
    items: tuple[str, ...]
    said: tuple[str, ...] = ()
    """What the provider said of each that was handed over: empty when it took it."""
    stopped: bool = False

    @property
    def running(self) -> bool:
        return not self.stopped and len(self.said) < len(self.items)

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        return tuple((item, said) for item, said in zip(self.items, self.said, strict=False) if said)


def batch_of(mail: Mail, to: str) -> Batch:
    """The mail as it would go to a lead, to somebody else. Nothing in it leads back to a lead or a sequence."""
    sender = mail.sender
    message_id = make_msgid(domain=sender.email.rpartition("@")[2] or "preview.invalid")
    recipient = Recipient(to, "", sender.email, sender.name, mail.values, headers={"Message-ID": message_id})
    return Batch(uuid.uuid4().hex, mail.skeleton, (recipient,), categories=(CATEGORY,))


@dataclass(slots=True)
class Courier:
    """One tour at a time. `told` is called, from any thread, whenever there is something new to say of it."""

    provider: Provider
    told: Callable[[], None]
    between: float = BETWEEN
    tour: Tour | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def one(self, ready: Ready, to: str) -> Outcome:
        """Hands it over at once."""
        return self.provider.send(batch_of(ready.mail, to)).of(0)

    def series(self, mails: Sequence[Ready], to: str) -> None:
        """Begins; the first goes at once. Raises InvalidInput while another is under way."""
        with self._lock:
            if self.tour is not None and self.tour.running:
                raise InvalidInput("another series is being sent: stop it first, or wait until it is through")
            self.tour = Tour(to, tuple(ready.item for ready in mails))
            self._ended = threading.Event()
            threading.Thread(target=self._run, args=(mails, to, self._ended), name="courier", daemon=True).start()

    def stop(self) -> None:
        """No more mails of the series."""
        with self._lock:
            self._ended.set()
            if self.tour is not None and self.tour.running:
                self.tour = Tour(self.tour.to, self.tour.items, self.tour.said, stopped=True)
        self.told()

    def _run(self, mails: Sequence[Ready], to: str, ended: threading.Event) -> None:
        for number, ready in enumerate(mails):
            if number and ended.wait(self.between):
                return
            said = failure(self.one(ready, to))
            with self._lock:
                if ended.is_set() or self.tour is None:
                    return
                self.tour = Tour(to, self.tour.items, (*self.tour.said, said))
            self.told()


def failure(outcome: Outcome) -> str:
    """Why the mail did not surely go; empty when the provider took it."""
    if outcome.answer is Answer.ACCEPTED:
        return ""
    doubt = "nobody knows whether it went: " if outcome.answer is Answer.UNKNOWN else ""
    return f"{doubt}{outcome.detail or 'the provider did not take it'}"
