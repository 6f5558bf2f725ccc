"""The environment: what is accepted, what is refused and how it is said, and what never shows."""

from pathlib import Path

import pytest

from sequencer.errors import Misconfigured
from sequencer.settings import Mailing, Settings, cache_dir, workspace_dir

DATABASE = {"DATABASE_URL": "postgres://user:pw@host:5432/name"}


def read(**values: str) -> Settings:
    return Settings.read(DATABASE | values)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgres_url_is_taken_to_psycopg(scheme: str) -> None:
    settings = Settings.read({"DATABASE_URL": f"{scheme}://user:pw@host:5432/name?sslmode=require"})
    assert "postgresql+psycopg://user:pw@host:5432/name?sslmode=require" == settings.database_url


def test_defaults_need_nothing_but_the_database() -> None:
    settings = read()
    assert (None, "https://api.sendgrid.com", 8000, 2, 4, "INFO", Path()) == (
        settings.redis_url,
        settings.sendgrid_host,
        settings.port,
        settings.worker_processes,
        settings.worker_threads,
        settings.log_level,
        settings.workspace_dir,
    )


def test_connections_of_one_dyno_of_each_kind_take_half_of_a_small_plan() -> None:
    settings = read()
    assert 9 == settings.web_connections + settings.worker_connections + settings.clock_connections


def test_a_self_signed_redis_is_not_verified_unless_its_url_asks_for_it() -> None:
    assert "rediss://:pw@host:6380?ssl_cert_reqs=none" == read(REDIS_URL="rediss://:pw@host:6380").redis_url
    asked = "rediss://:pw@host:6380?ssl_cert_reqs=required"
    assert asked == read(REDIS_URL=asked).redis_url
    assert "redis://host:6379/0" == read(REDIS_URL="redis://host:6379/0").redis_url


def test_the_self_signed_url_is_what_the_redis_library_understands() -> None:
    import ssl

    import redis

    url = read(REDIS_URL="rediss://:pw@host:6380").redis_url
    connection = redis.ConnectionPool.from_url(str(url)).make_connection()
    assert (ssl.CERT_NONE, False) == (connection.cert_reqs, connection.check_hostname)


def test_two_webhook_keys_may_be_given_while_one_is_replaced() -> None:
    assert ("old", "new") == read(SENDGRID_WEBHOOK_PUBLIC_KEY="old, new").webhook_public_keys
    assert () == read(SENDGRID_WEBHOOK_PUBLIC_KEY="").webhook_public_keys


def test_addresses_lose_their_last_slash() -> None:
    assert "https://mail.example.com" == read(PUBLIC_URL="https://mail.example.com/").public_url


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "mysql://u:hunter2@host/name", "DATABASE_URL: expected the PostgreSQL database"),
        ("DATABASE_URL", "", "DATABASE_URL not set: expected the PostgreSQL database"),
        ("REDIS_URL", "http://u:hunter2@host", "REDIS_URL: expected the Redis or Valkey"),
        ("SENDGRID_HOST", "api.sendgrid.com", "SENDGRID_HOST: expected an address that begins with https://"),
        ("PUBLIC_URL", "https://", "PUBLIC_URL: expected an address"),
        ("SENDGRID_API_KEY", "SG.hunter2\nX-Other: y", "SENDGRID_API_KEY: expected printable ASCII"),
        ("COUNTRY_HEADER", "CF-IPCountry: DE", "COUNTRY_HEADER: expected the name of a header"),
        ("SMTP_URL", "mail.example.com:hunter2", "SMTP_URL: expected smtp://user:password@host:587"),
        ("PORT", "http", "PORT: expected a number from 1 to 65535, got 'http'"),
        ("PORT", "0", "PORT: expected a number from 1 to 65535, got '0'"),
        ("WORKER_THREADS", "-1", "WORKER_THREADS: expected a number from 1 to 64, got '-1'"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: expected one of DEBUG, INFO, WARNING, ERROR, got 'LOUD'"),
        ("SENDGRID_WEBHOOK_PUBLIC_KEY", "a,b,c", "SENDGRID_WEBHOOK_PUBLIC_KEY: expected one key, or two"),
        ("WORKSPACE_DIR", "/nowhere/at/all", "WORKSPACE_DIR: expected a folder"),
    ],
)
def test_what_is_wrong_names_the_variable_and_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Settings.read(DATABASE | {name: value})
    assert expected in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_secrets_do_not_show() -> None:
    settings = read(
        REDIS_URL="redis://:hunter2@host",
        SENDGRID_API_KEY="hunter2",
        SMTP_URL="smtp://u:hunter2@host",
        SECRET_KEY="hunter2",
        API_TOKEN="hunter2",
        DASHBOARD_PASSWORD="hunter2",
        CRM_SECRET_OUR_CRM="hunter2, hunter2b",
        HUBSPOT_TOKEN="hunter2",
        SALESFORCE_URL="https://acme.my.salesforce.com",
        SALESFORCE_CLIENT_ID="hunter2",
        SALESFORCE_CLIENT_SECRET="hunter2",
        PIPEDRIVE_TOKEN="hunter2",
    )
    assert settings.crm_secrets == {"our-crm": ("hunter2", "hunter2b")}
    assert settings.crms == ("hubspot", "salesforce"), "of Pipedrive the address is missing"
    assert "hunter2" not in repr(settings)
    assert "pw" not in repr(settings)


def test_what_a_process_needs_is_asked_for_all_at_once() -> None:
    with pytest.raises(Misconfigured) as refused:
        read(REDIS_URL="redis://host").need("REDIS_URL", "SECRET_KEY", "PUBLIC_URL")
    assert str(refused.value).startswith("SECRET_KEY and PUBLIC_URL not set: expected a long random text")


def test_the_workspace_is_known_without_a_database(tmp_path: Path) -> None:
    assert tmp_path == workspace_dir({"WORKSPACE_DIR": str(tmp_path)})
    assert Path() == workspace_dir({})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CACHE_HOME": "/var/cache/ana"}, "/var/cache/ana/sequencer"),
        ({"XDG_CACHE_HOME": "here"}, "/home/ana/.cache/sequencer"),  # the specification: relative ones are ignored
        ({}, "/home/ana/.cache/sequencer"),
    ],
)
def test_the_cache_is_in_a_folder_of_the_users_own(
    environ: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    assert cache_dir(environ) == Path(expected)


def test_what_sends_mail_can_be_read_without_a_database() -> None:
    assert not Mailing.read({}).configured
    found = Mailing.read({"SENDGRID_API_KEY": " SG.key ", "SENDGRID_HOST": "http://127.0.0.1:8001/sandbox/"})
    assert (True, "SG.key", "http://127.0.0.1:8001/sandbox") == (
        found.configured,
        found.sendgrid_api_key,
        found.sendgrid_host,
    )
    assert Mailing.read({"SMTP_URL": "smtp://user:pw@host:587"}).configured
    assert "pw" not in repr(Mailing.read({"SMTP_URL": "smtp://user:pw@host:587"}))
    with pytest.raises(Misconfigured, match="SMTP_URL"):
        Mailing.read({"SMTP_URL": "http://host"})
