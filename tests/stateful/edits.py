"""The workspace of these runs, and what may be edited in it: a few choices, so that any two of them are a real edit."""

from collections.abc import Mapping
from typing import NamedTuple

from sequencer.core.content import Content
from sequencer.services.compile import compile_workspace
from sequencer.services.release import pack
from tests.workspaces import LAYOUT, content

_WORKSPACE = """
brand:
  name: Acme
  url: https://www.acme.example
  postal_address: Acme Ltd, 1 Street, London
stages: [subscriber, lead, mql, sql, customer]
statuses:
  working: Working
  bad-fit: {label: Bad fit, stops: all}
topics:
  guides: {label: Guides, default: on}
  sales: {label: Sales, default: on}
  news: {label: News, default: off}
senders:
  marketing: {name: Mara at Acme, email: mara@mail.acme.example, zone: Europe/London}
reps:
  ana@acme.example: {name: Ana Ruiz, zone: America/New_York, deputy: ben@acme.example}
  ben@acme.example: {name: Ben Okafor, zone: Europe/London}
zone: {owner_mail: rep, otherwise: Europe/London}
reply_domain: reply.acme.example
pressure: {day: 1, week: 3, gap: 20 hours, over: {wait: 5 business days, then: skip}}
quiet: {days: [sat, sun]}
"""

SEQUENCES = ("series", "quick", "owners", "news")


class Edit(NamedTuple):
    """One version of the workspace. 0 is how each part begins."""

    state: int = 0
    """Of `series`: live, closed, stopped."""
    mails: int = 0
    """Steps of `series`: as they are, one removed, one added, one replaced, the branch gone, the order turned."""
    branch: int = 0
    """What `series` branches on: a click, an opening, without waiting for it."""
    waits: int = 0
    """As they are, shorter, longer."""
    hours: int = 0
    """Of `series`: office hours, two mornings, any time."""
    quick: int = 0
    """Steps of `quick`: as they are, one removed, one replaced; by the last, its first mail never goes again."""
    copy: int = 0
    """What the mails say."""
    pins: int = 0
    """Of `series` and `quick`: whether those inside follow edits or keep their steps."""


CHOICES = Edit(3, 6, 3, 3, 3, 3, 2, 2)
"""How many choices each part has."""


def texts(edit: Edit) -> dict[str, str]:
    """The files of one version."""
    return {
        "sequences/workspace.yaml": _WORKSPACE,
        "content/layouts/default.mjml": LAYOUT,
        "content/one.md": content(
            "One", 'See {{ link("price", "https://www.acme.example/price", "prices") }}' + ("", " now")[edit.copy]
        ),
        "content/two.md": content("Two for {{ lead.first_name or 'you' }}"),
        "content/three.md": content(
            "Three",
            '{{ link("price", "https://www.acme.example/price", "prices") }} or '
            '{{ link("demo", "https://www.acme.example/demo", "a demo") }}',
        ),
        "content/four.md": content("Four" + ("", "th")[edit.copy]),
        "content/five.md": content("Five"),
        "sequences/series.yaml": _series(edit),
        "sequences/quick.yaml": _quick(edit),
        "sequences/owners.yaml": _OWNERS,
        "sequences/news.yaml": _NEWS,
    }


def _series(edit: Edit) -> str:
    hours = (
        'hours: {days: mon-fri, between: "09:00-17:00"}\n',
        'hours: {days: "tue,thu", between: "08:00-11:30"}\n',
        "",
    )[edit.hours]
    one, two = "  - email: one\n", "  - email: two\n"
    if edit.mails == 1:
        two = ""
    elif edit.mails == 2:
        one += "  - wait: 1 day\n  - id: one-more\n    email: five\n"
    elif edit.mails == 3:
        two = "  - id: two-anew\n    email: five\n"
    if edit.mails == 5:
        one, two = two, one
    condition = (
        'if: clicked("one", "price")\n    within: 3 days',
        'if: opened("one")\n    within: 2 business days',
        'if: lead.stage == "mql"',
    )[edit.branch]
    branch = (
        f"  - id: looked\n    {condition}\n    then:\n      - id: told\n        tell: owner\n        note: Looked\n"
        f"      - email: three\n    else:\n      - wait: {('4 days', '1 hour', '2 weeks')[edit.waits]}\n"
        "      - email: four\n"
    )
    if edit.mails == 4:
        branch = "  - email: three\n"
    return (
        f"title: Series\nstate: {('live', 'closed', 'stopped')[edit.state]}\ntopic: guides\n"
        f"edits: {('follow', 'pin')[edit.pins]}\n"
        'goal: did("meeting_booked")\n'
        'enroll:\n  any:\n    - when: manual\n    - when: did("asked")\n  again: after 30 days\n'
        f'from: marketing\n{hours}exit_on:\n  - lead.stage == "customer"\nsteps:\n'
        f"{one}  - wait: {('1 business day', '30 minutes', '8 days')[edit.waits]}\n{branch}"
        f"  - wait: {('until tue 10:00', 'until 09:30', '3 weeks')[edit.waits]}\n{two}"
    )


def _quick(edit: Edit) -> str:
    second = ("  - email: two\n", "", "  - id: second\n    email: five\n")[edit.quick]
    unknown = "hold" if edit.quick == 2 else "{resend_after: 2 hours}"
    return f"""
title: Quick
state: live
topic: guides
edits: {("follow", "pin")[edit.pins]}
pressure: exempt
enroll:
  when: manual
  again: after 2 days
from: marketing
exit_on:
  - replied()
steps:
  - email: one
    on_unknown: {unknown}
  - id: further
    start: series
  - wait: {("2 hours", "1 minute", "30 hours")[edit.waits]}
  - id: better
    set: {{stage: mql}}
{second}  - id: opened-one
    if: opened("one")
    within: 2 days
    then:
      - email: three
    else:
      - wait: 30 minutes
  - email: four
"""


_OWNERS = """
title: From the owner
state: live
topic: sales
pauses: [series]
enroll:
  any:
    - when: became("stage", "sql")
    - when: silent("asked", "20 days")
      if: lead.stage == "mql"
    - when: manual
from: owner
hours: {days: mon-fri, between: "08:00-18:00"}
steps:
  - id: to-sales
    handoff: owner
  - email: five
  - wait: 1 day
  - id: read
    if: received("three")
    then:
      - email: two
    else:
      - email: four
"""

_NEWS = """
title: News
state: live
topic: news
pressure: exempt
enroll:
  when: manual
  again: after 1 day
from: marketing
steps:
  - email: four
  - wait: 3 days
  - id: asked
    if: consent("sales")
    then:
      - email: two
    else:
      - email: five
"""

_packed: dict[Edit, tuple[bytes, str]] = {}
_contents: dict[int, Mapping[str, Content]] = {}


def bundle(edit: Edit) -> tuple[bytes, str]:
    """What `deploy` stores: the packed release and its hash. Compiled once a process."""
    if edit not in _packed:
        files = texts(edit)
        compiled = compile_workspace(files, _contents.get(edit.copy))
        assert compiled.workspace is not None, [str(problem) for problem in compiled.problems]
        _contents[edit.copy] = compiled.contents
        _packed[edit] = pack(files, compiled.contents)
    return _packed[edit]
