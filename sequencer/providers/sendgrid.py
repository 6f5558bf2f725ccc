"""SendGrid as a provider: a batch becomes as few requests as it can, and each recipient gets one outcome."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import NamedTuple

from python_http_client.exceptions import HTTPError

from sequencer.core.mail import Answer, Batch, Outcome, Receipt, limit_after
from sequencer.providers.sendgrid_answer import Verdict, judge, retry_after
from sequencer.providers.sendgrid_body import Letter, fits
from sequencer.providers.sendgrid_client import Client, Lost, NotSent

MOST_UNDER_WAY = 200
"""Mails of a process in requests under way, however many threads it has, and so the most of one request. SendGrid takes
1,000, but all of a request are in doubt when it is not answered, or by an error of SendGrid's: this is how many are so
when an outage begins, if SendGrid answers at all, and some single ones that find out that it is none of the mishaps
which happen to single requests. The rest of the batches is not tried then."""
AT_ONCE = 2
"""Requests of a process under way, each with its part of these mails; whoever is alone may take all of them in one."""
HANGS = 1.0
"""Seconds after which a request without an answer counts no longer: what hangs must not hold up the rest."""
BESIDE = 20
"""Mails of a request while nothing was answered since MOST_UNDER_WAY mails were handed over: it may be the beginning of
an outage that swallows everything. As few as MOST_REQUESTS allows."""
MOST_REQUESTS = 64
"""Of one batch of 1,000: enough to find one bad recipient in each of three of them, by halves."""
MOST_UNCLEAR = 2
"""Answers of a batch. One is a mishap, and the batch goes on, carefully at first; another one means an outage."""
LEAST_TIME = 1 / 4
"""Part of a batch's time that must be left for another request: whatever is cut off is in doubt."""


class SendGrid:
    """Sends batches through SendGrid's v3 API. Thread safe; one for a process.

    host: with the scheme, and a path if the API lies below one.
    total: seconds for a whole batch, however many requests it takes. A lease must be at least twice that.
    """

    def __init__(self, api_key: str, host: str, connect: float = 5.0, total: float = 12.0) -> None:
        self._client = Client(api_key, host, connect=connect)
        self._total = total
        self._turns = _Turns()

    def send(self, batch: Batch) -> Receipt:
        if not batch.recipients:
            return Receipt(Outcome(Answer.ACCEPTED))
        sending = _Sending(self._client, self._turns, batch, self._total)
        for group in _groups(batch):
            sending.post(Letter(batch, [batch.recipients[number] for number in group]), group)
        return sending.receipt()

    @property
    def hanging(self) -> int:
        return self._turns.hanging

    def close(self) -> None:
        self._client.close()


def _groups(batch: Batch) -> list[list[int]]:
    """Recipients who share a letter: one domain of the sender's address each, and who has too much text alone."""
    together: dict[str, list[int]] = {}
    alone = []
    for number, recipient in enumerate(batch.recipients):
        if fits(batch, recipient):
            together.setdefault(recipient.from_email.rpartition("@")[2].lower(), []).append(number)
        else:
            alone.append([number])
    return [*together.values(), *alone]


class _Turns:
    """Of all threads of a process: how many mails are under way in requests, and how many one may hold now."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting = 0
        self._under_way: list[_Turn] = []
        self._limit: int | None = None
        self._heard = float("-inf")
        """When a request was answered last, monotonic."""

    @property
    def hanging(self) -> int:
        """Requests under way that count no longer."""
        under_way = list(self._under_way)
        return len(under_way) - len(_fresh(under_way))

    @contextmanager
    def take(self, mails: int) -> Iterator[int]:
        """For one request about so many mails, once few enough are under way. Gives how many it may hold: few after an
        unclear answer, whoever got it, and while nothing is answered.
        """
        with self._changed:
            self._waiting += 1
            try:
                while not self._fits(most := self._most(mails)):
                    until = min(turn.begun for turn in _fresh(self._under_way)) + HANGS
                    self._changed.wait(max(until - time.monotonic(), 0.001))
            finally:
                self._waiting -= 1
            turn = _Turn(most, time.monotonic())
            self._under_way.append(turn)
        try:
            yield most
        finally:
            with self._changed:
                self._under_way.remove(turn)
                self._changed.notify_all()

    def _most(self, mails: int) -> int:
        alone = not self._under_way and self._waiting == 1
        most = min(mails, self._limit or (MOST_UNDER_WAY if alone else MOST_UNDER_WAY // AT_ONCE))
        unheard = sum(turn.mails for turn in self._under_way if turn.begun > self._heard)
        return most if unheard < MOST_UNDER_WAY else min(most, BESIDE)

    def _fits(self, mails: int) -> bool:
        fresh = _fresh(self._under_way)
        return len(fresh) < AT_ONCE and sum(turn.mails for turn in fresh) + mails <= MOST_UNDER_WAY

    def answered(self, answer: Answer) -> None:
        with self._changed:
            self._limit = limit_after(answer, self._limit)
            if answer is not Answer.UNKNOWN:
                self._heard = time.monotonic()


class _Turn(NamedTuple):
    mails: int
    begun: float
    """Monotonic."""


def _fresh(under_way: Iterable[_Turn]) -> list[_Turn]:
    """Those that do not hang yet."""
    return [turn for turn in under_way if turn.begun > time.monotonic() - HANGS]


class _Sending:
    """One batch under way."""

    def __init__(self, client: Client, turns: _Turns, batch: Batch, total: float) -> None:
        self._client = client
        self._turns = turns
        self._batch = batch
        self._deadline = time.monotonic() + total
        self._least = total * LEAST_TIME
        self._outcomes: dict[int, Outcome] = {}
        self._answers: list[Answer] = []
        """By request."""
        self._stopped: Outcome | None = None
        self._detail = ""
        self._blamed: list[int] = []
        """Refused alone, without a word."""
        self._undecided: list[int] = []
        """Not sent, because looking for who is to blame took too many requests."""

    def post(self, letter: Letter, numbers: list[int]) -> None:
        """Sends the letter to these recipients, splitting and repeating only what was surely not sent."""
        waiting = [numbers]
        while waiting:
            group = waiting.pop(0)
            if self._stopped is not None:
                self._settle(group, self._stopped)
                continue
            if len(self._answers) >= MOST_REQUESTS:
                self._undecided += group
                continue
            with self._turns.take(len(group)) as most:
                if len(group) > most:
                    waiting.insert(0, group[most:])
                    group = group[:most]
                verdict = self._request(letter, group)
            if verdict.outcome is not None:
                self._settle(group, verdict.outcome)
                self._stopped = self._for_the_rest(verdict.outcome)
                continue
            refused = {group[place]: outcome for place, outcome in verdict.refused.items() if place < len(group)}
            self._outcomes.update(refused)
            self._detail = verdict.detail
            if refused:
                rest = [number for number in group if number not in refused]
                waiting += [rest] if rest else []
            elif len(group) == 1:
                self._blamed += group
            else:
                # Breadth first, so that what all share is recognised before any single one is blamed for it.
                middle = len(group) // 2
                waiting += [group[:middle], group[middle:]]

    def receipt(self) -> Receipt:
        """The commonest outcome for all, and the others by number."""
        if self._blamed or self._undecided:
            self._blame()
        # By identity: all of one request share one, so what a thousand of them say need not be compared.
        known = {id(outcome): outcome for outcome in self._outcomes.values()}
        [(commonest, _)] = Counter(map(id, self._outcomes.values())).most_common(1)
        common = known[commonest]
        each = {number: outcome for number, outcome in self._outcomes.items() if outcome is not common}
        return Receipt(common, each, tuple(self._answers))

    def _blame(self) -> None:
        """Refusals that named nobody: who was refused alone is at fault only if others with the same text were not."""
        told_apart = any(o.answer is Answer.ACCEPTED for o in self._outcomes.values())
        if told_apart or len(self._batch.recipients) == 1:
            self._settle(self._blamed, Outcome(Answer.REFUSED, detail=self._detail))
            self._settle(self._undecided, Outcome(Answer.RETRY, detail=self._detail))
        else:
            self._settle(self._blamed + self._undecided, Outcome(Answer.REFUSED, detail=self._detail, scope="content"))

    def _settle(self, numbers: list[int], outcome: Outcome) -> None:
        self._outcomes.update(dict.fromkeys(numbers, outcome))

    def _request(self, letter: Letter, numbers: list[int]) -> Verdict:
        if self._deadline - time.monotonic() < self._least:
            return Verdict(Outcome(Answer.UNTRIED, detail="the time for this batch was up before its turn came"))
        verdict = self._handed_over(letter.to([self._batch.recipients[number] for number in numbers]))
        answer = verdict.outcome.answer if verdict.outcome is not None else Answer.REFUSED
        self._answers.append(answer)
        self._turns.answered(answer)
        return verdict

    def _handed_over(self, body: bytes) -> Verdict:
        try:
            accepted = self._client.send(body, total=max(self._deadline - time.monotonic(), 0.001))
        except NotSent as error:
            return Verdict(Outcome(Answer.RETRY, detail=str(error)))
        except Lost as error:
            return Verdict(Outcome(Answer.UNKNOWN, detail=str(error)))
        except HTTPError as error:
            return judge(error.status_code, error.headers, error.body)
        used_up = accepted.headers.get("X-RateLimit-Remaining", "").strip() == "0"
        wait = retry_after(accepted.headers) if used_up else None
        provider_id = accepted.headers.get("X-Message-Id", "")
        return Verdict(Outcome(Answer.ACCEPTED, provider_id=provider_id, retry_after=wait))

    def _for_the_rest(self, outcome: Outcome) -> Outcome | None:
        """What becomes of requests that were still to be made: an outage must not make all of a batch unknown."""
        if outcome.answer is Answer.UNKNOWN and self._answers.count(Answer.UNKNOWN) == MOST_UNCLEAR:
            return Outcome(Answer.UNTRIED, detail=f"not tried, because of others of the batch: {outcome.detail}")
        if outcome.answer in (Answer.RETRY, Answer.UNTRIED) or outcome.scope == "credentials":
            return outcome
        if outcome.retry_after is not None:
            detail = "not tried, because another request of the batch used up the rate limit"
            return Outcome(Answer.RETRY, detail=detail, retry_after=outcome.retry_after)
        return None
