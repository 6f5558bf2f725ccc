"""`sequencer db`."""

import click

from sequencer.cli.database import understood
from sequencer.settings import Settings
from sequencer.store.migrate import upgrade as migrate


@click.group()
def command() -> None:
    """Look after the database of DATABASE_URL.

    Example: sequencer db upgrade
    """


@command.command(short_help="Bring it to the newest schema.")
def upgrade() -> None:
    """Bring the database to the newest schema, and make the partitions of the coming months.

    In one transaction; when nothing is missing, nothing changes. Safe while workers run, and from several places at
    once.

    Example: sequencer db upgrade
    """
    settings = Settings.read()
    with understood():
        migrate(settings.database_url)
    click.echo("the database has the newest schema")
