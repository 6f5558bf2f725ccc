"""Posts what recipients do, when its business time comes: signed events, replies, one-click unsubscribes.

Runs in a thread beside the ASGI app. The table is the truth: a post that fails or dies is made again, so what reaches
the sender may come twice, as with SendGrid, but is not lost.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine

from sequencer.sandbox import inbound, store
from sequencer.sandbox.copies import Copies
from sequencer.sandbox.reaction import REPLIES, Due, Told, event
from sequencer.sandbox.signing import signed

EVENTS_A_POST: Final = 500
"""Keeps a body well under the 768 KB that SendGrid posts at most."""
_CLAIM: Final = 2000
_REMEMBERED: Final = 20_000
"""Mails, some 1 KB each: several events follow each of them within seconds."""
_TIMEOUT: Final = urllib3.Timeout(connect=3, read=15)
_LONGEST_BACKOFF: Final = 30.0
_FAST, _RETRYING, _SLOW = 0.01, 0.05, 0.2
_POSTERS: Final = 4
"""Threads that post, where order does not matter."""
_GATHERING: Final = 0.25
"""Seconds between two rounds of posts then: bodies hold events of many requests."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`problem` None: received. `final`: it will never be taken."""

    problem: str | None
    final: bool
    at: float
    """Monotonic."""


class Item(NamedTuple):
    """One reaction to be posted now."""

    due: Due
    event: bytes
    """As JSON; empty for what goes in a post of its own."""
    copy: bool = False
    """It was received before."""


class Reactor:
    """`start()`, `wake()` whenever there is something new, `stop()`."""

    def __init__(
        self,
        engine: Engine,
        now: Callable[[Connection], datetime],
        webhook_url: str,
        inbound_url: str,
        private_key: ec.EllipticCurvePrivateKey,
        copies: Copies[Item] | None = None,
    ) -> None:
        self._engine = engine
        self._now = now
        self._webhook_url = webhook_url
        self._inbound_url = inbound_url
        self._key = private_key
        self._copies = copies
        self._http = urllib3.PoolManager(maxsize=_POSTERS, retries=False, timeout=_TIMEOUT)
        self._posters = ThreadPoolExecutor(_POSTERS, "poster")
        self._mails: dict[int, Told] = {}
        """By id, as events tell of them."""
        self._awake = threading.Event()
        self._stopping = False
        self._turned = threading.Condition()
        self._seen: tuple[float, datetime] | None = None
        self._thread = threading.Thread(target=self._run, name="reactor", daemon=True)

    @property
    def copies_waiting(self) -> int:
        """How many repeats are yet to be posted."""
        return len(self._copies) if self._copies is not None else 0

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    def stop(self) -> None:
        """Returns when the post under way has ended."""
        self._stopping = True
        self._awake.set()
        self._thread.join()
        self._posters.shutdown()
        self._http.clear()

    def settle(self, settled: Callable[[], bool], seconds: float) -> bool:
        """Wakes the reactor and waits until `settled()`, asked after each of its turns, or the time is up."""
        until = time.monotonic() + seconds
        while not settled():
            self.wake()
            left = until - time.monotonic()
            if left <= 0:
                return False
            with self._turned:
                self._turned.wait(min(left, 0.1))
        return True

    def _run(self) -> None:
        while not self._stopping:
            try:
                pause = self.turn()
            except Exception:
                # The thread must outlive a database that is away for a while.
                log.exception("the sandbox could not post reactions; trying again in a second")
                pause = 1.0
            with self._turned:
                self._turned.notify_all()
            self._awake.wait(pause)
            self._awake.clear()

    def turn(self) -> float:
        """Posts all that is due, and says after how many seconds to look again."""
        with self._engine.begin() as conn:
            now = self._now(conn)
            due = store.due(conn, now, _CLAIM, self._mails)
            upcoming = None if due else store.next_due(conn)
            clock = store.operating_time(conn)
        began = time.monotonic()
        for message in list(islice(self._mails, max(0, len(self._mails) - _REMEMBERED))):
            del self._mails[message]  # the oldest first
        items = [Item(one, b"" if _is_alone(one) else event(one)) for one in due]
        if self._copies is not None:
            self._mix(self._copies, items, clock, began)
            time.sleep(max(0.0, _GATHERING - (time.monotonic() - began)))
            return 0.0
        for batch in _batches(items):
            self._settle([(batch, self._post(batch, clock))], clock, began)
        return 0.0 if due else self._pause(now, upcoming)

    def _mix(self, copies: "Copies[Item]", firsts: list[Item], clock: datetime, began: float) -> None:
        """One round of posts in no order, repeats among them."""
        items = firsts + list(copies.ripe(began))
        copies.shuffle(items)
        batches = list(_batches(sorted(items, key=lambda item: not item.event)))
        outcomes = list(self._posters.map(lambda b: self._post(b, clock), batches))
        news = ([item for item in batch if not item.copy] for batch in batches)
        self._settle(list(zip(news, outcomes, strict=True)), clock, began)
        for batch, outcome in zip(batches, outcomes, strict=True):
            if outcome.problem is None:
                kept = (Item(due, told, True) for due, told, copy in batch if not copy and due.kind != "one_click")
                copies.keep(kept, outcome.at)
            else:
                for item in batch:
                    if item.copy:
                        copies.again(item, outcome.at + 1.0)

    def _pause(self, now: datetime, upcoming: datetime | None) -> float:
        """Short while something is near. Time that does not run like a real clock may jump to the next any moment."""
        elapsed = time.monotonic()
        before, self._seen = self._seen, (elapsed, now)
        if upcoming is None or before is None:
            return _SLOW
        if upcoming <= now:
            return _RETRYING
        passed = timedelta(seconds=elapsed - before[0])
        if abs((now - before[1]) - passed) > passed / 2 or upcoming - now < timedelta(seconds=1):
            return _FAST
        return _SLOW

    def _post(self, batch: Sequence[Item], clock: datetime) -> _Outcome:
        first = batch[0].due
        try:
            if first.kind == "one_click":
                return self._one_click(first)
            if first.kind in REPLIES:
                answer = self._http.request("POST", self._inbound_url, fields=inbound.fields(first))
                # Inbound Parse drops a mail for good on 4xx and repeats it on anything else.
                return _judge(answer.status, final=400 <= answer.status < 500)
            body = b"[" + b",".join([item.event for item in batch]) + b"]"
            headers = {"Content-Type": "application/json", "User-Agent": "SendGrid Event API"}
            signature = signed(self._key, int(clock.timestamp()), body)
            answer = self._http.request("POST", self._webhook_url, body=body, headers={**headers, **signature})
            return _judge(answer.status, final=False)
        except urllib3.exceptions.HTTPError as problem:
            return _Outcome(str(problem), False, time.monotonic())

    def _one_click(self, due: Due) -> _Outcome:
        url = due.data["post_to"]
        if url is None:
            return _Outcome("the mail has no List-Unsubscribe header for one click", True, time.monotonic())
        answer = self._http.request(
            "POST",
            url,
            body=b"List-Unsubscribe=One-Click",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            redirect=False,
        )
        return _judge(answer.status, final=300 <= answer.status < 500)

    def _settle(self, told: Sequence[tuple[Sequence[Item], _Outcome]], clock: datetime, began: float) -> None:
        """Notes what became of these posts, all in one. `clock`: operating time at `began`."""
        answered: dict[int, datetime] = {}
        with self._engine.begin() as conn:
            for batch, outcome in told:
                ids = [item.due.id for item in batch]
                if outcome.problem is None:
                    answered |= dict.fromkeys(ids, clock + timedelta(seconds=outcome.at - began))
                elif outcome.final:
                    store.failed(conn, ids, outcome.problem)
                elif batch:
                    backoff = min(0.2 * 2.0 ** min(batch[0].due.attempts, 20), _LONGEST_BACKOFF)
                    store.postpone(conn, ids, backoff, outcome.problem)
            if answered:
                store.posted(conn, answered)
        for batch, outcome in told:
            if batch and outcome.problem is not None:
                first = batch[0].due
                log.warning("reaction %d (%s) not received: %s", first.id, first.kind, outcome.problem)


def _judge(status: int, final: bool) -> _Outcome:
    problem = None if 200 <= status < 300 else f"answered with status {status}"
    return _Outcome(problem, final, time.monotonic())


def _is_alone(due: Due) -> bool:
    return due.kind in REPLIES or due.kind == "one_click"


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Runs of events that go in one post, in order; everything else goes alone."""
    run: list[Item] = []
    for item in items:
        alone = not item.event
        if run and (alone or len(run) == EVENTS_A_POST):
            yield run
            run = []
        if alone:
            yield [item]
        else:
            run.append(item)
    if run:
        yield run
