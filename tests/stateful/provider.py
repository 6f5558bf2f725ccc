"""A provider that keeps its own log, so that nothing has to be believed that the ledger says of itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sequencer.core.mail import Answer, Batch, Outcome, Receipt, Recipient, join

Action = tuple[Any, ...]
"""What is done to the house: a name and values, so that a found example can be written down."""


class Killed(BaseException):
    """The process is gone, here and now."""


class Failed(Exception):
    """The provider's own code failed."""


class Plan(NamedTuple):
    """What becomes of one request, and what happens elsewhere before and after the provider takes it."""

    how: str = "accept"
    before: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()
    which: int = 0
    """Who is refused, by `refuse-one`."""


HOWS: Final = (
    "accept",
    "timeout-accepted",
    "timeout-lost",
    "kill-accepted",
    "kill-lost",
    "fail-accepted",
    "fail-lost",
    "limited",
    "limited-long",
    "outage-accepted",
    "outage-lost",
    "refuse-one",
    "refuse-content",
    "refuse-key",
)
"""`…-accepted`: the provider took it, and we hear nothing of that. `outage-…`: so of some, the rest is not tried."""

_ANSWERS: Final = {
    "timeout-accepted": Outcome(Answer.UNKNOWN, detail="timeout"),
    "timeout-lost": Outcome(Answer.UNKNOWN, detail="reset"),
    "limited": Outcome(Answer.RETRY, detail="429"),
    "limited-long": Outcome(Answer.RETRY, detail="429", retry_after=1800.0),
    "refuse-content": Outcome(Answer.REFUSED, detail="400 content", scope="content"),
    "refuse-key": Outcome(Answer.REFUSED, detail="401", scope="credentials"),
}


_LINK = re.compile(r"https://www\.acme\.example/\w+\?[^\s)\"]+")


class Mail(NamedTuple):
    """One accepted email, as the provider knows it."""

    number: int
    recipient: Recipient
    reply_to: str
    urls: tuple[str, ...]
    """Of its named links, in the order of its text."""
    at: datetime
    request: str
    """The id of the request it came in."""

    @property
    def key(self) -> tuple[int, str]:
        """(enrollment, step): what may be mailed once."""
        return int(self.recipient.custom_args["sq_enrollment"]), self.recipient.custom_args["sq_step"]


@dataclass
class ModelProvider:
    """Takes mail as planned. `plan` gives the next request's plan, `do` is what may happen meanwhile."""

    plan: Callable[[], Plan]
    do: Callable[[Action], None]
    now: Callable[[], datetime]
    log: list[Mail] = field(default_factory=list)
    requests: int = 0
    hanging: int = 0

    def send(self, batch: Batch) -> Receipt:
        self.requests += 1
        plan = self.plan()
        for action in plan.before:
            self.do(action)
        receipt = self._take(batch, plan)
        for action in plan.after:
            self.do(action)
        if plan.how.startswith("kill"):
            raise Killed(plan.how)
        if plan.how.startswith("fail"):
            raise Failed(plan.how)
        return receipt

    def close(self) -> None:
        """Holds nothing."""

    def _take(self, batch: Batch, plan: Plan) -> Receipt:
        which = plan.which % len(batch.recipients)
        refused = which if plan.how == "refuse-one" else None
        tried = range(which + 1 if plan.how.startswith("outage") else len(batch.recipients))
        if plan.how in ("accept", "refuse-one") or plan.how.endswith("-accepted"):
            for number in tried:
                recipient = batch.recipients[number]
                if number != refused and "sq_enrollment" in recipient.custom_args:  # the rest are alerts to reps
                    reply_to = join(batch.skeleton.reply_to, recipient.values)
                    urls = tuple(_LINK.findall(join(batch.skeleton.text, recipient.values)))
                    self.log.append(Mail(len(self.log), recipient, reply_to, urls, self.now(), batch.request_id))
        if plan.how in _ANSWERS:
            return Receipt(_ANSWERS[plan.how])
        if plan.how.startswith("outage"):
            return Receipt(Outcome(Answer.UNTRIED, detail="outage"), dict.fromkeys(tried, _ANSWERS["timeout-lost"]))
        each = {refused: Outcome(Answer.REFUSED, detail="400 to.email")} if refused is not None else {}
        return Receipt(Outcome(Answer.ACCEPTED, provider_id=f"p{self.requests}"), each)
