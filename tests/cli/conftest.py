"""The real commands on a database of their own, with the workspace that is shipped, at a moment that stands still."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from sequencer.cli import main
from sequencer.services.compile import compile_workspace
from sequencer.services.release import pack
from sequencer.store import clock, partitions, releases
from sequencer.workspace.load import read_files

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in Amsterdam and Madrid."""


@dataclass
class Sequencer:
    """Calls commands as a shell would: `sequencer("leads", "import", "leads.csv")`."""

    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, given: str | bytes | None = None, code: int = 0) -> str:
        """What the command says on standard output; its exit code must be `code`."""
        result = self.run(*arguments, given=given)
        assert (code, "") == (result.exit_code, result.stderr if code == 0 else ""), result.output
        return result.stdout

    def run(self, *arguments: str, given: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(main, arguments, input=given, env=self.environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, *arguments: str, given: str | bytes | None = None, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", given=given, code=code))

    def refusal(self, *arguments: str, code: int = 1) -> str:
        """What a command that refuses says on standard error; on standard output it says nothing."""
        result = self.run(*arguments)
        assert (code, "") == (result.exit_code, result.stdout), result.output
        return result.stderr.removeprefix("Error: ").strip()


@pytest.fixture
def environ(database_url: str) -> Mapping[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "SECRET_KEY": "a secret of tests, long enough for anything",
        "PUBLIC_URL": "https://mail.counterweigh.example",
        "WORKSPACE_DIR": str(ROOT),
    }


@pytest.fixture
def sequencer(environ: Mapping[str, str], engine: Engine) -> Sequencer:
    """On a migrated database in which nothing is deployed."""
    with engine.begin() as conn:
        clock.start_virtual(conn, START)
        partitions.ensure(conn)
    return Sequencer(dict(environ))


@pytest.fixture(scope="session")
def bundle() -> tuple[bytes, str]:
    """The shipped workspace as `sequencer deploy` stores it, compiled once for all tests."""
    return _bundle()


@cache  # a fixture that another file imports is one of its own there
def _bundle() -> tuple[bytes, str]:
    files = read_files(ROOT)
    return pack(files, compile_workspace(files).contents)


@pytest.fixture
def released(sequencer: Sequencer, engine: Engine, bundle: tuple[bytes, str]) -> Sequencer:
    """With the shipped workspace as deployment 1."""
    packed, digest = bundle
    with engine.begin() as conn:
        releases.put(conn, digest, packed, START)
        releases.deploy(conn, digest, START)
    return sequencer


@pytest.fixture
def deployed(released: Sequencer) -> Sequencer:
    """With three leads, too."""
    released("leads", "import", "-", given=LEADS)
    return released


LEADS = """\
email,first_name,company,time_zone,owner_email,stage,pains
ana@harbor.example,Ana,Harbor,Europe/Madrid,ines@counterweigh.example,lead,workload;risk
bo@harbor.example,Bo,Harbor,Europe/Madrid,,subscriber,
cy@mill.example,Cy,Mill,America/New_York,daan@counterweigh.example,customer,
"""
