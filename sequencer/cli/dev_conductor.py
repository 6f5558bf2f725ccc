"""Moves virtual time: whenever nothing is left to do now, on to the next moment at which there is.

What there is to do, PostgreSQL says, never Redis: a lost hint is given again at the next look.
"""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, text

from sequencer.errors import SequencerError
from sequencer.services import due
from sequencer.services.context import Context
from sequencer.store import clock, pauses

PATIENCE = 60.0
"""Seconds of operating time that one moment of business time may take."""
_LOOK = 0.003
"""Seconds between two looks at whether the others are done."""
_AGAIN = 0.1
"""Seconds after which hints are given again: one may have been lost."""


class Conductor:
    """`died` names processes that ended, without which nothing would ever come to rest."""

    def __init__(self, context: Context, died: Callable[[], list[str]]) -> None:
        self._context = context
        self._died = died

    def conduct(self, until: datetime, progress: Callable[[datetime], None]) -> int:
        """Takes business time to `until`, and gives the number of moments that it stopped at."""
        moments = 0
        with self._context.engine.connect() as conn:
            while True:
                now, following = self._rest(conn)
                progress(now)
                target = until if following is None else min(following, until)
                with conn.begin():
                    if not clock.advance(conn, now, target):
                        raise SequencerError("somebody else moved the virtual clock, or it does not stand still")
                if following is None or following > until:
                    return moments
                moments += 1

    def _rest(self, conn: Connection) -> tuple[datetime, datetime | None]:
        """Waits until nobody has anything to do now: that moment, and the next at which somebody has."""
        began = hinted_at = time.monotonic()
        phase: tuple[bool, int] | None = None
        while True:
            with conn.begin():
                if paused := pauses.current(conn):
                    raise SequencerError(f"all sending is paused, so nothing goes on: {paused[0].detail}")
                state = due.rest(conn)
                reaction = _next_reaction(conn)
                reacting = reaction is not None and reaction <= state.now
                if not state.busy and not reacting:
                    moments = [at for at in (state.next_at, reaction) if at is not None]
                    return state.now, min(moments, default=None)
                before, phase = phase, (reacting, state.arriving)
                hints = (
                    due.now_due(self._context, conn) if phase != before or time.monotonic() > hinted_at + _AGAIN else []
                )
            if hints:
                hinted_at = time.monotonic()
                self._give(hints, reacting)
            if gone := self._died():
                raise SequencerError(f"{' and '.join(gone)} ended by itself; its last lines above say why")
            if time.monotonic() > began + PATIENCE:
                waiting = ", ".join(f"{name}{args}" for name, args in hints) or "mail on its way, or the sandbox"
                raise SequencerError(f"virtual time stands at {state.now:%Y-%m-%d %H:%M:%S}: still to do: {waiting}")
            time.sleep(_LOOK)

    def _give(self, hints: list[due.Hint], reacting: bool) -> None:
        """What happened at this moment is taken in before anybody is moved on: else chance would decide branches."""
        arriving = [hint for hint in hints if hint[0] == "intake"]
        for name, args in arriving or ([] if reacting else hints):
            self._context.hint(name, *args)


def _next_reaction(conn: Connection) -> datetime | None:
    """When the sandbox's audience does something next; None when there is no sandbox, or nothing to come."""
    if conn.execute(text("SELECT to_regclass('sandbox.reaction')")).scalar() is None:
        return None
    moment: datetime | None = conn.execute(
        text("SELECT min(due_at) FROM sandbox.reaction WHERE state = 'pending'")
    ).scalar()
    return moment
