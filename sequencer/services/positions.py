"""Who stands where, as a file: what a plan needs of a database, for where there is none.

Nobody's data is in it: people are counted by place and by what they have behind them.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from sequencer.core.fate import Standing
from sequencer.core.pin import same_steps
from sequencer.core.plan import Plan, plan
from sequencer.core.release import Release
from sequencer.errors import InvalidInput
from sequencer.services.compile import compile_workspace
from sequencer.services.plan import older, standing, version
from sequencer.services.release import Candidate, Releases, candidate, keep_names

FORMAT: Final = 2


def export(conn: Connection, known: Releases, current: Release) -> bytes:
    """The deployed workspace's files, and the counts."""
    people = standing(conn, known, current)
    written = {
        "format": FORMAT,
        "deployment": current.number,
        "files": dict(current.files),
        "standing": [list(one) for one in people],
        "older": {str(number): dict(release.files) for number, release in _older(conn, known, current, people)},
    }
    return orjson.dumps(written, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


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
    """What deploying this would change for those whom the file counts. Raises InvalidInput, and WorkspaceProblems as a
    deploy does.
    """
    try:
        written: dict[str, Any] = orjson.loads(raw)
        if written["format"] != FORMAT:
            raise InvalidInput(f"expected a position file of format {FORMAT}: export it again with this version")
        number, files = int(written["deployment"]), {str(name): str(said) for name, said in written["files"].items()}
        people = [
            Standing(
                *(str(row[0]), int(row[1]), str(row[2]), str(row[3]), tuple(map(_pair, row[4])), int(row[5])),
                pinned=int(row[6]) if row[6] is not None else None,
            )
            for row in written["standing"]
        ]
        before = {int(one): {str(name): str(said) for name, said in of.items()} for one, of in written["older"].items()}
        for one in people:
            one.enrollment()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise InvalidInput("expected a file that `sequencer plan --export-positions` wrote") from error
    compiled = compile_workspace(files)
    if compiled.workspace is None:
        raise InvalidInput(f"this version cannot read the workspace of deployment {number} that the file holds")
    keep_names(compiled.workspace, to)
    known = [(one, compile_workspace(before[one]).workspace) for one in sorted(before)] + [(number, compiled.workspace)]
    since = {
        (name, first): [of.sequences.get(name) if of is not None else None for one, of in known if one >= first]
        for name, first in {(one.sequence, one.pinned) for one in people if one.pinned is not None}
    }
    return plan(number, version(candidate(files, compiled)), version(to), people, None, since)


def _pair(raw: Any) -> tuple[str, str]:
    step, outcome = raw
    return str(step), str(outcome)
