"""A seeded model of what people and their mail servers do with a mail. Pure.

Every choice is drawn by SHA-256 from (seed, email, sequence, step, kind), so the same mail always meets the same fate,
in whatever order mails come. Reactions fall on whole quarter hours (delivery on a whole minute), which keeps the
number of moments small that virtual time has to stop at.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from sequencer.core import event as kinds

BOUNCING: Final = 0.015
"""Of addresses: nothing ever arrives."""
OPENED: Final = 0.45
CLICKED: Final = 0.12
REPLIED: Final = 0.02
OUT_OF_OFFICE: Final = 0.01
UNSUBSCRIBED: Final = 0.007
COMPLAINED: Final = 0.001
"""All of mails; who clicks, replies, unsubscribes or complains has opened."""

_DAY: Final = (7, 20)


class Mail(NamedTuple):
    """What the model looks at."""

    email: str
    sequence: str
    step: str
    links: int
    """Those that the mail is about; its footer's are another decision."""
    may_unsubscribe: bool = True
    opens_are_told: bool = True
    clicks_are_told: bool = True


class Habit(NamedTuple):
    """One thing that is done with a mail, of the kind of its event."""

    kind: str
    at: datetime
    link: int = 0
    """Of a click: which of the links, from 0."""
    back: date | None = None
    """Of an automatic reply: the day of return."""


def habits(seed: int, mail: Mail, accepted_at: datetime) -> list[Habit]:
    """All that is done with it, in no order; a mail that bounces meets nothing else."""
    draw = Draw(seed, mail.email, mail.sequence, mail.step)
    arrived = arrival(accepted_at)
    if draw.sticky("bounce") < BOUNCING:
        return [Habit(kinds.BOUNCED, arrived)]
    away = draw.mail("out of office") < OUT_OF_OFFICE
    return [*([_out_of_office(draw, quarter(arrived))] if away else []), *_human(draw, mail, accepted_at)]


def _human(draw: "Draw", mail: Mail, accepted_at: datetime) -> list[Habit]:
    interest = 0.4 + 1.2 * draw.sticky("interest")
    if draw.mail("open") >= OPENED * interest:
        return []
    read = _in_daylight(accepted_at + _delay(draw.mail("open delay")), draw)
    done = [Habit(kinds.OPENED, read)] if mail.opens_are_told else []
    later = quarter(read)
    if mail.links and mail.clicks_are_told and draw.mail("click") < CLICKED / OPENED:
        done.append(Habit(kinds.CLICKED, read, int(draw.mail("link") * mail.links)))
    if draw.mail("reply") < REPLIED / OPENED:
        done.append(Habit(kinds.REPLIED, _in_daylight(later + _delay(draw.mail("reply delay")) / 4, draw)))
    if mail.may_unsubscribe and draw.mail("unsubscribe") < UNSUBSCRIBED / OPENED:
        done.append(Habit(kinds.UNSUBSCRIBED, later))
    if draw.mail("complaint") < COMPLAINED / OPENED:
        done.append(Habit(kinds.COMPLAINED, later))
    return done


def _out_of_office(draw: "Draw", at: datetime) -> Habit:
    back = (at + timedelta(days=2 + int(draw.mail("days away") * 12))).date()
    while back.weekday() >= 5:
        back += timedelta(days=1)
    return Habit(kinds.AUTO_REPLIED, at, back=back)


def arrival(accepted_at: datetime) -> datetime:
    """When a mail is in the mailbox that the provider took then."""
    return _ceil(accepted_at + timedelta(seconds=1), timedelta(minutes=1))


def _delay(share: float) -> timedelta:
    """Most read within hours, some a day or two later."""
    if share < 0.4:
        return timedelta(minutes=10 + 110 * share / 0.4)
    if share < 0.8:
        return timedelta(hours=2 + 8 * (share - 0.4) / 0.4)
    return timedelta(hours=10 + 40 * (share - 0.8) / 0.2)


def _in_daylight(moment: datetime, draw: "Draw") -> datetime:
    """By UTC: the sandbox does not know where people live. Nine of ten who would read at night do so in the morning."""
    moment = _ceil(moment, timedelta(minutes=15))
    first, last = _DAY
    if first <= moment.hour < last or draw.mail("night owl") < 0.1:
        return moment
    morning = moment.replace(hour=first, minute=0)
    if moment.hour >= last:
        morning += timedelta(days=1)
    return morning + timedelta(minutes=15) * int(draw.mail("morning") * 12)


def quarter(moment: datetime) -> datetime:
    """The next whole quarter of an hour after the moment."""
    return _ceil(moment + timedelta(seconds=1), timedelta(minutes=15))


def _ceil(moment: datetime, step: timedelta) -> datetime:
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return origin - (origin - moment) // step * step


class Draw:
    """Numbers in [0, 1)."""

    def __init__(self, seed: int, email: str, sequence: str, step: str) -> None:
        self._seed = str(seed)
        self._email = email.lower()
        self._mail = (sequence, step)
        self.domain = self._email.rpartition("@")[2]

    def mail(self, kind: str) -> float:
        return self._number(self._email, *self._mail, kind)

    def sticky(self, kind: str) -> float:
        """The same for every mail to this address."""
        return self._number(self._email, "", "", kind)

    def of_domain(self, kind: str) -> float:
        return self._number(self.domain, "", "", kind)

    def _number(self, *words: str) -> float:
        digest = hashlib.sha256("\x1f".join((self._seed, *words)).encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48
