"""Remembers in Redis how far the database had come: who restores a backup of the one does not restore the other."""

import time

import redis

PATIENCE = 0.5
"""Seconds that Redis has to answer."""
SILENCE = 5.0
"""Seconds for which it is left alone after a failure, so that an outage of Redis does not slow down the clock."""


class RedisWitness:
    """One key for each ledger."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        self._silent_until = 0.0

    def recall(self, ledger: str) -> int | None:
        """The highest number noted; None: nothing is known. Raises OSError when Redis does not answer."""
        if time.monotonic() < self._silent_until:
            raise OSError("Redis did not answer a moment ago")
        try:
            found = self._client.get(_key(ledger))
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + SILENCE
            raise OSError(f"Redis does not answer ({type(error).__name__})") from error
        return int(found) if isinstance(found, bytes) and found.isdigit() else None

    def note(self, ledger: str, number: int) -> None:
        """Never raises: what is not noted only makes an operator be asked after a long silence."""
        if time.monotonic() < self._silent_until:
            return
        try:
            self._client.set(_key(ledger), number)
        except (redis.RedisError, OSError):
            self._silent_until = time.monotonic() + SILENCE


def _key(ledger: str) -> str:
    return f"ledger:{ledger}"
