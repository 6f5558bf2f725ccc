"""Deploying a workspace, and loading what was deployed. Workers never read the workspace's files themselves."""

import hashlib
import logging
import threading
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import orjson
from sqlalchemy import Connection

from sequencer.core.content import Content, Link
from sequencer.core.mark import Problem
from sequencer.core.pin import kept
from sequencer.core.release import Release, Steps
from sequencer.core.renames import lost_names
from sequencer.core.shelf import BARE, Shelf
from sequencer.core.watch import name_of, watched, widened
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidWorkspace, Misconfigured
from sequencer.services.compile import Compiled, compile_workspace
from sequencer.store import enrollments, releases, watches

log = logging.getLogger(__name__)

FORMAT = 1
"""Of the bundle. A bundle of another format cannot be loaded."""


class Releases:
    """Releases by deployment number, kept in memory: a deployment never changes."""

    def __init__(self) -> None:
        self._loaded: dict[int, Release] = {}
        self._current: Release | None = None
        self._lock = threading.Lock()

    def current(self, conn: Connection) -> Release:
        """What runs now. Raises Misconfigured before the first deploy."""
        return self.running(conn, releases.current(conn))

    def deployed(self, conn: Connection) -> Release | None:
        """What runs now; None before the first deploy."""
        found = releases.current(conn)
        return self.running(conn, found) if found is not None else None

    def running(self, conn: Connection, found: tuple[int, str] | None) -> Release:
        """The same of whom was asked already for number and hash of the newest deployment; None: there is none."""
        if found is None:
            raise Misconfigured("nothing is deployed yet: run `sequencer deploy` in the folder of your workspace")
        current = self._current
        if current is None or current.number != found[0]:
            current = self._current = self.with_kept(conn, self._get(conn, *found))
        return current

    def with_kept(self, conn: Connection, release: Release) -> Release:
        """With what those go by who keep older steps, as long as this one runs: whoever enters goes by it, and who is
        still to be taken over to it comes from a deployment that is looked at here.
        """
        pinning = {name for name, series in release.workspace.sequences.items() if series.pins}
        if not pinning:
            return release
        places = {(name, number) for name, number in enrollments.pinned(conn) if name in pinning}
        oldest = enrollments.oldest_deployment(conn)
        for number in range(min(oldest or release.number, release.number - 1), release.number):
            places |= {(name, number) for name in pinning}
        found: dict[tuple[str, int], Steps] = {}
        release = replace(release, kept=found)
        for name, number in sorted(places):
            then = self.at(conn, number)
            if then is not None and name in then.workspace.sequences:
                found[name, number] = kept(release, then, name)
        return release

    def at(self, conn: Connection, number: int, keep: bool = True) -> Release | None:
        """A deployment by its number; None when there was none, or when this version of the code cannot run it.

        `keep`: for all who ask for it again; else whoever asks remembers what they wanted to know.
        """
        if number in self._loaded:
            return self._loaded[number]
        digest = releases.hash_of(conn, number)
        try:
            return self._get(conn, number, digest, keep) if digest is not None else None
        except Misconfigured as error:
            log.error("%s", error)
            return None

    def _get(self, conn: Connection, number: int, digest: str, keep: bool = True) -> Release:
        with self._lock:
            found = self._loaded.get(number)
            if found is None:
                found = unpack(number, digest, releases.bundle(conn, digest))
                if keep:
                    self._loaded[number] = found
            return found


@dataclass(frozen=True, slots=True)
class Candidate:
    """A workspace that compiles, ready to be deployed."""

    files: Mapping[str, str]
    workspace: Workspace
    contents: Mapping[str, Content]
    packed: bytes
    digest: str


def prepare(files: Mapping[str, str], shelf: Shelf = BARE) -> Candidate:
    """Checks and compiles what does not stand on the shelf. Raises WorkspaceProblems when `check` would."""
    return candidate(files, compile_workspace(files, shelf=shelf))


def candidate(files: Mapping[str, str], compiled: Compiled) -> Candidate:
    """Of files that were compiled. Raises WorkspaceProblems when they did not."""
    if compiled.workspace is None:
        raise WorkspaceProblems(tuple(p for p in compiled.problems if p.severity == "error"))
    return Candidate(files, compiled.workspace, compiled.contents, *pack(files, compiled.contents))


def deploy(conn: Connection, files: Mapping[str, str], now: datetime, shelf: Shelf = BARE) -> tuple[int, bool]:
    """Checks, compiles and stores the workspace and makes it current.

    Returns the deployment's number, and whether it is a new one: the same workspace again changes nothing.
    Raises WorkspaceProblems when `check` would.
    """
    to, running = prepare(files, shelf), releases.current(conn)
    before = None
    if running is not None and running[1] != to.digest:
        try:
            before = Releases().current(conn).workspace
            keep_names(before, to)
        except Misconfigured:
            log.warning("deployment %d cannot be read: whether steps have other names now is not checked", running[0])
    return switch(conn, to, now, before)


def keep_names(running: Workspace, to: Candidate) -> None:
    """Raises WorkspaceProblems when a step would be taken for another one: its name is new, and `was` does not fit."""
    both = running.sequences.keys() & to.workspace.sequences.keys()
    lost = [p for name in sorted(both) for p in lost_names(running.sequences[name], to.workspace.sequences[name])]
    if lost:
        raise WorkspaceProblems(tuple(lost))


def switch(conn: Connection, to: Candidate, now: datetime, before: Workspace | None = None) -> tuple[int, bool]:
    """Makes it current; returns as `deploy` does. It takes milliseconds, whoever is inside.

    `before`: what it replaces; None where that cannot be read.
    """
    running = releases.current(conn)
    if running is not None and running[1] == to.digest:
        return running[0], False
    releases.put(conn, to.digest, to.packed, now)
    number = releases.deploy(conn, to.digest, now)
    wanted = {(sequence.id, name_of(trigger)) for sequence, trigger in watched(to.workspace)}
    together = []
    if (signals := to.workspace.signals) is not None:
        wanted.add((watches.SIGNALS, signals.digest))
        together += [(watches.SIGNALS, signals.digest)] if signals.asks.windows else []
    watches.agree(conn, wanted, now, widened(before, to.workspace) if before is not None else (), together)
    return number, True


def again(conn: Connection, known: Releases, number: int) -> Candidate:
    """What was deployed by that number, to be deployed anew. Raises Misconfigured when this version cannot run it."""
    found = known.at(conn, number)
    if found is None:
        raise Misconfigured(
            f"deployment {number} cannot be run by this version: check its workspace out from git, mend what"
            " `sequencer check` says, and deploy it"
        )
    return Candidate(found.files, found.workspace, found.contents, releases.bundle(conn, found.hash), found.hash)


class WorkspaceProblems(InvalidWorkspace):
    """The workspace does not compile; `problems` says where and why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__("\n".join([f"the workspace has {count}, nothing was deployed:", *map(str, problems)]))
        self.problems = problems


def pack(files: Mapping[str, str], contents: Mapping[str, Content]) -> tuple[bytes, str]:
    """The bundle and its content hash."""
    body = orjson.dumps(
        {"format": FORMAT, "files": dict(files), "contents": {name: asdict(c) for name, c in contents.items()}},
        option=orjson.OPT_SORT_KEYS,
    )
    return zlib.compress(body), hashlib.sha256(body).hexdigest()


def unpack(number: int, digest: str, packed: bytes) -> Release:
    """The release in a bundle. Raises Misconfigured when this version of the code cannot run it."""
    body = orjson.loads(zlib.decompress(packed))
    if body["format"] != FORMAT:
        raise Misconfigured(f"deployment {number} has bundle format {body['format']}, expected {FORMAT}: deploy again")
    contents = {name: _content(plain) for name, plain in body["contents"].items()}
    compiled = compile_workspace(body["files"], contents)
    if compiled.workspace is None:
        raise Misconfigured(f"deployment {number} cannot be run by this version: deploy the workspace again")
    return Release(number, digest, compiled.workspace, contents, body["files"])


def _content(plain: dict[str, object]) -> Content:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    if plain.get("variants"):
        values["variants"] = {language: _content(one) for language, one in plain["variants"].items()}  # type: ignore[attr-defined]
    values["links"] = tuple(Link(**link) for link in plain["links"])  # type: ignore[attr-defined]
    if plain.get("tags"):
        values["tags"] = {name: tuple(tag) for name, tag in plain["tags"].items()}  # type: ignore[attr-defined]
    return Content(**values)  # type: ignore[arg-type]
