"""What ought to be true, worked out from what was done and said alone; nothing here reads the product's tables."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

TOPICS = {"guides": True, "sales": True, "news": False}
"""Whether a lead who said nothing gets mail about it."""
BURST = timedelta(seconds=5)

_SUPPRESSES = {"unsubscribe": "unsubscribed", "spamreport": "complained", "bounce": "bounced"}


@dataclass
class Person:
    """What one lead said about being mailed."""

    barred: set[str] = field(default_factory=set)
    """Why nothing at all may be mailed."""
    refused: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)

    def wants(self, topic: str) -> bool:
        return not self.barred and topic not in self.refused and (TOPICS[topic] or topic in self.given)

    def chooses(self, chosen: frozenset[str]) -> None:
        """On the page of topics; choosing none of them is unsubscribing."""
        if not chosen:
            self.barred.add("unsubscribed")
        if self.barred - {"unsubscribed"} or not chosen:
            return
        before = {topic for topic in TOPICS if self.wants(topic)}
        self.barred.clear()
        after = {topic for topic in TOPICS if self.wants(topic)}
        for topic in TOPICS:
            if topic in chosen and topic not in before:
                self.given.add(topic)
                self.refused.discard(topic)
            elif topic not in chosen and topic in after:
                self.refused.add(topic)
                self.given.discard(topic)


class Said(NamedTuple):
    """One thing the provider says of a mail; saying it again is the same thing."""

    mail: int
    kind: str
    number: int
    at: datetime
    more: tuple[tuple[str, str | bool], ...] = ()


@dataclass
class Facts:
    """What was done with one mail."""

    opened: datetime | None = None
    clicks: list[tuple[datetime, str, bool]] = field(default_factory=list)
    """When, on which link, by an agent that admits to being software."""
    links: int = 1

    @property
    def by_people(self) -> list[tuple[datetime, str]]:
        """Following every link within a few seconds is what scanners do."""
        found = []
        for at, link, machine in self.clicks:
            bursts = [
                {name for other, name, _ in self.clicks if begin <= other <= begin + BURST}
                for begin, _, _ in self.clicks
                if begin <= at <= begin + BURST
            ]
            if not machine and (self.links < 2 or all(len(burst) < self.links for burst in bursts)):
                found.append((at, link))
        return found

    @property
    def clicked(self) -> set[str]:
        return {link for _, link in self.by_people}

    @property
    def clicked_at(self) -> datetime | None:
        return min((at for at, _ in self.by_people), default=None)


@dataclass
class Model:
    """All leads, and everything that has counted."""

    people: dict[int, Person] = field(default_factory=dict)
    facts: dict[tuple[int, str], Facts] = field(default_factory=dict)
    counted: set[Said] = field(default_factory=set)
    posts: list[datetime] = field(default_factory=list)
    """When the posts of events came that have been taken in."""
    silent_until: dict[int, datetime | None] = field(default_factory=dict)
    """By enrollment: until when it may not mail because of an answer; None: never again."""

    def hears(self, said: Said, key: tuple[int, str], lead: int, links: int) -> None:
        """An event was taken in. The second time it changes nothing."""
        if said in self.counted:
            return
        self.counted.add(said)
        facts, more = self.facts.setdefault(key, Facts(links=links)), dict(said.more)
        reason = _SUPPRESSES.get(said.kind)
        if said.kind == "dropped" and more["reason"] == "Bounced Address":
            reason = "bounced"
        if reason is not None and more.get("type") != "blocked":
            self.people[lead].barred.add(reason)
        if said.kind == "open" and not more:
            facts.opened = min(facts.opened or said.at, said.at)
        if said.kind == "click":
            facts.clicks.append((said.at, str(more["link"]), "useragent" in more))

    def heard_since(self, since: datetime, now: datetime) -> bool:
        """Whether posts came in every hour, counted back from now: then silence since that time means something."""
        hours = {(now - at) // timedelta(hours=1) for at in self.posts if at <= now}
        return all(hour in hours for hour in range(-((since - now) // timedelta(hours=1))))

    def silences(self, enrollment: int, until: datetime | None) -> None:
        """An answer: a silence that is on may only get longer."""
        known = self.silent_until.get(enrollment, until)
        self.silent_until[enrollment] = None if known is None or until is None else max(known, until)
