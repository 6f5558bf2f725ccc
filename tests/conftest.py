"""Real servers for all tests: one PostgreSQL and one Valkey a run, a database of its own for each test."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, text

from sequencer.local import postgres, valkey
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade
from tests.databases import Databases, beside, dialect

settings.register_profile("sequencer", deadline=None)
settings.load_profile("sequencer")

TEMPLATE = "template_sequencer"
_stack = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """The run's own process starts the servers; xdist's workers are told where they are."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(_stack.enter_context(tempfile.TemporaryDirectory(prefix="sequencer-tests-")))
    url = dialect(_stack.enter_context(postgres(folder / "postgres", throwaway=True)))
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    admin.dispose()
    upgrade(beside(url, TEMPLATE))
    config.stash[_URLS] = {"postgres": url, "valkey": _stack.enter_context(valkey(folder / "valkey"))}


def pytest_configure_node(node: object) -> None:
    """xdist's hook: what a worker process is started with."""
    node.workerinput["urls"] = node.config.stash[_URLS]  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _stack.close()


_URLS = pytest.StashKey[dict[str, str]]()


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave the user's own cache alone."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def urls(pytestconfig: pytest.Config) -> dict[str, str]:
    """`postgres` and `valkey`, for tests that start processes of their own."""
    worker = getattr(pytestconfig, "workerinput", None)
    found: dict[str, str] = worker["urls"] if worker is not None else pytestconfig.stash[_URLS]
    return found


@pytest.fixture(scope="session")
def _databases(urls: dict[str, str]) -> Iterator[Databases]:
    with closing(Databases(urls["postgres"], TEMPLATE)) as found:
        yield found


@pytest.fixture
def database_url(_databases: Databases) -> Iterator[str]:
    """A migrated, empty database that nobody else uses."""
    with _databases.lent() as url:
        yield url


@pytest.fixture(scope="session")
def _engines() -> dict[str, Engine]:
    """By database: statements that one test's engine has compiled are not compiled again for the next."""
    return {}


@pytest.fixture
def engine(database_url: str, _engines: dict[str, Engine]) -> Iterator[Engine]:
    found = _engines.get(database_url) or _engines.setdefault(database_url, connect(database_url, pool_size=5))
    yield found
    found.dispose()
