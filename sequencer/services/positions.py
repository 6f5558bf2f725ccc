"""Who stands where, as a file: what a plan needs of a database, for where there is none.

Nobody's data is in it: people are counted (see `tallies`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from sequencer.core.fate import Standing
from sequencer.core.pin import kept, same_steps
from sequencer.core.plan import Plan, plan
from sequencer.core.release import Release, Steps
from sequencer.errors import InvalidInput
from sequencer.services.compile import compile_workspace
from sequencer.services.plan import older, version
from sequencer.services.release import Candidate, Releases, candidate, keep_names
from sequencer.services.tallies import Dated, Tally, Told, looks, tally

FORMAT: Final = 3


def export(conn: Connection, known: Releases, current: Release, now: datetime) -> bytes:
    """The deployed workspace's files, and the counts: a row a line, in an order of their own."""
    counted = tally(conn, known, current, now)
    places = {one._replace(people=0): number for number, one in enumerate(counted.standing)}
    head = {
        "format": FORMAT,
        "deployment": current.number,
        "at": counted.now.isoformat(),
        "dates": counted.dates,
        "fields": counted.fields,
        "files": dict(current.files),
        "older": {str(number): dict(of.files) for number, of in _older(conn, known, current, counted.standing)},
    }
    rows: dict[str, list[list[object]]] = {
        "standing": [[*one[:5], one.pinned] for one in places],
        "dated": [[places[one.standing], *one[1:], people] for one, people in counted.dated.items()],
        "told": [[*one, people] for one, people in counted.told.items()],
    }
    parts = [orjson.dumps(head, option=orjson.OPT_INDENT_2).removesuffix(b"\n}")]
    for name, listed in rows.items():
        lines = [orjson.dumps(row) for row in listed]
        said = b",\n".join(lines if name == "standing" else sorted(lines))
        parts.append(b',\n  "%s": [\n%s\n  ]' % (name.encode(), said))
    return b"".join([*parts, b"\n}\n"])


def _older(
    conn: Connection, known: Releases, current: Release, people: Iterable[Standing]
) -> Iterator[tuple[int, Release]]:
    """The deployments whose steps some of these keep, and those since then in which the steps are others."""
    found: set[int] = set()
    for (_, first), versions in older(conn, known, current, people).items():
        for number, (before, after) in enumerate(pairwise((None, *versions[:-1])), first):
            if before is None or after is None or not same_steps(before, after):
                found.add(number)
    for number in sorted(found):
        if (release := known.at(conn, number)) is not None:
            yield number, release


def foresee(raw: bytes, to: Candidate) -> Plan:
    """What deploying this would change for those whom the file counts, as of when it was written.

    Raises InvalidInput, and WorkspaceProblems as a deploy does.
    """
    try:
        written: dict[str, Any] = orjson.loads(raw)
        if written["format"] != FORMAT:
            raise InvalidInput(f"expected a position file of format {FORMAT}: export it again with this version")
        number, files = int(written["deployment"]), _texts(written["files"])
        before = {int(one): _texts(of) for one, of in written["older"].items()}
        counted = _tally(written)
        for one in counted.standing:
            one.enrollment()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise InvalidInput("expected a file that `sequencer plan --export-positions` wrote") from error
    compiled = compile_workspace(files)
    if compiled.workspace is None:
        raise InvalidInput(f"this version cannot read the workspace of deployment {number} that the file holds")
    keep_names(compiled.workspace, to)
    current = Release(number, "", compiled.workspace, compiled.contents, files)
    known = {number: current}
    for first, of in before.items():
        then = compile_workspace(of)
        if then.workspace is not None:
            known[first] = Release(first, "", then.workspace, then.contents, of)
    people = counted.standing
    pinned = {(one.sequence, one.pinned) for one in people if one.pinned is not None}
    since = {
        (name, first): [
            known[one].workspace.sequences.get(name) if one in known else None for one in _from(first, before, number)
        ]
        for name, first in pinned
    }
    next_one = _with_kept(Release(number + 1, to.digest, to.workspace, to.contents, to.files), known, pinned)
    found = looks(counted, known, next_one)
    return plan(number, version(candidate(files, compiled)), version(to), people, found, since, as_of=counted.now)


def _from(first: int, before: Iterable[int], number: int) -> list[int]:
    """The deployments that the file holds, from that one on."""
    return [*(one for one in sorted(before) if one >= first), number]


def _with_kept(to: Release, known: Mapping[int, Release], pinned: Iterable[tuple[str, int]]) -> Release:
    """As `Releases.with_kept` has it: all are of the deployment that runs, or keep the steps of one in the file."""
    found: dict[tuple[str, int], Steps] = {}
    release = Release(to.number, to.hash, to.workspace, to.contents, to.files, kept=found)
    current = max(known)
    for name, number in {*pinned, *((name, current) for name in to.workspace.sequences)}:
        series, then = to.workspace.sequences.get(name), known.get(number)
        if series is not None and series.pins and then is not None and name in then.workspace.sequences:
            found[name, number] = kept(release, then, name)
    return release


def _tally(written: Mapping[str, Any]) -> Tally:
    places = [
        Standing(
            *(str(row[0]), int(row[1]), str(row[2]), str(row[3]), tuple(map(_pair, row[4])), 0), pinned=_number(row[5])
        )
        for row in written["standing"]
    ]
    dated = {
        Dated(
            *(places[row[0]], int(row[1]), _number(row[2]), bool(row[3]), bool(row[4])),
            *(_text(row[5]), _text(row[6]), _text(row[7]), tuple(map(_text, row[8]))),
        ): int(row[9])
        for row in written["dated"]
    }
    told = {
        Told(str(row[0]), _number(row[1]), tuple(tuple(v) if isinstance(v, list) else v for v in row[2])): int(row[3])
        for row in written["told"]
    }
    dates, fields = (tuple(map(str, written[name])) for name in ("dates", "fields"))
    return Tally(datetime.fromisoformat(written["at"]), dates, fields, dated, told)


def _texts(raw: Any) -> dict[str, str]:
    return {str(name): str(said) for name, said in raw.items()}


def _text(raw: Any) -> str | None:
    return str(raw) if raw is not None else None


def _number(raw: Any) -> int | None:
    return int(raw) if raw is not None else None


def _pair(raw: Any) -> tuple[str, str]:
    step, outcome = raw
    return str(step), str(outcome)
