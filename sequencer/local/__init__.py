"""PostgreSQL and Valkey from their wheels, for laptops and tests: the servers that production runs, without installing.

    with postgres(folder) as url, valkey(folder) as redis_url: ...

A leaf package: it knows nothing of sequences, and only `dev` and the tests start it.
"""

from sequencer.local.postgresql import Postgres, postgres
from sequencer.local.valkeyd import Valkey, valkey

__all__ = ["Postgres", "Valkey", "postgres", "valkey"]
