"""The only reader of the environment: one frozen `Settings`, and errors that name the variable."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sequencer.errors import Misconfigured

SENDGRID = "https://api.sendgrid.com"
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:[1-9][0-9]{0,4}/[\x21-\x7e]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, 5.6.2."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Secrets, and URLs that carry passwords, stay out of `repr`.

    Only DATABASE_URL is needed by everything; what a process needs beyond it, it asks for with `need`.
    """

    database_url: str = field(repr=False)
    """For SQLAlchemy: always `postgresql+psycopg://`."""
    redis_url: str | None = field(default=None, repr=False)
    sendgrid_api_key: str | None = field(default=None, repr=False)
    sendgrid_host: str = SENDGRID
    smtp_url: str | None = field(default=None, repr=False)
    """When set, mail goes by SMTP instead of SendGrid."""
    webhook_public_keys: tuple[str, ...] = ()
    """Base64 of the public keys that event webhooks may be signed with: two while a key is being replaced."""
    webhooks_to: str | None = None
    """Development: all that would go to the reps' webhooks goes here, on this machine, instead."""
    secret_key: str | None = field(default=None, repr=False)
    public_url: str | None = None
    """Where people reach the web process, without a slash at the end."""
    api_token: str | None = field(default=None, repr=False)
    dashboard_password: str | None = field(default=None, repr=False)
    crm_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """By webhook of workspace.yaml what proves that the CRM posts: two while one is being replaced."""
    hubspot_token: str | None = field(default=None, repr=False)
    salesforce_url: str | None = None
    salesforce_client_id: str | None = field(default=None, repr=False)
    salesforce_client_secret: str | None = field(default=None, repr=False)
    pipedrive_url: str | None = None
    pipedrive_token: str | None = field(default=None, repr=False)
    country_header: str | None = None
    """The header in which what stands before the web process says from which country a request comes."""
    port: int = 8000
    web_concurrency: int = 1
    worker_processes: int = 2
    """Of a worker dyno: as many as it has processors. One more takes in what may have to stop mail."""
    worker_threads: int = 4
    """Of each: some compute while others wait for the database, or for a provider that may not answer for seconds."""
    worker_poll: int = 100
    """Milliseconds that an idle worker waits at most before it looks for messages again."""
    log_level: str = "INFO"
    workspace_dir: Path = Path()

    @property
    def web_connections(self) -> int:
        """Connections to PostgreSQL of one web process. With a worker's and a clock's: half of a small plan's 20."""
        return 3

    @property
    def process_connections(self) -> int:
        """Of a worker process: one for two threads. Who waits for the provider holds none."""
        return (self.worker_threads + 1) // 2

    @property
    def worker_connections(self) -> int:
        """Of a worker dyno: its processes', and one for the process that takes in what may have to stop mail."""
        return self.worker_processes * self.process_connections + 1

    @property
    def clock_connections(self) -> int:
        """It does one thing at a time."""
        return 1

    @property
    def connection_budget(self) -> dict[str, int]:
        """Connections to PostgreSQL at most, by kind of dyno, when one of each runs with this environment."""
        return {
            "web": self.web_concurrency * self.web_connections,
            "worker": self.worker_connections,
            "clock": self.clock_connections,
        }

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Everything from the environment. Raises Misconfigured at the first variable that is missing or malformed."""
        values = os.environ if environ is None else environ  # noqa: TID251
        return cls(
            database_url=_database_url(values),
            redis_url=_redis_url(values),
            sendgrid_api_key=_token(values, "SENDGRID_API_KEY"),
            sendgrid_host=_url(values, "SENDGRID_HOST") or SENDGRID,
            smtp_url=_smtp_url(values),
            webhook_public_keys=_keys(values),
            webhooks_to=_loopback_url(values, "WEBHOOKS_TO"),
            secret_key=_text(values, "SECRET_KEY"),
            public_url=_url(values, "PUBLIC_URL"),
            api_token=_text(values, "API_TOKEN"),
            dashboard_password=_text(values, "DASHBOARD_PASSWORD"),
            crm_secrets=_crm_secrets(values),
            hubspot_token=_token(values, "HUBSPOT_TOKEN"),
            salesforce_url=_url(values, "SALESFORCE_URL"),
            salesforce_client_id=_text(values, "SALESFORCE_CLIENT_ID"),
            salesforce_client_secret=_text(values, "SALESFORCE_CLIENT_SECRET"),
            pipedrive_url=_url(values, "PIPEDRIVE_URL"),
            pipedrive_token=_token(values, "PIPEDRIVE_TOKEN"),
            country_header=_header(values, "COUNTRY_HEADER"),
            port=_number(values, "PORT", 8000, most=65535),
            web_concurrency=_number(values, "WEB_CONCURRENCY", 1, most=64),
            worker_processes=_number(values, "WORKER_PROCESSES", 2, most=64),
            worker_threads=_number(values, "WORKER_THREADS", 4, most=64),
            worker_poll=_number(values, "WORKER_POLL", 100, most=10_000),
            log_level=_level(values),
            workspace_dir=workspace_dir(values),
        )

    @property
    def crms(self) -> tuple[str, ...]:
        """Those for which credentials are set."""
        salesforce = self.salesforce_url and self.salesforce_client_id and self.salesforce_client_secret
        set_for = {
            "hubspot": self.hubspot_token,
            "salesforce": salesforce,
            "pipedrive": self.pipedrive_url and self.pipedrive_token,
        }
        return tuple(name for name, known in set_for.items() if known)

    def need(self, *variables: str) -> None:
        """Raises Misconfigured, naming all of these variables that are not set."""
        missing = [name for name in variables if getattr(self, name.lower()) is None]
        if missing:
            raise Misconfigured(f"{' and '.join(missing)} not set: expected {'; '.join(_PURPOSE[n] for n in missing)}")


@dataclass(frozen=True, slots=True)
class Mailing:
    """What sends mail, for commands that need nothing else of the environment; as in Settings."""

    sendgrid_api_key: str | None = field(default=None, repr=False)
    sendgrid_host: str = SENDGRID
    smtp_url: str | None = field(default=None, repr=False)

    @property
    def configured(self) -> bool:
        return self.smtp_url is not None or self.sendgrid_api_key is not None

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Mailing":
        """Raises Misconfigured at the first variable that is malformed."""
        values = os.environ if environ is None else environ  # noqa: TID251
        return cls(
            sendgrid_api_key=_token(values, "SENDGRID_API_KEY"),
            sendgrid_host=_url(values, "SENDGRID_HOST") or SENDGRID,
            smtp_url=_smtp_url(values),
        )


_PURPOSE = {
    "DATABASE_URL": "the PostgreSQL database, such as postgresql://user:password@host:5432/name",
    "REDIS_URL": "the Redis or Valkey that carries hints to the workers, such as redis://host:6379/0",
    "SECRET_KEY": "a long random text that signs links, such as the output of `openssl rand -hex 32`",
    "PUBLIC_URL": "the address at which people reach the web process, such as https://mail.example.com",
    "SENDGRID_API_KEY": "an API key of SendGrid with the right to send mail",
    "API_TOKEN": "a random text that callers of the API send as their bearer token",
    "DASHBOARD_PASSWORD": "the password of the dashboard",
}


def workspace_dir(environ: Mapping[str, str] | None = None) -> Path:
    """WORKSPACE_DIR, or the current folder: what commands need that know nothing but files."""
    values = os.environ if environ is None else environ  # noqa: TID251
    folder = Path(values.get("WORKSPACE_DIR") or ".")
    if not folder.is_dir():
        raise Misconfigured(f"WORKSPACE_DIR: expected a folder that holds sequences/ and content/, got {folder}")
    return folder


def deploy_confirm(environ: Mapping[str, str] | None = None) -> str | None:
    """DEPLOY_CONFIRM: the code of a change that somebody confirmed, where a release phase deploys it."""
    values = os.environ if environ is None else environ  # noqa: TID251
    return _text(values, "DEPLOY_CONFIRM")


def cache_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """A folder of the user's own for what can be worked out again (XDG Base Directory Specification); None: no home."""
    values = os.environ if environ is None else environ  # noqa: TID251
    given = Path(values.get("XDG_CACHE_HOME") or "")
    try:
        return (given if given.is_absolute() else Path.home() / ".cache") / "sequencer"
    except RuntimeError:
        return None


def variables() -> dict[str, str]:
    """A copy of the environment, for whoever starts child processes."""
    return dict(os.environ)  # noqa: TID251


def _text(values: Mapping[str, str], name: str) -> str | None:
    return values.get(name, "").strip() or None


def _number(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = _text(values, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise Misconfigured(f"{name}: expected a number from 1 to {most}, got {text!r}")
    return int(text)


def _level(values: Mapping[str, str]) -> str:
    text = (_text(values, "LOG_LEVEL") or "INFO").upper()
    if text not in LEVELS:
        raise Misconfigured(f"LOG_LEVEL: expected one of {', '.join(LEVELS)}, got {text!r}")
    return text


def _scheme(text: str) -> str:
    return text.partition("://")[0].lower() if "://" in text else ""


def _database_url(values: Mapping[str, str]) -> str:
    text = _text(values, "DATABASE_URL")
    if text is None:
        raise Misconfigured(f"DATABASE_URL not set: expected {_PURPOSE['DATABASE_URL']}")
    if _scheme(text) not in ("postgres", "postgresql", "postgresql+psycopg"):
        got = f"a URL that begins with {_scheme(text)}://" if _scheme(text) else "something that is no URL"
        raise Misconfigured(f"DATABASE_URL: expected {_PURPOSE['DATABASE_URL']}, got {got}")
    return "postgresql+psycopg://" + text.partition("://")[2]


def _redis_url(values: Mapping[str, str]) -> str | None:
    """Heroku's `rediss://` comes with a self-signed certificate, so it is not verified unless the URL asks for it."""
    text = _text(values, "REDIS_URL")
    if text is None:
        return None
    if _scheme(text) not in ("redis", "rediss", "unix"):
        got = f"a URL that begins with {_scheme(text)}://" if _scheme(text) else "something that is no URL"
        raise Misconfigured(f"REDIS_URL: expected {_PURPOSE['REDIS_URL']}, got {got}")
    parts = urlsplit(text)
    query = parse_qsl(parts.query)
    if parts.scheme == "rediss" and "ssl_cert_reqs" not in dict(query):
        parts = parts._replace(query=urlencode([*query, ("ssl_cert_reqs", "none")]))
    return urlunsplit(parts)


def _url(values: Mapping[str, str], name: str) -> str | None:
    text = _text(values, name)
    if text is None:
        return None
    if _scheme(text) not in ("http", "https") or not _host(text):
        raise Misconfigured(f"{name}: expected an address that begins with https:// or http://, got {text!r}")
    return text.rstrip("/")


def _loopback_url(values: Mapping[str, str], name: str) -> str | None:
    text = _text(values, name)
    if text is not None and not _LOOPBACK.fullmatch(text):
        raise Misconfigured(f"{name}: expected an address on this machine as http://127.0.0.1:8001/path, got {text!r}")
    return text


def _smtp_url(values: Mapping[str, str]) -> str | None:
    text = _text(values, "SMTP_URL")
    if text is None:
        return None
    if _scheme(text) not in ("smtp", "smtps") or not _host(text):
        raise Misconfigured("SMTP_URL: expected smtp://user:password@host:587 or smtps://user:password@host:465")
    return text


def _host(text: str) -> bool:
    """Whether the URL names a host, and a port that is a number if any."""
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _keys(values: Mapping[str, str]) -> tuple[str, ...]:
    text = _text(values, "SENDGRID_WEBHOOK_PUBLIC_KEY") or ""
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if len(keys) > 2:
        raise Misconfigured(
            f"SENDGRID_WEBHOOK_PUBLIC_KEY: expected one key, or two separated by a comma, got {len(keys)}"
        )
    return keys


def _token(values: Mapping[str, str], name: str) -> str | None:
    """It is sent in a header."""
    text = _text(values, name)
    if text is not None and not (text.isascii() and text.isprintable()):
        raise Misconfigured(f"{name}: expected printable ASCII")
    return text


def _header(values: Mapping[str, str], name: str) -> str | None:
    text = _text(values, name)
    if text is not None and not _TOKEN.fullmatch(text):
        raise Misconfigured(f"{name}: expected the name of a header as CF-IPCountry, got {text!r}")
    return text


_CRM_SECRET = "CRM_SECRET_"


def _crm_secrets(values: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """CRM_SECRET_NAME, by the name as workspace.yaml writes it: `our-crm` for OUR_CRM."""
    found = {}
    for variable in sorted(name for name in values if name.startswith(_CRM_SECRET)):
        secrets = tuple(one.strip() for one in (_text(values, variable) or "").split(",") if one.strip())
        if len(secrets) > 2:
            raise Misconfigured(f"{variable}: expected one secret, or two separated by a comma, got {len(secrets)}")
        if secrets:
            found[variable.removeprefix(_CRM_SECRET).lower().replace("_", "-")] = secrets
    return found
