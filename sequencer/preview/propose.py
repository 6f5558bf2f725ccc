"""Puts edited files on a branch of their own, as one commit, for a pull request.

The user's index, branch and working files stay as they are: the commit is put together in an index of its own, on top
of what is checked out, and only a new branch is made. Hooks do not run and nothing is pushed: that is git's, and CI
checks the pull request anyway.
"""

import re
import subprocess
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sequencer.errors import InvalidInput
from sequencer.settings import variables

FOLDERS: Final = ("content", "sequences")
PATIENCE: Final = 20
"""Seconds that git may take for one command."""
LONGEST: Final = 200
"""Characters of a title."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the workspace that differs from the last commit."""

    path: str
    """Below the workspace's folder."""
    diff: str
    new: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    branch: str
    commit: str
    files: tuple[str, ...]
    remote: str
    """Where a push would go; empty when the repository knows nowhere."""


def changes(folder: Path) -> tuple[Change, ...]:
    """What could be proposed. Raises InvalidInput where git has nothing to compare with."""
    git = _Git(folder)
    git.head()
    told = git("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", *FOLDERS)
    found = []
    for line in filter(None, told.split("\0")):
        state, path = line[:2], line[3:].removeprefix(git.prefix)
        if "D" in state:
            continue  # what was removed here is still to be decided elsewhere
        diff = git("diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD", "--", path) if state != "??" else ""
        if diff or state == "??":
            found.append(Change(path, diff, state == "??"))
    return tuple(found)


def propose(folder: Path, paths: Sequence[str], title: str) -> Proposal:
    """Makes the branch with one commit of these files as they are on disk. Raises InvalidInput."""
    title = " ".join(title.split())[:LONGEST]
    if not title:
        raise InvalidInput("say in a few words what changes: it becomes the commit's message")
    git = _Git(folder)
    head = git.head()
    allowed = {change.path for change in changes(folder)}
    if not paths or not set(paths) <= allowed:
        raise InvalidInput("choose files that differ from the last commit")
    with tempfile.TemporaryDirectory(prefix="sequencer-propose-") as temporary:
        index = {"GIT_INDEX_FILE": str(Path(temporary) / "index")}
        git("read-tree", head, environ=index)
        git("update-index", "--add", "--", *paths, environ=index)
        tree = git("write-tree", environ=index).strip()
    commit = git("commit-tree", tree, "-p", head, "-m", title).strip()
    branch = git.free_branch(f"propose/{slug(title)}")
    # The empty old value: it must not exist, whoever made it meanwhile.
    git("update-ref", f"refs/heads/{branch}", commit, "")
    remotes = git("remote").split()
    remote = "origin" if "origin" in remotes else next(iter(remotes), "")
    return Proposal(branch, commit, tuple(paths), remote)


def slug(title: str) -> str:
    """`Shorter subject: Prices` → `shorter-subject-prices`, fit for a branch's name."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or "change"


_REDIRECTS: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"})


class _Git:
    """git in the workspace's folder; every argument is given by itself, and no path is a pattern."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self.prefix = self("rev-parse", "--show-prefix").rstrip("\n")
        except InvalidInput as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise
            raise InvalidInput(
                f"{folder} is in no git repository: a proposal is a branch and a commit of one (`git init`)"
            ) from error

    def __call__(self, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
        # A hook that starts us says which repository and index it is about; here it is the folder's own.
        given = {name: value for name, value in variables().items() if name not in _REDIRECTS}
        ours = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(
                ["git", "--literal-pathspecs", "-c", "core.quotePath=false", *arguments],
                cwd=self._folder,
                env={**given, **ours, **(environ or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
            )
        except FileNotFoundError as error:
            raise InvalidInput("git was not found: install it, and start the preview again") from error
        except subprocess.TimeoutExpired as error:
            raise InvalidInput(f"git {arguments[0]} took longer than {PATIENCE} seconds") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            if "user.email" in said or "ident" in said:
                said = "git does not know who you are: `git config user.name` and `git config user.email` say it"
            raise InvalidInput(f"git {arguments[0]}: {said or 'failed'}")
        return done.stdout.decode("utf-8", "replace")

    def head(self) -> str:
        try:
            return self("rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
        except InvalidInput as error:
            raise InvalidInput("there is no commit yet: make the first one with git, then propose changes") from error

    def free_branch(self, name: str) -> str:
        """The name, or the first of name-2, name-3 … that is free."""
        taken = set(self("for-each-ref", "--format=%(refname:short)", "refs/heads/").split())
        names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
        return next(one for one in names if one not in taken)
