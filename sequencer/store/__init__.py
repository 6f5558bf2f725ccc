"""PostgreSQL: tables, migrations, and one file of queries per noun. Every function takes the connection first."""
