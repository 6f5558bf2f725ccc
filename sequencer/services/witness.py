"""Who remembers, outside of the database, how far it had come: so that a restored backup is recognised as one."""

from typing import Protocol


class Witness(Protocol):
    def recall(self, ledger: str) -> int | None:
        """The highest number noted for a ledger; None: nothing is known. Raises OSError when it cannot be asked."""

    def note(self, ledger: str, number: int) -> None:
        """Never raises: a witness that forgets only makes an operator be asked after a long silence."""


class Nobody:
    """Where there is no Redis: it knows nothing, and cannot be asked."""

    def recall(self, ledger: str) -> int | None:
        raise OSError("REDIS_URL is not set")

    def note(self, ledger: str, number: int) -> None:
        """Remembers nothing."""
