"""`sequencer db`."""

import click

from sequencer.cli import output
from sequencer.cli.database import transaction, understood
from sequencer.settings import Settings
from sequencer.store import partitions
from sequencer.store.engine import connect
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


@command.command("partitions", short_help="List the months of the ledger and of events.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of text.")
def partitions_(as_json: bool) -> None:
    """List the months of the ledger (message) and of events (event), with their size and about how many rows each has.

    Example: sequencer db partitions
    """
    with transaction() as conn:
        found = partitions.of(conn)
    if as_json:
        output.json([{"name": p.name, "from": p.first, "to": p.after, "bytes": p.size, "rows": p.rows} for p in found])
        return
    output.table([(p.name, f"{p.size / 1e6:,.1f} MB", f"about {p.rows:,} rows") for p in found])


@command.command("detach", short_help="Take an old month off.")
@click.argument("name")
def detach_(name: str) -> None:
    """Take the month NAME off the ledger or off events: it becomes a table of its own, to be dumped and dropped.

    Safe while workers run. It is refused for the last twelve months, and for a month of the ledger while somebody who
    entered a sequence in it is still there. What is taken off is forgotten: by conditions that ask for ever, by what
    has been received, and by the unsubscribe links of its mails.

    Example: sequencer db detach message_2025_01
    """
    from sequencer.services.detach import detach

    engine = connect(Settings.read().database_url, pool_size=1)
    with understood():
        try:
            detach(engine, name)
        finally:
            engine.dispose()
    output.line(f"{name} is a table of its own now: nothing here reads it any more")
