"""What SendGrid would say of many mails, made up from a seed: leads with their events, as signed posts.

Each lead's events follow from the seed and the lead's number alone, so that whoever checks can make them again, one
lead at a time. Run as a program, it posts what lies in a folder, as `send` says.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import urllib3

from sequencer.sandbox import signing

STEPS = ("one", "two", "three", "four")
LINKS = ("price", "faq")
"""Of each mail, in their order."""
BATCH = 500
"""Mails of one request."""
POST = 768 * 1024
"""Bytes (SendGrid's documentation)."""
WINDOW = 64
"""Posts among which events are shuffled: those of one mail come in several posts, as minutes and hours lie between."""

_PEOPLE = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
_SOFTWARE = "Barracuda Sentinel (EE)"


@dataclass
class Told:
    """What is told of one lead's mails."""

    events: list[dict[str, Any]] = field(default_factory=list)
    machine: set[str] = field(default_factory=set)
    """Keys of what software did."""


@dataclass(frozen=True)
class World:
    """Where and when it all happened. `first_id`: the first enrollment's; `sent_at`: Unix seconds."""

    seed: int
    first_id: int
    sent_at: int

    def enrollment(self, lead: int) -> int:
        return self.first_id + lead - 1

    def request(self, lead: int, step: str) -> str:
        return f"{STEPS.index(step):08x}{lead // BATCH:024x}"

    def told(self, lead: int) -> Told:
        """Some 16 events about four mails."""
        draw = random.Random(f"{self.seed} {lead}")
        told = Told()
        at = self.sent_at + draw.randrange(60)
        for step in STEPS:
            self._mail(told, draw, lead, step, at)
            if any(e["event"] in ("bounce", "spamreport", "unsubscribe") for e in told.events[-6:]):
                break
        return told

    def _mail(self, told: Told, draw: random.Random, lead: int, step: str, at: int) -> None:
        common = {
            "email": address(lead),
            "smtp-id": f"<{self.request(lead, step)}@geopod-ismtpd-{lead % 40}>",
            "sg_message_id": f"{self.request(lead, step)[:22]}.recvd-5c9d{lead % 97:04x}-1-65F1A0B2-{lead:X}.0",
            "category": ["guides", "education"],
            "sq_enrollment": str(self.enrollment(lead)),
            "sq_step": step,
            "sq_lead": str(lead),
            "sq_attempt": "1",
            "sq_sequence": "webhooks",
            "sq_request": self.request(lead, step),
        }

        def say(kind: str, later: int, software: bool = False, **more: Any) -> None:
            key = f"{kind[:4]}{draw.getrandbits(120):030x}"
            told.events.append({**common, "event": kind, "timestamp": at + later, "sg_event_id": key, **more})
            if software:
                told.machine.add(key)

        def click(later: int, link: int, agent: str, software: bool = False) -> None:
            url = f"https://www.acme.example/{LINKS[link]}?sq={'a' * 32}.{link + 1}"
            say("click", later, software, url=url, useragent=agent, ip="192.0.2.7", url_offset={"index": link})

        say("processed", 0)
        luck = draw.random()
        if luck < 0.01:
            say("bounce", 3, type="bounce", status="5.1.1", reason="550 5.1.1 no such mailbox")
            return
        if luck < 0.03:
            say("deferred", 2, attempt="1", response="451 4.7.1 try again later")
        say("delivered", 4, response="250 2.0.0 OK 1700000000 a1-20020a05600c3ca1", ip="192.0.2.9")
        if draw.random() < 0.15:
            say("open", 5, True, sg_machine_open=True, useragent="Mozilla/5.0", ip="192.0.2.8")
        if draw.random() < 0.05:
            for link in range(len(LINKS)):  # every link within seconds: a scanner that does not name itself
                click(6 + link, link, _PEOPLE, software=True)
        if draw.random() < 0.02:
            click(30, 0, _SOFTWARE, software=True)
        for number in range(draw.choice((0, 1, 1, 2, 2, 3))):
            say("open", 600 + 600 * number + draw.randrange(500), sg_machine_open=False, useragent=_PEOPLE, ip="::1")
        for number in range(draw.choice((0, 0, 0, 0, 1, 2))):
            click(3600 + 60 * number + draw.randrange(30), draw.randrange(len(LINKS)), _PEOPLE)
        luck = draw.random()
        if luck < 0.003:
            say("unsubscribe", 7000)
        elif luck < 0.004:
            say("spamreport", 7000)


def address(lead: int) -> str:
    return f"lead{lead}@company{lead % 5000}.example"


def lead_of_last(world: World, events: int) -> tuple[int, int]:
    """How many leads it takes for so many events, and how many of the last lead's are told."""
    lead, told = 0, 0
    while told < events:
        lead += 1
        last = len(world.told(lead).events)
        told += last
    return lead, last - (told - events)


def write(world: World, leads: int, of_last: int, folder: Path) -> int:
    """Writes the posts into a folder, one a file; gives their number."""
    shuffle = random.Random(f"{world.seed} posts").shuffle
    number, waiting, size = 0, [], 0
    for text in _texts(world, leads, of_last):
        waiting.append(text)
        size += len(text) + 1
        if size > WINDOW * POST:
            shuffle(waiting)
            number = _write(waiting, folder, number)
            waiting, size = [], 0
    shuffle(waiting)
    return _write(waiting, folder, number)


def _texts(world: World, leads: int, of_last: int) -> Iterator[bytes]:
    for lead in range(1, leads + 1):
        events = world.told(lead).events
        yield from map(orjson.dumps, events[:of_last] if lead == leads else events)


def _write(texts: list[bytes], folder: Path, number: int) -> int:
    start, size = 0, 1
    for place, text in enumerate(texts):
        if size + len(text) + 1 > POST:
            (folder / str(number)).write_bytes(b"[" + b",".join(texts[start:place]) + b"]")
            start, size, number = place, 1, number + 1
        size += len(text) + 1
    if texts:
        (folder / str(number)).write_bytes(b"[" + b",".join(texts[start:]) + b"]")
        number += 1
    return number


def send(folder: Path, posts: int, times: int, connections: int, url: str, pem: str, seed: int) -> dict[str, Any]:
    """Posts all of it so many times, shuffled, as fast as the door answers; again what it did not take.

    Nobody waits for the processing: neither does SendGrid. Gives the answers' seconds and how long all took.
    """
    order = [number for number in range(posts) for _ in range(times)]
    random.Random(f"{seed} order").shuffle(order)
    key = signing.load_key(pem)
    pool = urllib3.PoolManager(maxsize=connections, retries=False, timeout=30.0)
    answers: list[float] = []
    refused: list[str] = []
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                if not order:
                    return
                number = order.pop()
            body = (folder / str(number)).read_bytes()
            headers = signing.signed(key, int(time.time()), body)  # noqa: TID251
            headers["Content-Type"] = "application/json"
            began = time.perf_counter()
            try:
                status = str(pool.request("POST", url, body=body, headers=headers).status)
            except urllib3.exceptions.HTTPError as error:
                status = type(error).__name__
            took = time.perf_counter() - began
            with lock:
                answers.append(took)
                if status != "204":
                    refused.append(status)
                    order.insert(0, number)

    began = time.perf_counter()
    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"answers": answers, "refused": refused, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(send(folder=Path(asked.pop("folder")), **asked)))
