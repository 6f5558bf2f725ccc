"""What `check` worked out before, in a folder of the user's own, so that an edit costs what it changed.

It is never needed: what is missing, damaged or cannot be written is worked out again. A result stands under the digest
of everything that went into it, this package's code and all installed packages included.

The results are pickles, and whoever can write them can run code: as with Python's own byte code, the folder has to be
the user's alone. So it is never one in the workspace, where somebody's pull request could bring it along, and a
deployment is always compiled anew.
"""

import hashlib
import io
import marshal
import os
import pickle
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import FunctionType
from typing import Any, Final

from sequencer.core.shelf import BARE, Shelf

UNUSED: Final = 14 * 86_400
"""Seconds after which a result that nobody asked for is removed."""
TOUCHED: Final = 86_400
"""Seconds within which it is not noted again that somebody asked."""
DIGEST: Final = 32
"""Bytes of a SHA-256, before each result."""


def opened(folder: Path | None) -> Shelf:
    """A shelf in this folder; a bare one when there is none, or it is not the user's alone."""
    if folder is None:
        return BARE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return BARE
        return _Folder(folder, _digest(list(_installed())))
    except OSError:
        return BARE


def _installed() -> Iterator[object]:
    """All the code that results may depend on."""
    yield sys.version
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        yield file.relative_to(package).as_posix()
        yield file.read_bytes()
    for place in sys.path:
        with suppress(OSError):
            yield sorted(name for name in os.listdir(place or ".") if name.endswith((".dist-info", ".egg-info")))


class _Folder:
    def __init__(self, folder: Path, given: bytes) -> None:
        self._folder = folder
        self._given = given

    def about(self, *given: object) -> "_Folder":
        return _Folder(self._folder, _digest([self._given, *given]))

    def get(self, *given: object) -> Any:
        path = self._path(given)
        try:
            raw = path.read_bytes()
            if hashlib.sha256(raw[DIGEST:]).digest() != raw[:DIGEST]:
                return None
            if time.time() - path.stat().st_mtime > TOUCHED:  # noqa: TID251 - as the file system counts
                os.utime(path)
            return pickle.loads(raw[DIGEST:])
        except Exception:
            return None

    def put(self, result: Any, *given: object) -> None:
        written = io.BytesIO()
        path = self._path(given)
        try:
            _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(result)
            raw = written.getvalue()
            path.parent.mkdir(mode=0o700, exist_ok=True)
            # Another run may write the same: whoever is last replaces a whole file by a whole file.
            with NamedTemporaryFile(dir=path.parent, prefix="new-", delete=False) as file:
                file.write(hashlib.sha256(raw).digest() + raw)
            os.replace(file.name, path)
        except (OSError, pickle.PicklingError, TypeError, AttributeError, RecursionError):
            return

    def _path(self, given: Iterable[object]) -> Path:
        name = _digest([self._given, *given]).hex()
        return self._folder / name[:2] / name[2:]


class Memory:
    """Results of this process, which compiles the same workspace again and again: what the last round asked for.

    What is not there may stand on the shelf behind it.
    """

    def __init__(self, behind: Shelf = BARE) -> None:
        self._behind = behind
        self._given = b""
        self._now: dict[bytes, Any] = {}
        self._before: dict[bytes, Any] = {}

    def round(self) -> None:
        """Another compilation begins: what the last one did not ask for is forgotten."""
        self._before = dict(self._now)
        self._now.clear()

    def about(self, *given: object) -> "Memory":
        part = Memory(self._behind.about(*given))
        part._given = _digest([self._given, *given])
        part._now, part._before = self._now, self._before
        return part

    def get(self, *given: object) -> Any:
        name = _digest([self._given, *given])
        found = self._now.get(name) or self._before.get(name) or self._behind.get(*given)
        if found is not None:
            self._now[name] = found
        return found

    def put(self, result: Any, *given: object) -> None:
        self._now[_digest([self._given, *given])] = result
        self._behind.put(result, *given)


def tidy(folder: Path | None) -> None:
    """Removes what nobody asked for in a long time."""
    if folder is None:
        return
    with suppress(OSError):
        for path in folder.glob("??/*"):
            if time.time() - path.stat().st_mtime > UNUSED:  # noqa: TID251 - as the file system counts
                path.unlink(missing_ok=True)


class _Pickler(pickle.Pickler):
    """Functions that were compiled from conditions have no name to be found by: they are kept as their code.

    Dataclasses with slots are kept as their values: the way that dataclasses have for these takes twice the time of
    reading them, and a large workspace has a hundred thousand.
    """

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, FunctionType) and value.__name__ == "<lambda>":
            named = {name: one for name, one in value.__globals__.items() if name != "__builtins__"}
            return _revived, (marshal.dumps(value.__code__), named)
        if is_dataclass(kind := type(value)) and "__slots__" in vars(kind):
            return _filled, (kind, *[getattr(value, one.name) for one in fields(kind)])
        return NotImplemented


def _filled(kind: Any, *values: Any) -> Any:
    made = kind.__new__(kind)
    for fill, value in zip(_fillers(kind), values, strict=True):
        fill(made, value)
    return made


@cache
def _fillers(kind: Any) -> tuple[Callable[[Any, Any], None], ...]:
    """What sets each field, also of what is frozen."""
    return tuple(getattr(kind, one.name).__set__ for one in fields(kind))


def _revived(code: bytes, named: dict[str, Any]) -> FunctionType:
    return FunctionType(marshal.loads(code), {"__builtins__": {}, **named})


def _digest(given: object) -> bytes:
    found = hashlib.sha256()
    _feed(found.update, given)
    return found.digest()


def _feed(update: Any, value: object) -> None:
    """Everything that a value holds, in one order and so that no two values look the same."""
    if isinstance(value, str | bytes):
        raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        update(f"{type(value).__name__} {len(raw)} ".encode())
        update(raw)
    elif is_dataclass(value) and not isinstance(value, type):
        held = [one.name for one in fields(value) if one.compare]
        update(f"{type(value).__qualname__} {len(held)} ".encode())
        for name in held:
            _feed(update, getattr(value, name))
    elif isinstance(value, Mapping):
        update(f"mapping {len(value)} ".encode())
        for name, one in value.items():
            _feed(update, name)
            _feed(update, one)
    elif isinstance(value, Set):
        update(f"set {len(value)} ".encode())
        for digest in sorted(map(_digest, value)):
            update(digest)
    elif isinstance(value, list | tuple):
        update(f"list {len(value)} ".encode())
        for one in value:
            _feed(update, one)
    else:
        _feed(update, f"{type(value).__qualname__} {value!r}")
