"""Alembic's entry: always online, always on the connection that `sequencer.store.migrate` gives."""

from alembic import context

from sequencer.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
