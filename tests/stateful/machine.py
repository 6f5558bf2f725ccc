"""The rules: Hypothesis draws what is done, the house does it. See `python -m tests.stateful`."""

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.stateful.edits import CHOICES, SEQUENCES, Edit
from tests.stateful.house import FAULTS, JUMPS, KINDS, LEADS, OWNERS, STAGES, STARTS, ZONES, House
from tests.stateful.provider import HOWS, Action, Plan

NUMBERS = st.integers(0, LEADS - 1)
MAILS = st.integers(0, 11)
EDITS = st.builds(Edit, *(st.integers(0, choices - 1) for choices in CHOICES))
TOPICS = st.frozensets(st.sampled_from(["guides", "sales", "news"]))
PICKS = st.lists(st.integers(0, 30), min_size=1, max_size=6)
CHANGES = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from(STAGES)),
    st.tuples(st.just("owner_email"), st.sampled_from(OWNERS)),
    st.tuples(st.just("time_zone"), st.sampled_from([zone for zone in ZONES if zone])),
    st.tuples(st.just("status"), st.sampled_from(["working", "bad-fit"])),
)


def _named(name: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[Action]:
    return st.tuples(st.just(name), *values)


HALTING = st.one_of(
    _named("halt", NUMBERS),
    _named("choose", NUMBERS, TOPICS),
    _named("say", MAILS, st.sampled_from(KINDS), st.integers(0, 3)),
    _named("post", PICKS),
    _named("reply", MAILS, st.booleans()),
    _named("ingest", st.booleans()),
)
PLAIN_DRAIN = _named("drain", st.integers(0, 7), st.just(()), st.none(), st.none())
MEANWHILE = st.one_of(
    HALTING,
    PLAIN_DRAIN,
    _named("reap"),
    _named("jump", st.sampled_from(JUMPS)),
    _named("deploy", EDITS),
    _named("migrate", st.none()),
    st.builds(lambda number, change: ("change", number, *change), NUMBERS, CHANGES),
)
"""What may happen while a request is under way."""
BESIDE = st.one_of(HALTING, PLAIN_DRAIN, _named("reap"), _named("migrate", st.none()))
"""What may happen while a transaction is open."""

FAULT = st.none() | st.tuples(st.integers(1, 5), st.sampled_from(FAULTS))
ASIDE = st.none() | st.tuples(st.integers(1, 5), BESIDE)
PLAN = st.builds(
    Plan,
    st.sampled_from(HOWS),
    st.lists(MEANWHILE, max_size=2).map(tuple),
    st.lists(MEANWHILE, max_size=2).map(tuple),
    st.integers(0, 3),
)
PLANS = st.lists(PLAN, max_size=3).map(tuple)
DRAIN = _named("drain", st.integers(0, 7), PLANS, FAULT, ASIDE)
WAITS = st.just(0) | st.sampled_from((0, *JUMPS))
"""Minutes; 0: until somebody is due. Mostly that: where nobody is due, nothing can go wrong."""


class Machine(RuleBasedStateMachine):
    """One run: rules in any order, then everything settles."""

    the_house: ClassVar[House]
    runs: ClassVar[int] = 0
    opened = False

    @property
    def house(self) -> House:
        return type(self).the_house

    @initialize(
        start=st.integers(0, len(STARTS) - 1),
        batch=st.sampled_from([500, 2, 1]),
        entries=st.lists(st.tuples(NUMBERS, st.integers(0, len(SEQUENCES) - 1)), min_size=3, max_size=8),
    )
    def opens(self, start: int, batch: int, entries: list[tuple[int, int]]) -> None:
        type(self).runs += 1
        self.house.open(start, batch)
        self.opened = True
        for number, sequence in entries:
            self._does(("enrol", number, sequence))

    def _does(self, action: Action) -> None:
        self.house.do(action)
        self.house.watch.judge()

    @rule(number=NUMBERS, sequence=st.integers(0, len(SEQUENCES) - 1))
    def enrols(self, number: int, sequence: int) -> None:
        self._does(("enrol", number, sequence))

    @rule(number=NUMBERS, event=st.sampled_from(["asked", "asked", "meeting_booked"]))
    def tells(self, number: int, event: str) -> None:
        self._does(("tells", number, event))

    @rule(number=NUMBERS, change=CHANGES)
    def changes(self, number: int, change: tuple[str, str]) -> None:
        self._does(("change", number, *change))

    @rule(minutes=WAITS, place=st.integers(0, 7), plan=PLAN, more=PLANS, fault=FAULT, aside=ASIDE)
    def drains_later(self, minutes: int, place: int, plan: Plan, more: Any, fault: Any, aside: Any) -> None:
        self._does(("jump", minutes))
        self._does(("drain", place, (plan, *more), fault, aside))

    @rule(minutes=WAITS, place=st.integers(0, 7), fault=st.tuples(st.integers(1, 3), st.sampled_from(FAULTS)))
    def drains_and_breaks(self, minutes: int, place: int, fault: tuple[int, str]) -> None:
        self._does(("jump", minutes))
        self._does(("drain", place, (), fault, None))

    @rule(action=DRAIN)
    def drains(self, action: Action) -> None:
        self._does(action)

    @rule(
        how=st.sampled_from(["timeout-accepted", "timeout-lost", "kill-accepted", "fail-lost"]),
        number=NUMBERS,
        hours=st.integers(1, 4),
        plans=PLANS,
    )
    def nobody_knows_for_hours(self, how: str, number: int, hours: int, plans: tuple[Plan, ...]) -> None:
        self._does(("enrol", number, SEQUENCES.index("quick")))
        self._does(("tick", (Plan(how), Plan(how)), 0, None))
        self._does(("reap",))
        self._does(("hours", hours))
        self._does(("tick", plans, 0, None))

    @rule(number=NUMBERS, plans=PLANS, ends=st.sampled_from(["trial", "trial", "resume"]))
    def our_key_is_refused(self, number: int, plans: tuple[Plan, ...], ends: str) -> None:
        self._does(("enrol", number, SEQUENCES.index("quick")))
        self._does(("tick", (Plan("refuse-key"),), 0, None))
        self._does(("tick", (), 0, None))
        self._does((ends,))
        self._does(("tick", plans, 0, None))

    @rule(plans=PLANS, order=st.integers(0, 3), fault=FAULT)
    def ticks(self, plans: tuple[Plan, ...], order: int, fault: tuple[int, str] | None) -> None:
        self._does(("tick", plans, order, fault))

    @rule(minutes=WAITS, plans=PLANS)
    def ticks_later(self, minutes: int, plans: tuple[Plan, ...]) -> None:
        self._does(("jump", minutes))
        self._does(("tick", plans, 0, None))

    @rule()
    def rests(self) -> None:
        self._does(("resume",))
        self._does(("reap",))
        self.house.works_off()

    @rule(what=st.sampled_from(["restart", "resume", "trial", "flush", "reap"]))
    def odd_things_happen(self, what: str) -> None:
        self._does((what,))

    @rule(number=st.integers(0, 99))
    def hint_comes_late(self, number: int) -> None:
        self._does(("hint", number))

    @rule(aside=ASIDE)
    def migrates(self, aside: Any) -> None:
        self._does(("migrate", aside))

    @rule(action=st.one_of(_named("deploy", EDITS), _named("deploy", EDITS), _named("rollback", st.integers(0, 5))))
    def deploys(self, action: Action) -> None:
        self._does(action)

    @rule(number=MAILS, kind=st.sampled_from(KINDS), more=st.integers(0, 3))
    def provider_says(self, number: int, kind: str, more: int) -> None:
        self._does(("say", number, kind, more))

    @rule(
        number=MAILS, kind=st.sampled_from(["open", "click", "delivered"]), more=st.integers(0, 3), urgent=st.booleans()
    )
    def somebody_reads(self, number: int, kind: str, more: int, urgent: bool) -> None:
        self._does(("say", number, kind, more))
        self._does(("post", [-1, -1]))
        self._does(("ingest", urgent))

    @rule(picks=PICKS)
    def webhook_comes(self, picks: list[int]) -> None:
        self._does(("post", picks))

    @rule(urgent=st.booleans(), fault=FAULT, aside=ASIDE)
    def takes_in(self, urgent: bool, fault: tuple[int, str] | None, aside: Any) -> None:
        self._does(("ingest", urgent, fault, aside))

    @rule(number=MAILS, automatic=st.booleans(), at_once=st.booleans())
    def replies(self, number: int, automatic: bool, at_once: bool) -> None:
        self._does(("reply", number, automatic))
        if at_once:
            self._does(("ingest", True))

    @rule(number=NUMBERS, what=st.sampled_from(["halt", "lift", "lift"]))
    def halts(self, number: int, what: str) -> None:
        self._does((what, number))

    @rule(number=NUMBERS, chosen=TOPICS)
    def chooses_topics(self, number: int, chosen: frozenset[str]) -> None:
        self._does(("choose", number, chosen))

    def teardown(self) -> None:
        if self.opened:
            self.house.settle()


RULES = frozenset(
    "enrol tells change jump hours drain tick hint flush reap migrate deploy rollback restart resume trial say post"
    " ingest reply halt lift choose".split()
)
"""Actions of which every kind must come about in a run of any length worth the name."""
