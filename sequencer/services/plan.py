"""Foresees a deployment: by the rules and the code by which the workers will take people over."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from sequencer.core.condition import merged
from sequencer.core.engine import departure
from sequencer.core.fate import Standing
from sequencer.core.plan import Looks, Plan, Version, plan
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence
from sequencer.services import snapshots
from sequencer.services.migrate import Edits, release_at, with_companies
from sequencer.services.newcomers import newcomers
from sequencer.services.readying import readying
from sequencer.services.release import Candidate, Releases, keep_names
from sequencer.services.strangers import newly
from sequencer.store import enrollments

PAGE = 2_000
"""People looked at together."""


def foresee(conn: Connection, known: Releases, current: Release, to: Candidate, now: datetime, named: int = 0) -> Plan:
    """What deploying this would change now, counted person by person. Raises WorkspaceProblems as a deploy does.

    So many of those who become sales-ready by it are `named`.
    """
    keep_names(current.workspace, to)
    next_one = known.with_kept(conn, Release(current.number + 1, to.digest, to.workspace, to.contents, to.files))
    inside = enrollments.standing(conn)
    looks = _looks(conn, Edits(partial(known.at, conn), next_one), next_one, inside, now)
    here = _here(conn, known, current, inside)
    before, entering = older(conn, known, current, here), newcomers(conn, current, next_one, now)
    ready = readying(conn, current, next_one, now, named)
    found = plan(current.number, version(current), version(to), here, looks, before, entering, ready)
    return replace(found, shared=newly(conn, current.workspace, to.workspace))


def version(of: Release | Candidate) -> Version:
    return Version(of.workspace, of.contents, of.files)


def _here(conn: Connection, known: Releases, current: Release, inside: Iterable[Standing]) -> list[Standing]:
    found: Counter[Standing] = Counter()
    edits = Edits(partial(known.at, conn), current)
    for one in inside:
        here = edits.migrated(one.enrollment())
        stands = one._replace(deployment=current.number, position=here.position, pinned=here.pinned, people=0)
        found[stands] += one.people
    return [one._replace(people=people) for one, people in found.items()]


def older(
    conn: Connection, known: Releases, current: Release, inside: Iterable[Standing]
) -> Mapping[tuple[str, int], tuple[Sequence | None, ...]]:
    """By sequence and deployment whose steps some of these keep: its versions from then on."""
    found: dict[tuple[str, int], tuple[Sequence | None, ...]] = {}
    for name, first in sorted({(one.sequence, one.pinned) for one in inside if one.pinned is not None}):
        since = (release_at(conn, known, current, number) for number in range(first, current.number + 1))
        found[name, first] = tuple(one.workspace.sequences.get(name) if one is not None else None for one in since)
    return found


def _looks(
    conn: Connection, edits: Edits, to: Release, inside: Iterable[Standing], now: datetime
) -> Mapping[str, Looks]:
    """By sequence, who has to be looked at, and who of them leaves at that."""
    touched = {one.sequence for one in inside if not edits.untouched(one.enrollment())}
    wanted = sorted(touched & to.workspace.sequences.keys())
    found: dict[str, Looks] = {}
    last = 0
    while page := enrollments.page(conn, wanted, last, PAGE):
        last = page[-1][0].id
        soon: Counter[str] = Counter()
        ending: dict[str, list[snapshots.Subject]] = {}
        for snapshot in with_companies(conn, page):
            before = snapshot.enrollment
            assert before is not None
            after = edits.migrated(before)
            at = None if edits.untouched(before) else edits.due(before, after, snapshot, now)
            if at is not None and at <= now:
                soon[before.sequence] += 1
                if edits.may_end(before, after):
                    ending.setdefault(before.sequence, []).append((after, snapshot.lead))
        for name, people in soon.items():
            so_far = found.get(name, Looks())
            leaving = _leaving(conn, to, ending[name], now) if name in ending else 0
            found[name] = Looks(so_far.soon + people, so_far.leaving + leaving)
    return found


def _leaving(conn: Connection, to: Release, subjects: list[snapshots.Subject], now: datetime) -> int:
    """How many of these people of one sequence leave."""
    by = [to.steps_of(enrollment).sequence for enrollment, _ in subjects if enrollment is not None]
    asks = merged(series.asks for series in {id(series): series for series in by}.values())
    seen = snapshots.load(conn, to.workspace, asks, subjects, now, mails=False)
    leaving = (departure(to.workspace, series, one, now) for series, one in zip(by, seen, strict=True))
    return sum(one is not None for one in leaving)
