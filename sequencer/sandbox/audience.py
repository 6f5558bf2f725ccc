"""A seeded model of how people, their mail servers and their scanners react to mail. Pure.

Every choice is drawn by SHA-256 from (seed, email, sequence, step, kind), so the same mail always meets the same fate,
in whatever order mails come. Reactions fall on whole quarter hours (delivery on a whole minute), which keeps the
number of moments small that virtual time has to stop at.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sequencer.sandbox import reaction
from sequencer.sandbox.reaction import Reaction

BOUNCING: Final = 0.015
"""Of addresses: nothing ever arrives."""
OPENED: Final = 0.45
CLICKED: Final = 0.12
REPLIED: Final = 0.02
OUT_OF_OFFICE: Final = 0.01
UNSUBSCRIBED: Final = 0.007
COMPLAINED: Final = 0.001
"""All of mails; who clicks, replies, unsubscribes or complains has opened."""
PRIVACY_PROXIES: Final = 0.2
"""Of addresses: their mail program loads images by itself."""
SCANNERS: Final = 0.05
"""Of domains: every link is followed by software seconds after delivery."""

_FREE: Final = frozenset("gmail.com outlook.com hotmail.com yahoo.com icloud.com proton.me gmx.net web.de".split())
_DAY: Final = (7, 20)
_REPLIES: Final = (
    "Thanks for this. Could you call me next week?",
    "Interesting, what would this cost for a team of our size?",
    "We have just signed with somebody else, sorry.",
    "Can we see a demo?",
    "Please talk to my colleague in operations about this.",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the model looks at."""

    email: str
    sequence: str
    step: str
    links: Sequence[str]
    """URLs in the mail's order, with their repeats."""
    one_click: str | None
    """Where an unsubscribe is posted; None: the mail offers none."""
    track_opens: bool = True
    track_clicks: bool = True


def react(seed: int, mail: Facts, accepted_at: datetime) -> list[Reaction]:
    """Everything that will follow the mail, in order of time."""
    draw = _Draw(seed, mail)
    arrived = _ceil(accepted_at + timedelta(seconds=1), timedelta(minutes=1))
    if draw.sticky("bounce") < BOUNCING:
        return [reaction.bounced(arrived)]
    told = [reaction.delivered(arrived)]
    if mail.track_clicks and draw.of_domain("scanner") < SCANNERS and draw.domain not in _FREE:
        moment = arrived + timedelta(seconds=2)
        told += [
            reaction.clicked(moment, url, number, reaction.SCANNER, "203.0.113.40")
            for number, url in enumerate(mail.links)
        ]
    if mail.track_opens and draw.sticky("privacy proxy") < PRIVACY_PROXIES:
        told.append(reaction.opened(_quarter(arrived), reaction.PRIVACY_PROXY, "203.0.113.80", machine=True))
    if draw.mail("out of office") < OUT_OF_OFFICE:
        told.append(_out_of_office(draw, _quarter(arrived)))
    told += _human(draw, mail, accepted_at)
    return sorted(told, key=lambda one: one.due_at)


def _human(draw: "_Draw", mail: Facts, accepted_at: datetime) -> list[Reaction]:
    interest = 0.4 + 1.2 * draw.sticky("interest")
    if draw.mail("open") >= OPENED * interest:
        return []
    read = _in_daylight(accepted_at + _delay(draw.mail("open delay")), draw)
    told = [reaction.opened(read)] if mail.track_opens else []
    later = _quarter(read)
    worth = [number for number, url in enumerate(mail.links) if is_content(url, mail.one_click)]
    if worth and mail.track_clicks and draw.mail("click") < CLICKED / OPENED:
        number = worth[int(draw.mail("link") * len(worth))]
        told.append(reaction.clicked(read, mail.links[number], number))
    if draw.mail("reply") < REPLIED / OPENED:
        text = _REPLIES[int(draw.mail("reply text") * len(_REPLIES))]
        told.append(Reaction("reply", _in_daylight(later + _delay(draw.mail("reply delay")) / 4, draw), {"text": text}))
    if mail.one_click and draw.mail("unsubscribe") < UNSUBSCRIBED / OPENED:
        told.append(Reaction("one_click", later))
    if draw.mail("complaint") < COMPLAINED / OPENED:
        told.append(Reaction("spamreport", later))
    return told


def _out_of_office(draw: "_Draw", at: datetime) -> Reaction:
    back = (at + timedelta(days=2 + int(draw.mail("days away") * 12))).date()
    while back.weekday() >= 5:
        back += timedelta(days=1)
    return Reaction(
        "auto_reply",
        at,
        {
            "text": f"Thank you for your message. I am out of the office and will be back on {back.isoformat()}. "
            "Your message is not forwarded.",
        },
    )


def is_content(url: str, one_click: str | None) -> bool:
    """Readers follow what the mail is about; its footer (unsubscribe, preferences) is another decision."""
    path = url.split("?")[0]
    return url != one_click and not any(part in path for part in ("/u/", "/preferences/", "unsubscribe"))


def _delay(share: float) -> timedelta:
    """Most read within hours, some a day or two later."""
    if share < 0.4:
        return timedelta(minutes=10 + 110 * share / 0.4)
    if share < 0.8:
        return timedelta(hours=2 + 8 * (share - 0.4) / 0.4)
    return timedelta(hours=10 + 40 * (share - 0.8) / 0.2)


def _in_daylight(moment: datetime, draw: "_Draw") -> datetime:
    """By UTC: the sandbox does not know where people live. Nine of ten who would read at night do so in the morning."""
    moment = _ceil(moment, timedelta(minutes=15))
    first, last = _DAY
    if first <= moment.hour < last or draw.mail("night owl") < 0.1:
        return moment
    morning = moment.replace(hour=first, minute=0)
    if moment.hour >= last:
        morning += timedelta(days=1)
    return morning + timedelta(minutes=15) * int(draw.mail("morning") * 12)


def _quarter(moment: datetime) -> datetime:
    """The next whole quarter of an hour after the moment."""
    return _ceil(moment + timedelta(seconds=1), timedelta(minutes=15))


def _ceil(moment: datetime, step: timedelta) -> datetime:
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return origin - (origin - moment) // step * step


class _Draw:
    """Numbers in [0, 1)."""

    def __init__(self, seed: int, mail: Facts) -> None:
        self._seed = str(seed)
        self._email = mail.email.lower()
        self._mail = (mail.sequence, mail.step)
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
