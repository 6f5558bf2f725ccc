"""Random workspaces, leads and histories: every kind of step, trigger and deed, in a few short words each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from hypothesis import strategies as st

from sequencer.core.content import Content
from sequencer.services.compile import Compiled, compile_workspace
from tests.workspaces import LAYOUT

_WORKSPACE = """
brand:
  name: Acme
  url: https://www.acme.example
  postal_address: Acme Ltd, 1 Street, London
stages: [subscriber, lead, mql, sql, customer]
statuses:
  working: {label: Working, pauses: [main]}
  idle: {label: Idle, runs: [other]}
  bad-fit: {label: Bad fit, stops: all}
fields:
  pains: {some_of: [cost, risk]}
  next_attempt: {date: true}
  renewal: {date: true}
topics:
  guides: {label: Guides, default: on}
  sales: {label: Sales, default: on}
  news: {label: News, default: off}
senders:
  marketing: {name: Mara at Acme, email: mara@mail.acme.example, zone: Europe/London}
reps:
  ana@acme.example: {name: Ana Ruiz, zone: America/New_York, deputy: ben@acme.example,
                     away: [{from: 2026-10-05, to: 2026-10-09}]}
  ben@acme.example: {name: Ben Okafor, zone: Europe/London}
zone: {owner_mail: rep, otherwise: Europe/London}
reply_domain: reply.acme.example
quiet: {days: [sat, sun], unknown: GB}
contact: {call: 2 days, meeting: 1 day, mail: 3 business days}
"""

CONTENTS = {
    "g/one": ("guide", "price", "[cost]"),
    "g/two": ("guide", "price", "[risk]"),
    "g/three": ("guide", "", ""),
    "n/four": ("note", "price", ""),
    "n/five": ("note", "", ""),
    "n/six": ("note", "demo", ""),
}
"""By id: kind, the one link's name, pains."""

STARTS = (
    datetime(2026, 9, 30, 22, 40, tzinfo=UTC),
    datetime(2026, 10, 30, 13, 10, tzinfo=UTC),
    datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    datetime(2027, 3, 12, 14, 5, tzinfo=UTC),
)
"""Days before the clocks change somewhere, or before a holiday."""


class Drawn(NamedTuple):
    """One example."""

    sequences: Mapping[str, str]
    """The texts of `main` and `other`."""
    pressure: str
    start: datetime
    lead: Mapping[str, str]
    cues: tuple[str, ...]
    enrolled: bool

    def __repr__(self) -> str:
        return "\n".join(
            [*self.sequences.values(), self.pressure, str(self.start), str(self.lead), *self.cues, str(self.enrolled)]
        )


def files(drawn: Drawn) -> dict[str, str]:
    texts = {f"sequences/{name}.yaml": text for name, text in drawn.sequences.items()}
    return {**_contents(), **texts, "sequences/workspace.yaml": f"{_WORKSPACE}pressure: {drawn.pressure}\n"}


def compiled(drawn: Drawn) -> Compiled:
    found = compile_workspace(files(drawn), _compiled_contents())
    assert found.workspace is not None, "\n".join(map(str, [*found.problems, drawn]))
    return found


def _contents() -> dict[str, str]:
    found = {"content/layouts/default.mjml": LAYOUT}
    found["content/partials/introduction.mjml"] = "I follow {{ previous_owner.name or 'somebody' }}."
    for name, (kind, link, pains) in CONTENTS.items():
        linked = f'See {{{{ link("{link}", "https://www.acme.example/{link}", "it") }}}}' if link else "Hello"
        tags = f"pains: {pains}\n" if pains else ""
        found[f"content/{name}.md"] = f"---\nsubject: {name}\nkind: {kind}\n{tags}---\n{linked}\n"
    return found


@cache
def _compiled_contents() -> Mapping[str, Content]:
    """Once a process: MJML takes the longest."""
    first = {"sequences/main.yaml": _head("Main", "manual", "") + "steps:\n  - email: g/one\n"}
    texts = {**_contents(), **first, "sequences/workspace.yaml": _WORKSPACE}
    return compile_workspace(texts).contents


def _head(title: str, when: str, more: str) -> str:
    return f"title: {title}\nstate: live\ntopic: guides\nenroll:\n  when: {when}\nfrom: marketing\n{more}"


LENGTHS = ("1 day", "2 hours", "30 minutes", "3 business days", "1 week")
WAITS = (
    *LENGTHS,
    "until tue 10:00",
    "until 09:30",
    "{until: next_attempt, unknown: 2 days, past: go on}",
    "until 3 days before renewal",
)
PLAIN = (
    'lead.stage == "mql"',
    'lead.stage in ["sql", "customer"]',
    'has(lead.pains, "cost")',
    'known("next_attempt")',
    "replied()",
    'did("asked")',
    'did("asked", within="2 days")',
    'visited("/pricing*")',
    'submitted("form", ever=True)',
    'received("g/two")',
    'consent("news")',
    'clicked_kind("guide")',
    'clicked("g/one", "price")',
)
SETS = (
    "{stage: mql}",
    "{status: working}",
    "{pains: [risk]}",
    "{next_attempt: in 5 days}",
    "{stage: sql, status: idle}",
)
TRIGGERS = (
    "manual",
    'did("asked")',
    'submitted("form")',
    'became("stage", "mql")',
    'became("status", "idle")',
    'silent("asked", "6 days")',
    'before("renewal", "4 days")',
)


class _Writer:
    """Writes the steps of one sequence; every step has an id of its own."""

    def __init__(self, draw: st.DrawFn, starts: bool) -> None:
        self.draw = draw
        self.mails: list[tuple[str, str]] = []
        self.count = 0
        self.kinds = ["email", "email", "email", "wait", "wait", "if", "within", "choose", "test", "tell", "set"]
        self.kinds += ["handoff", "exit", "pick", "series", "task"] + ["start"] * starts

    def one_of(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def condition(self) -> str:
        if self.mails and self.draw(st.booleans()):
            step, content = self.draw(st.sampled_from(self.mails))
            link = CONTENTS[content][1] if content in CONTENTS else ""
            if link and self.draw(st.booleans()):
                return f'clicked("{step}", "{link}")'
            return f'{self.one_of("clicked", "opened")}("{step}")'
        return self.one_of(*PLAIN)

    def steps(self, indent: str, depth: int, most: int) -> str:
        number = most - self.draw(st.integers(0, most - 1))
        return "".join(self.step(indent, depth) for _ in range(number))

    def step(self, indent: str, depth: int) -> str:
        kind = self.one_of(
            *(kind for kind in self.kinds if depth < 2 or kind not in ("if", "within", "choose", "test"))
        )
        if kind == "wait":
            return f"{indent}- wait: {self.one_of(*WAITS)}\n"
        self.count += 1
        name = f"s{self.count}"
        first, more = f"{indent}- id: {name}\n{indent}  ", ""
        if kind in ("email", "tell", "set", "task") and self.draw(st.integers(0, 4)) == 0:
            more = f"{indent}  unless: {self.condition()}\n"
        match kind:
            case "email":
                content = self.one_of(*CONTENTS)
                self.mails.append((name, content))
                if self.draw(st.integers(0, 4)) == 0:
                    then = self.one_of("send", "skip")
                    more += f"{indent}  review: {{by: owner, within: {self.one_of(*LENGTHS)}, then: {then}}}\n"
                return f"{first}email: {content}\n{more}"
            case "pick":
                self.mails.append((name, ""))
                return f"{first}email: {{pick: guide, match: [pains]}}\n{indent}  fallback: n/five\n"
            case "series":
                series = f"{first}series: {{pick: guide, match: [pains]}}\n{indent}  every: {self.one_of(*LENGTHS)}\n"
                return f"{series}{indent}  up_to: {self.draw(st.integers(1, 3))}\n{indent}  until: {self.condition()}\n"
            case "if" | "within":
                within = f"{indent}  within: {self.one_of(*LENGTHS)}\n" if kind == "within" else ""
                text = f"{first}if: {self.condition()}\n{within}"
                text += f"{indent}  then:\n{self.steps(indent + '    ', depth + 1, 3)}"
                return text + f"{indent}  else:\n{self.steps(indent + '    ', depth + 1, 2)}"
            case "choose":
                text = f"{first}choose:\n"
                for arm in ("a", "b"):
                    text += f"{indent}    {arm}:\n{indent}      if: {self.condition()}\n{indent}      steps:\n"
                    text += self.steps(indent + "        ", depth + 1, 2)
                return text
            case "test":
                text = f"{first}test:\n"
                for arm in ("a", "b"):
                    text += f"{indent}    {arm}:\n{indent}      share: 50\n{indent}      steps:\n"
                    text += self.steps(indent + "        ", depth + 1, 2)
                return text
            case "tell":
                return f"{first}tell: owner\n{indent}  note: Look\n{more}"
            case "task":
                hold = f"{indent}  hold: true\n" if self.draw(st.booleans()) else ""
                return f"{first}task: call\n{indent}  due: {self.one_of(*LENGTHS)}\n{indent}  note: Call\n{hold}{more}"
            case "set":
                return f"{first}set: {self.one_of(*SETS)}\n{more}"
            case "handoff":
                return f"{first}handoff: owner\n"
            case "start":
                return f"{first}start: other\n"
        return f"{first}exit: enough\n"


@st.composite
def sequence(draw: st.DrawFn, title: str, starts: bool, triggers: tuple[str, ...]) -> str:
    def one_of(*options: str) -> str:
        return draw(st.sampled_from(options))

    writer = _Writer(draw, starts)
    content = one_of(*CONTENTS)
    writer.count, writer.mails = 1, [("s1", content)]
    when = [one_of(*triggers)] + ([one_of(*triggers)] if draw(st.booleans()) else [])
    topic = one_of("guides", "sales", "guides", "sales", "guides", "news")
    text = f"title: {title}\nstate: live\ntopic: {topic}\nenroll:\n  any:\n"
    for one in dict.fromkeys(when):
        text += f"    - when: {one}\n" + (f"      if: {one_of(*PLAIN)}\n" if draw(st.integers(0, 9)) == 9 else "")
    text += f"  again: {one_of('never', 'after 2 days', 'after 10 days')}\n"
    text += f"from: {one_of('marketing', 'marketing', 'owner')}\n"
    text += one_of(
        "", 'hours: {days: mon-fri, between: "09:00-17:00"}\n', 'hours: {days: tue-thu, between: "08:00-11:30"}\n'
    )
    text += one_of("", "", "pressure: exempt\n")
    text += one_of("", "", "lane: nurture\n")
    text += one_of("", "", "", "", "holdout: 20%\n")
    text += one_of("", 'goal: did("meeting_booked")\n')
    text += one_of("", "exit_on:\n  - replied()\n", 'exit_on:\n  - lead.stage == "customer"\n  - visited("/bye")\n')
    first = f"  - id: s1\n    email: {content}\n"
    before = writer.steps("  ", 1, 1) if draw(st.booleans()) else ""
    return f"{text}steps:\n{before}{first}{writer.steps('  ', 0, 7)}"


DEEDS = (
    *("opened s1", "clicked s1", "clicked", "opened", "clicked", "clicked"),
    *("replied", "auto_replied", "auto_replied until 2026-11-16", "bounced", "complained"),
    *("unsubscribed", "unsubscribed sales", "unsubscribed guides", "resubscribed news", "resubscribed guides"),
    *("meeting_held", "mail_logged"),
    *("submitted form", "call_logged", "visited /pricing/plans", "visited /bye", "asked", "asked", "meeting_booked"),
    *("changed stage mql", "changed stage customer", "changed status idle", "changed status bad-fit"),
    *("changed status working", "changed status working", "changed status idle"),
    *(
        "changed pains cost",
        "changed renewal 2026-12-01",
        "changed next_attempt 2026-11-12",
        "changed owner ben@acme.example",
    ),
    "halted",
)
"""`clicked` and `opened` alone are about the last mail, whichever it is."""


@st.composite
def examples(draw: st.DrawFn) -> Drawn:
    minutes = st.one_of(st.integers(1, 3 * 1440), st.integers(1, 40 * 1440))
    times = draw(st.lists(minutes, max_size=7, unique=True))
    return Drawn(
        sequences={
            "main": draw(sequence("Main", True, ("manual",))),
            "other": draw(sequence("Other", False, TRIGGERS)),
        },
        pressure=draw(
            st.sampled_from(
                (
                    "{day: 1, week: 3, gap: 20 hours, company: {mails: 2, within: 3 days}, catch_up: none}",
                    "{day: 1, week: 2, counts: [marketing], catch_up: none}",
                    "{day: 2, week: none, gap: 2 hours, over: {wait: 1 day, then: skip}, catch_up: none}",
                )
            )
        ),
        start=draw(st.sampled_from(STARTS)),
        lead={
            "email": draw(st.sampled_from(("kim@harbor.example", "lee@lagoon.example", "max@mill.example"))),
            "stage": draw(st.sampled_from(("lead", "mql", ""))),
            "time_zone": draw(st.sampled_from(("America/New_York", "Australia/Lord_Howe", "Europe/London", ""))),
            "country": draw(st.sampled_from(("US", "DE", ""))),
            "owner_email": draw(st.sampled_from(("ana@acme.example", "ben@acme.example", "nobody@acme.example", ""))),
            "pains": draw(st.sampled_from(("cost", "risk", "cost;risk", ""))),
            "renewal": draw(st.sampled_from(("2026-10-20", "2026-12-05", "2027-04-01", ""))),
        },
        cues=tuple(f"{at} minutes: {draw(st.sampled_from(DEEDS))}" for at in sorted(times)),
        enrolled=draw(st.integers(0, 9)) < 9,
    )
