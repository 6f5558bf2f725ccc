"""Many simulations added up: what a sequence comes to when an audience goes through it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core import event as kinds
from sequencer.core.content import Content
from sequencer.core.enrollment import RUNNING
from sequencer.core.habits import Mail, habits
from sequencer.core.script import Deed
from sequencer.core.sequence import Fork, Rounds, Sequence
from sequencer.core.simulate import Audience, Sent, Simulation


def audience(seed: int, contents: Mapping[str, Content]) -> Audience:
    """People who react to mails as those of the sandbox do."""

    def reacts(sent: Sent) -> Iterable[tuple[datetime, Deed]]:
        found = contents.get(sent.content)
        links = [link.name for link in found.links] if found is not None else []
        for habit in habits(seed, Mail(sent.lead.email, sent.sequence, sent.step, len(links)), sent.at):
            more = links[habit.link] if habit.kind == kinds.CLICKED else ""
            if habit.back is not None:
                more = habit.back.isoformat()
            yield habit.at, Deed(habit.kind, "", more)

    return reacts


class Counts(NamedTuple):
    """What a part of a crowd came to, as another process tells it."""

    leads: int
    steps: Mapping[str, Counter[str]]
    ends: Counter[str]
    days: Counter[date]


@dataclass(slots=True)
class Crowd:
    """Of one sequence, lead by lead. Days are those of `zone`."""

    sequence: Sequence
    zone: ZoneInfo
    leads: int = 0
    steps: dict[str, Counter[str]] = field(default_factory=dict)
    """By step: how many came to it (`reached`), were `sent` its mail, `opened` and `clicked` it; of forks, by arm."""
    ends: Counter[str] = field(default_factory=Counter)
    """By status, with the reason where it was not the end; `inside`, `not entered`."""
    days: Counter[date] = field(default_factory=Counter)
    """Mails of all sequences."""

    def __post_init__(self) -> None:
        self.steps = {step: Counter() for step in self.sequence.steps}

    def counts(self) -> Counts:
        return Counts(self.leads, self.steps, self.ends, self.days)

    def join(self, part: Counts) -> None:
        """People of the same sequence who were counted elsewhere."""
        self.leads += part.leads
        self.ends.update(part.ends)
        self.days.update(part.days)
        for step, counts in part.steps.items():
            self.steps[step].update(counts)

    def add(self, came: Simulation) -> None:
        self.leads += 1
        self.days.update(letter.at.astimezone(self.zone).date() for letter in came.letters)
        passages = [e for e in came.enrollments if e.sequence == self.sequence.id]
        if not passages:
            self.ends["not entered"] += 1
            return
        last = passages[-1]
        head = last.reason.partition(":")[0]
        ended = last.status.value if head == last.status.value else f"{last.status.value} ({last.reason})"
        self.ends["inside" if last.status in RUNNING else ended] += 1
        for passage in passages:
            for passed in passage.outcomes:
                step = self.sequence.step_of(passed.step)
                if step is None or (passed.step != step.id and not isinstance(step, Rounds)):
                    continue  # what was asked of reps about a step comes before it is passed
                counts = self.steps[step.id]
                counts["reached"] += 1
                counts[passed.outcome if isinstance(step, Fork) or passed.outcome == "skipped" else ""] += 1
            for key, message in came.messages.get(passage.id, {}).items():
                step = self.sequence.step_of(key)
                if step is not None:
                    counts = self.steps[step.id]
                    counts["sent"] += 1
                    counts["opened"] += message.opened_at is not None
                    counts["clicked"] += message.clicked_at is not None
