"""How many connections to PostgreSQL are taken, against what it allows."""

from sqlalchemy import Connection, text


def taken(conn: Connection) -> dict[str, int]:
    """`open`: to this database now, whoever's; `allowed`: to the server in all."""
    row = conn.execute(
        text(
            "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
    ).one()
    return {"open": row[0], "allowed": row[1]}
