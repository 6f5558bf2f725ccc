"""How mail leaves: one protocol, and the providers that keep it."""

from typing import Protocol

from sequencer.core.mail import Batch, Receipt


class Provider(Protocol):
    """Sends batches. Never retries, never raises for what the other side did: the receipt says it."""

    def send(self, batch: Batch) -> Receipt:
        """Hand over one batch and say what became of it."""
        ...

    @property
    def hanging(self) -> int:
        """Threads that wait for an answer which takes unusually long: others may work in their place."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
