"""`sequencer keys`."""

import secrets
from datetime import UTC

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.core.api_key import ID_BYTES, PER_MINUTE, SCOPES, SECRET_BYTES, mint
from sequencer.errors import NotFound
from sequencer.store import api_keys


@click.group()
def command() -> None:
    """Make, show and revoke keys of the API, each with what it may.

    Example: sequencer keys list
    """


@command.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="What it may; once for each."
)
@click.option(
    "--per-minute",
    type=click.IntRange(1, 1_000_000),
    default=PER_MINUTE,
    show_default=True,
    help="How many requests it may make in a minute, to each process.",
)
def create(name: str, scopes: tuple[str, ...], per_minute: int) -> None:
    """Make a key for NAME, who or what is to use it, and print it, this once: only its hash is kept.

    Example: sequencer keys create crm --scope leads:write --scope events:write
    """
    minted = mint(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
    with transaction() as conn:
        api_keys.put(conn, minted, output.plain(name)[:100], set(scopes), per_minute)
    output.line(minted.token)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def list_(as_json: bool) -> None:
    """List keys with what they may, and when each was last used.

    Example: sequencer keys list
    """
    with transaction() as conn:
        found = api_keys.listed(conn)
    if as_json:
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "scopes": sorted(one.scopes),
                "per_minute": one.per_minute,
                "created_at": one.created_at.isoformat(),
                "used_at": one.used_at.isoformat() if one.used_at else None,
                "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
            }
            for one in found
        ]
        output.json({"keys": rows})
        return
    for one in found:
        used = f"used {one.used_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if one.used_at else "never used"
        output.line(f"{one.id}  {one.name}  {'revoked' if one.revoked_at else used}  {' '.join(sorted(one.scopes))}")
    if not found:
        output.line("there is no key; API_TOKEN opens the API all the same")


@command.command("revoke")
@click.argument("id_", metavar="ID")
def revoke(id_: str) -> None:
    """Let the key ID open nothing any more, from its next request on.

    Example: sequencer keys revoke 7k2mvq4a
    """
    with transaction() as conn:
        if not api_keys.revoke(conn, id_):
            raise NotFound(f"there is no key `{id_}` that could be revoked; `sequencer keys list` shows all")
    output.line(f"{id_} opens nothing any more")
