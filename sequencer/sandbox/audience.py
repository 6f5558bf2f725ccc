"""How people, their mail servers and their scanners react to mail, as SendGrid would tell of it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sequencer.core import event as kinds
from sequencer.core.habits import Draw, Habit, Mail, arrival, habits, quarter
from sequencer.sandbox import reaction
from sequencer.sandbox.reaction import Reaction

PRIVACY_PROXIES: Final = 0.2
"""Of addresses: their mail program loads images by itself."""
SCANNERS: Final = 0.05
"""Of domains: every link is followed by software seconds after delivery."""

_FREE: Final = frozenset("gmail.com outlook.com hotmail.com yahoo.com icloud.com proton.me gmx.net web.de".split())
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
    find_links: Callable[[], Sequence[str]]
    """Gives the URLs in the mail's order, with their repeats: most readers look at none."""
    one_click: str | None
    """Where an unsubscribe is posted; None: the mail offers none."""
    track_opens: bool = True
    track_clicks: bool = True


def react(seed: int, mail: Facts, accepted_at: datetime) -> list[Reaction]:
    """Everything that will follow the mail, in order of time."""
    draw = Draw(seed, mail.email, mail.sequence, mail.step)
    arrived = arrival(accepted_at)
    links = mail.find_links()
    worth = [number for number, url in enumerate(links) if is_content(url, mail.one_click)]
    seen = Mail(
        mail.email,
        mail.sequence,
        mail.step,
        len(worth),
        mail.one_click is not None,
        mail.track_opens,
        mail.track_clicks,
    )
    done = habits(seed, seen, accepted_at)
    if done and done[0].kind == kinds.BOUNCED:
        return [reaction.bounced(arrived)]
    told = [reaction.delivered(arrived)]
    if mail.track_clicks and draw.of_domain("scanner") < SCANNERS and draw.domain not in _FREE:
        moment = arrived + timedelta(seconds=2)
        told += [
            reaction.clicked(moment, url, number, reaction.SCANNER, "203.0.113.40") for number, url in enumerate(links)
        ]
    if mail.track_opens and draw.sticky("privacy proxy") < PRIVACY_PROXIES:
        told.append(reaction.opened(quarter(arrived), reaction.PRIVACY_PROXY, "203.0.113.80", machine=True))
    told += [_told(habit, draw, links, worth) for habit in done]
    return sorted(told, key=lambda one: one.due_at)


def _told(habit: Habit, draw: Draw, links: Sequence[str], worth: Sequence[int]) -> Reaction:
    match habit.kind:
        case kinds.OPENED:
            return reaction.opened(habit.at)
        case kinds.CLICKED:
            number = worth[habit.link]
            return reaction.clicked(habit.at, links[number], number)
        case kinds.REPLIED:
            return Reaction("reply", habit.at, {"text": _REPLIES[int(draw.mail("reply text") * len(_REPLIES))]})
        case kinds.AUTO_REPLIED:
            assert habit.back is not None
            text = (
                f"Thank you for your message. I am out of the office and will be back on {habit.back.isoformat()}. "
                "Your message is not forwarded."
            )
            return Reaction("auto_reply", habit.at, {"text": text})
        case kinds.UNSUBSCRIBED:
            return Reaction("one_click", habit.at)
    return Reaction("spamreport", habit.at)


def is_content(url: str, one_click: str | None) -> bool:
    """Readers follow what the mail is about; its footer (unsubscribe, preferences) is another decision."""
    path = url.split("?")[0]
    return url != one_click and not any(part in path for part in ("/u/", "/preferences/", "unsubscribe"))
