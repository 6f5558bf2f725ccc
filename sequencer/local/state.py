"""What `dev` keeps between two starts, in `.sequencer/` of the workspace: databases, generated secrets, process ids."""

import base64
import fcntl
import json
import secrets
import signal
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sequencer.errors import SequencerError
from sequencer.local import process


class State:
    """The folder, held by one `dev` at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock: IO[str] | None = None

    def hold(self) -> None:
        """Raises SequencerError when another `dev` runs here. The hold ends with this process, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / ".gitignore").write_text("*\n")
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise SequencerError(
                f"another `sequencer dev` is running for this workspace (it holds {self.folder / 'lock'}):"
                " stop it first, or use another WORKSPACE_DIR"
            ) from None
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secret(self, name: str, length: int = 16) -> str:
        """A random text that stays the same from start to start. length: in bytes, twice that in characters."""
        path = self.folder / f"{name}.secret"
        if not path.exists():
            process.write_private(path, secrets.token_hex(length))
        return path.read_text().strip()

    def webhook_keys(self) -> tuple[Path, str]:
        """The file with the private key (PEM) that the sandbox signs with, and the public one as SendGrid shows it."""
        path = self.folder / "webhook-key.pem"
        if not path.exists():
            process.write_private(
                path,
                ec.generate_private_key(ec.SECP256R1())
                .private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
                .decode(),
            )
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return path, base64.b64encode(public).decode()

    def remember(self, pids: dict[str, int]) -> None:
        """Notes the processes that run, so that they can be ended should this one be killed. (Databases see to it.)"""
        known = {name: [pid, process.started(pid)] for name, pid in pids.items()}
        process.write_private(self.folder / "processes.json", json.dumps(known))

    def end_leftovers(self) -> list[str]:
        """Ends what a killed `dev` left running; gives the names. A process id that is somebody else's by now stays."""
        path = self.folder / "processes.json"
        if not path.exists():
            return []
        ended = []
        for name, (pid, started) in reversed(json.loads(path.read_text()).items()):
            if started and process.started(pid) == started:
                process.stop(pid, signal.SIGTERM, patience=5)
                ended.append(name)
        path.unlink()
        return ended
