"""The files of a workspace, as texts by their path; and what each of them is."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from sequencer.errors import InvalidWorkspace

LARGEST: Final = 500_000
"""Bytes of one file. Gmail clips a mail at 102 KB; what is longer than five of them is no text."""

MOST: Final = 5_000
"""Files of one workspace."""

MAGNETS: Final = "content/magnets/"
"""Where files lie that forms give access to."""

APART: Final = ("layouts", "partials", "magnets")
"""Folders of `content/` that hold parts of mails, not mails."""


def read_files(folder: Path) -> Mapping[str, str]:
    """Every file of `sequences/` and `content/` that means something, by its path below the folder.

    Names that begin with `_` or `.` are left out, and so is `sequences/scenarios/`. Raises InvalidWorkspace.
    """
    if not folder.is_dir():
        raise InvalidWorkspace(f"there is no folder {folder}: expected one that holds `sequences/` and `content/`")
    root = folder.resolve()
    if not (root / "sequences").is_dir():
        raise InvalidWorkspace(f"there is no folder {folder / 'sequences'}: expected it to hold workspace.yaml")
    paths = sorted(_found(root, root / "sequences", {".yaml", ".yml", ".txt"}, deep=False))
    if (root / "content").is_dir():
        paths += sorted(_found(root, root / "content", {".md", ".mjml"}, deep=True))
    magnets = root / MAGNETS
    given = sorted(_found(root, magnets, None, deep=False)) if magnets.is_dir() else []
    if len(paths) > MOST:
        raise InvalidWorkspace(f"{folder} holds {len(paths):,} files: expected at most {MOST:,}")
    texts = {path.relative_to(root).as_posix(): _read(root, path) for path in paths}
    return texts | {path.relative_to(root).as_posix(): _digest(root, path) for path in given}


def _digest(root: Path, path: Path) -> str:
    """What stands for a file that is given away, and is no text: another one makes another release."""
    _stay_inside(root, path)
    try:
        with path.open("rb") as file:
            return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise InvalidWorkspace(f"{path.relative_to(root)} cannot be read: {error.strerror}") from error


def read_scenarios(folder: Path) -> Mapping[str, str]:
    """The files of `sequences/scenarios/`. They are no part of what is deployed. Raises InvalidWorkspace."""
    root = folder.resolve()
    scenarios = root / "sequences" / "scenarios"
    if not scenarios.is_dir():
        return {}
    paths = sorted(_found(root, scenarios, {".yaml"}, deep=False))
    return {path.relative_to(root).as_posix(): _read(root, path) for path in paths}


def _found(root: Path, folder: Path, suffixes: set[str] | None, deep: bool) -> Iterator[Path]:
    _stay_inside(root, folder)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidWorkspace(f"{folder.relative_to(root)} cannot be read: {error.strerror}") from error
    for path in entries:
        if path.name.startswith(("_", ".")):
            continue
        if path.is_dir():
            # A link to a folder may lead back up and never end.
            if deep and path.is_symlink():
                raise InvalidWorkspace(f"{path.relative_to(root)} is a link to a folder: put the files there instead")
            if deep:
                yield from _found(root, path, suffixes, deep)
        elif suffixes is None or path.suffix in suffixes:
            yield path


def _stay_inside(root: Path, path: Path) -> None:
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        raise InvalidWorkspace(
            f"{path.relative_to(root)} is a link that leads out of the workspace: put the file there"
        )


def _read(root: Path, path: Path) -> str:
    name = path.relative_to(root).as_posix()
    if path.is_symlink():  # else it lies where its folder does
        _stay_inside(root, path)
    if not path.is_file():
        raise InvalidWorkspace(f"{name} is not a file, or a link to one that does not exist")
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidWorkspace(f"{name} cannot be read: {error.strerror}") from error
    if len(raw) > LARGEST:
        raise InvalidWorkspace(f"{name} is larger than {LARGEST:,} bytes: split it, and keep images out of it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidWorkspace(f"{name} is not UTF-8 (line {line}): save it with the encoding UTF-8") from error


def sequence_files(files: Mapping[str, str]) -> Mapping[str, str]:
    """The path of each sequence, by its id: the file's stem."""
    return {
        path.stem: name
        for name in sorted(files)
        if (path := PurePosixPath(name)).parent.as_posix() == "sequences"
        and path.suffix == ".yaml"
        and path.name not in ("workspace.yaml", "forms.yaml", "signals.yaml")
    }


_VARIANT: Final = re.compile(r"(.+)\.([a-z]{2}(?:-[a-z0-9]{2,8})?)", re.IGNORECASE)
"""`pricing.de`, `pricing.de-AT`: the same in another language."""


def content_files(files: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """The paths of each content item, by its id: its path below `content/` without suffix. More than one is wrong."""
    return {item: paths for item, paths in _mails(files).items() if not _VARIANT.fullmatch(item)}


def variant_files(files: Mapping[str, str]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The paths of each content's variants, by its id and then by language, in small letters."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for item, paths in _mails(files).items():
        if match := _VARIANT.fullmatch(item):
            of = found.setdefault(match[1], {})
            of[match[2].lower()] = (*of.get(match[2].lower(), ()), *paths)
    return found


def _mails(files: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(files):
        path = PurePosixPath(name)
        if path.parts[:1] == ("content",) and len(path.parts) > 1 and path.parts[1] not in APART:
            if path.suffix in (".md", ".mjml"):
                item = path.relative_to("content").with_suffix("").as_posix()
                found[item] = (*found.get(item, ()), name)
    return found


def parts_of(files: Mapping[str, str], folder: str) -> Mapping[str, str]:
    """The texts of `content/layouts` or `content/partials` by name: the path below it without `.mjml`."""
    start = f"content/{folder}/"
    return {
        name.removeprefix(start).removesuffix(".mjml"): text
        for name, text in sorted(files.items())
        if name.startswith(start) and name.endswith(".mjml")
    }
