"""`python -m sequencer.sandbox`: the sandbox as a process of its own, as `sequencer dev` starts it."""

import sys
from pathlib import Path

import click
import uvicorn

from sequencer.core.token import inbound_key
from sequencer.errors import SequencerError
from sequencer.logs import configure
from sequencer.sandbox.app import build
from sequencer.sandbox.signing import load_key
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
def main(host: str, port: int, web: str, key: Path, seed: int, audience: bool) -> None:
    """Take mail like SendGrid, show it, and post signed events back. Keeps its tables in DATABASE_URL.

    Example: python -m sequencer.sandbox --port 8001 --web http://127.0.0.1:8000 --key webhook-key.pem
    """
    settings = Settings.read()
    settings.need("SECRET_KEY")
    inbound = inbound_key((settings.secret_key or "").encode())
    configure(settings.log_level)
    engine = connect(settings.database_url, CONNECTIONS)
    app = build(
        engine,
        webhook_url=f"{web}/webhooks/sendgrid/events",
        inbound_url=f"{web}/webhooks/sendgrid/inbound/{inbound}",
        private_key=load_key(key.read_text()),
        seed=seed,
        audience=audience,
    )
    try:
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    finally:
        engine.dispose()


if __name__ == "__main__":
    try:
        main(prog_name="python -m sequencer.sandbox")
    except SequencerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
