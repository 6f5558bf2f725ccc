"""Companies that are none: strangers share their domain, as it turned out after they were made."""

from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import Connection

from sequencer.core.plan import Shared
from sequencer.core.shared_domain import is_shared
from sequencer.core.workspace import Workspace
from sequencer.store import companies
from sequencer.store.companies import Known

PAGE: Final = 5_000
"""Companies whose domains are looked at together."""


def newly(conn: Connection, before: Workspace, after: Workspace) -> tuple[Shared, ...]:
    """The companies that people are in whom an edit of workspace.yaml makes strangers, by domain."""
    if after.shared_domains <= before.shared_domains:
        return ()

    def strange(domain: str) -> bool:
        return is_shared(domain, after.shared_domains) and not is_shared(domain, before.shared_domains)

    return tuple(sorted(Shared(one.domain, people) for one, people in inhabited(conn, strange)))


def inhabited(conn: Connection, strange: Callable[[str], bool]) -> Iterator[tuple[Known, int]]:
    """The companies by whose domains people are strangers, with how many are in them, by id; those without are not."""
    last = 0
    while page := companies.page(conn, last, PAGE):
        last = page[-1].id
        found = [one for one in page if strange(one.domain)]
        people = companies.at_domains(conn, [one.id for one in found]) if found else {}
        yield from ((one, people[one.id]) for one in found if one.id in people)
