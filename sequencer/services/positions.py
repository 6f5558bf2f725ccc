"""Who stands where, as a file: what a plan needs of a database, for where there is none.

Nobody's data is in it: people are counted by place and by what they have behind them.
"""

from typing import Any, Final

import orjson
from sqlalchemy import Connection

from sequencer.core.fate import Standing
from sequencer.core.plan import Plan, plan
from sequencer.core.release import Release
from sequencer.errors import InvalidInput
from sequencer.services.compile import compile_workspace
from sequencer.services.plan import standing, version
from sequencer.services.release import Candidate, Releases, candidate, keep_names

FORMAT: Final = 1


def export(conn: Connection, known: Releases, current: Release) -> bytes:
    """The deployed workspace's files, and the counts."""
    people = [list(one._replace(deployment=current.number)) for one in standing(conn, known, current)]
    written = {"format": FORMAT, "deployment": current.number, "files": dict(current.files), "standing": people}
    return orjson.dumps(written, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


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
            Standing(str(row[0]), int(row[1]), str(row[2]), str(row[3]), tuple(map(_pair, row[4])), int(row[5]))
            for row in written["standing"]
        ]
        for one in people:
            one.enrollment()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise InvalidInput("expected a file that `sequencer plan --export-positions` wrote") from error
    compiled = compile_workspace(files)
    if compiled.workspace is None:
        raise InvalidInput(f"this version cannot read the workspace of deployment {number} that the file holds")
    keep_names(compiled.workspace, to)
    return plan(number, version(candidate(files, compiled)), version(to), people, None)


def _pair(raw: Any) -> tuple[str, str]:
    step, outcome = raw
    return str(step), str(outcome)
