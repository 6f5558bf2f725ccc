"""Each answer, each fault at a commit and each kind of action once: what a short random run may happen not to draw."""

from tests.stateful.edits import Edit
from tests.stateful.house import FAULTS, House
from tests.stateful.provider import HOWS, Action, Plan

FOLLOWS: tuple[Action, ...] = (
    ("say", 0, "click", 0),
    ("post", (0, 0)),
    ("hint", 0),
    ("deploy", Edit(mails=3, waits=1)),
    ("migrate", None),
    ("reply", 1, True),
    ("ingest", True),
    ("choose", 3, frozenset({"guides"})),
    ("flush",),
    ("tells", 0, "asked"),
    ("rollback", 0),
    ("change", 1, "stage", "sql"),
    ("halt", 2),
    ("restart",),
    ("lift", 2),
)


def tour(house: House) -> None:
    """Raises AssertionError for what does not come out right."""
    for number, fault in enumerate(FAULTS):
        house.open(number, (500, 2)[number % 2])
        for lead, how in enumerate(HOWS[number :: len(FAULTS)]):
            house.do(("enrol", lead, 1))
            for place in range(8):
                if not house.counts[f"answer: {how}"]:
                    house.do(("jump", 0))
                    house.do(("drain", place, (Plan(how),), None, None))
            house.do(("trial",))
            house.do(("tick", (), number, None))
        house.do(("reap",))
        house.do(("hours", 2))
        for commit in (2, 3):
            house.do(("enrol", 3, (0, 2)[commit - 2]))
            house.do(("jump", 0))
            house.do(("drain", 0, (), (commit, fault), None))
        house.do(("resume",))
        for action in FOLLOWS[number % 2 :: 2]:
            house.do(action)
        house.settle()
