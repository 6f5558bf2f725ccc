"""`python -m sequencer.sandbox`: the sandbox as a process of its own, as `sequencer dev` starts it."""

import gc
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import uvicorn
from sqlalchemy import Connection

from sequencer.core.handoff import policy_of
from sequencer.core.target_call import key_of
from sequencer.core.token import inbound_key
from sequencer.errors import SequencerError
from sequencer.logs import configure
from sequencer.sandbox.app import build
from sequencer.sandbox.audience import react as reacts
from sequencer.sandbox.hurry import react as reacts_hurriedly
from sequencer.sandbox.posted import Keys
from sequencer.sandbox.signing import load_key
from sequencer.services.release import Releases
from sequencer.settings import Settings
from sequencer.store.engine import connect

CONNECTIONS = 6


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=int, required=True, help="The port to listen on.")
@click.option("--web", required=True, help="Where the web process is reached, to post webhooks to.")
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="The private key, PEM.")
@click.option("--seed", type=int, default=1, show_default=True, help="What the audience is drawn from.")
@click.option("--audience", is_flag=True, help="Recipients react by themselves.")
@click.option("--hurry", is_flag=True, help="So they do, but within seconds, and more of them halt.")
@click.option("--copies", type=click.IntRange(1, 9), default=1, show_default=True, help="Posts of each event.")
def main(host: str, port: int, web: str, key: Path, seed: int, audience: bool, hurry: bool, copies: int) -> None:
    """Take mail like SendGrid, show it, and post signed events back. Keeps its tables in DATABASE_URL.

    Example: python -m sequencer.sandbox --port 8001 --web http://127.0.0.1:8000 --key webhook-key.pem
    """
    settings = Settings.read()
    settings.need("SECRET_KEY")
    secret = (settings.secret_key or "").encode()
    configure(settings.log_level)
    engine = connect(settings.database_url, CONNECTIONS, "sandbox")
    app = build(
        engine,
        webhook_url=f"{web}/webhooks/sendgrid/events",
        inbound_url=f"{web}/webhooks/sendgrid/inbound/{inbound_key(secret)}",
        private_key=load_key(key.read_text()),
        seed=seed,
        audience=reacts_hurriedly if hurry else reacts if audience else None,
        copies=copies,
        targets=declared(secret),
    )
    # Thousands of reactions are held at a time; looking through all of them at every few hundred more took a fifth.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    try:
        # One process, whatever WEB_CONCURRENCY says of the web: uvicorn would read it too, and refuse to start.
        uvicorn.run(
            app, host=host, port=port, workers=1, log_config=None, access_log=False, timeout_graceful_shutdown=5
        )
    finally:
        engine.dispose()


def declared(secret: bytes) -> Keys:
    """The targets of the workspace that is deployed."""
    releases = Releases()

    def keys(conn: Connection) -> Mapping[str, bytes]:
        release = releases.deployed(conn)
        targets = policy_of(release.workspace).targets.values() if release is not None else ()
        return {one.name: key_of(secret, one.name) for one in targets if one.form == "webhook"}

    return keys


if __name__ == "__main__":
    try:
        main(prog_name="python -m sequencer.sandbox")
    except SequencerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
