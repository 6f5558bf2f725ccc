"""An audience in a hurry: what takes people hours happens within seconds, and more of them halt. For runs under faults.

Drawn like `audience`, by SHA-256 from (seed, email, sequence, step), so that the same mail meets the same fate. Pure.
"""

import hashlib
import struct
from datetime import datetime, timedelta
from typing import Final

from sequencer.sandbox import reaction
from sequencer.sandbox.audience import Facts, is_content
from sequencer.sandbox.reaction import Reaction

BOUNCING: Final = 0.01
"""Of mails, as is every share here."""
OPENED: Final = 0.4
CLICKED: Final = 0.15
SCANNED: Final = 0.02
REPLIED: Final = 0.02
UNSUBSCRIBED: Final = 0.015
COMPLAINED: Final = 0.005
_NUMBERS: Final = struct.Struct(">16H")
LATEST: Final = 12.0
"""Seconds until the last reaction."""


def react(seed: int, mail: Facts, accepted_at: datetime) -> list[Reaction]:
    """Everything that will follow the mail."""
    words = "\x1f".join((str(seed), "hurry", mail.email.lower(), mail.sequence, mail.step))
    numbers = hashlib.sha256(words.encode()).digest()
    share = [number / 65536 for number in _NUMBERS.unpack(numbers)]

    def after(draw: float, least: float, most: float) -> datetime:
        return accepted_at + timedelta(seconds=least + draw * (most - least))

    arrived = after(share[0], 0.1, 1.5)
    if share[1] < BOUNCING:
        return [reaction.bounced(arrived)]
    told = [reaction.delivered(arrived)]
    if mail.track_clicks and share[2] < SCANNED:
        told += [
            reaction.clicked(arrived, url, n, reaction.SCANNER, "203.0.113.40")
            for n, url in enumerate(mail.find_links())
        ]
    if share[3] < OPENED and mail.track_opens:
        told.append(reaction.opened(after(share[4], 1.5, 4.0)))
    if share[5] < CLICKED and mail.track_clicks:
        worth = [(n, url) for n, url in enumerate(mail.find_links()) if is_content(url, mail.one_click)]
        if worth:
            number, url = worth[int(share[6] * len(worth))]
            told.append(reaction.clicked(after(share[7], 2.0, LATEST), url, number))
    if share[8] < REPLIED:
        told.append(Reaction("reply", after(share[9], 1.5, LATEST), {"text": "Could you call me next week?"}))
    elif share[8] < REPLIED + UNSUBSCRIBED and mail.one_click:
        told.append(Reaction("one_click", after(share[9], 1.5, LATEST)))
    elif share[8] < REPLIED + UNSUBSCRIBED + COMPLAINED:
        told.append(Reaction("spamreport", after(share[9], 1.5, LATEST)))
    return told
