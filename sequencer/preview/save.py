"""Writes an edited content file, and nothing else: inside the workspace, whole, and not over somebody else's change."""

import hashlib
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from sequencer.errors import InvalidInput, SequencerError
from sequencer.rendering.rewrite import Written, rewritten, written
from sequencer.workspace.load import LARGEST


class ChangedMeanwhile(SequencerError):
    """Somebody else wrote the file after it was read here."""


def stamp(raw: bytes) -> str:
    """Tells one version of a file from another."""
    return hashlib.sha256(raw).hexdigest()[:32]


def load(folder: Path, name: str) -> tuple[Written | None, str]:
    """What may be edited of a file (None: its head has mistakes), and its stamp. Raises InvalidInput."""
    raw = _read(_place(folder, name), name)
    return written(_text(raw, name)), stamp(raw)


def save(folder: Path, name: str, wanted: Written, seen: str) -> str:
    """Writes the file when it still is what `seen` stamps, and gives its new stamp.

    `name` is the path below the workspace's folder. Raises ChangedMeanwhile and InvalidInput.
    """
    path = _place(folder, name)
    raw = _read(path, name)
    if stamp(raw) != seen:
        raise ChangedMeanwhile(f"{name} was changed by somebody else meanwhile")
    new = rewritten(_text(raw, name), wanted).encode()
    if new == raw:
        return seen
    if len(new) > LARGEST:
        raise InvalidInput(f"{name} would be larger than {LARGEST:,} bytes")
    try:
        # A reader, an editor or git sees the old file or the new one, never half of it.
        with NamedTemporaryFile(dir=path.parent, prefix=".preview-", delete=False) as file:
            try:
                file.write(new)
                file.flush()
                os.chmod(file.name, path.stat().st_mode & 0o777)
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise InvalidInput(f"{name} cannot be written: {error.strerror}") from error
    return stamp(new)


def _place(folder: Path, name: str) -> Path:
    """Where the file is. A link may lead anywhere, so none is followed."""
    root = folder.resolve()
    path = root / name
    if Path(os.path.realpath(path)) != path or not path.is_relative_to(root / "content"):
        raise InvalidInput(f"{name} is a link, or lies behind one: edit the file that it leads to")
    return path


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}") from error


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is not UTF-8: save it with the encoding UTF-8") from error
