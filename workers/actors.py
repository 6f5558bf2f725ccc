"""The actors: each takes ids only, calls one service, and hints again while there is more to do.

They run any number of times without harm: what they find is what the database says is due.
"""

import logging
from collections.abc import Callable
from typing import Any

import dramatiq

from sequencer.hints import DEFAULT, QUEUES, URGENT, Broker, Hints, queue_of
from sequencer.logs import describe
from sequencer.services import (
    advance,
    alerts,
    colleagues,
    companies,
    handoff,
    ingest,
    migrate,
    owners,
    reconcile,
    targets,
    tidy,
    visits,
    watch,
    weigh,
    write_back,
)
from sequencer.services.context import Context

_log = logging.getLogger(__name__)

FIRST, LATER = 0, 10
"""Priorities among what a process has fetched; the lower goes first."""


def declare(broker: Broker, hints: Hints, context: Context, gather: Callable[[], object] = lambda: None) -> None:
    """Tells the broker what this process can do, and which queues it takes from.

    `gather`: lets a moment go by before what may have to stop mail is looked for, so that more comes together.
    """
    for queue in QUEUES:
        broker.declare_queue(queue)
    register(broker, hints, "intake", lambda urgent: ingest.process(context, urgent), FIRST, gather)
    register(broker, hints, "reap", lambda: reconcile.reap(context))
    register(broker, hints, "drain", lambda sequence, position: advance.drain(context, sequence, position))
    register(broker, hints, "plant", lambda number: watch.plant(context, number))
    register(broker, hints, "look", lambda number: watch.look(context, number))
    register(broker, hints, "recount", lambda number: weigh.recount(context, number))
    register(broker, hints, "weigh", lambda number: weigh.look(context, number))
    register(broker, hints, "handoff", lambda: handoff.look(context))
    register(broker, hints, "colleagues", lambda: colleagues.tell(context))
    register(broker, hints, "merge", lambda: companies.move(context))
    register(broker, hints, "migrate", lambda: migrate.migrate(context))
    register(broker, hints, "visits", lambda: visits.process(context))
    register(broker, hints, "alerts", lambda: alerts.deliver(context))
    register(broker, hints, "owned", lambda: owners.find(context))
    register(broker, hints, "targets", lambda: targets.deliver(context))
    register(broker, hints, "write_back", lambda: write_back.plan(context))
    register(broker, hints, "tidy", lambda: tidy.tidy(context))


def register(
    broker: Broker,
    hints: Hints,
    name: str,
    work: Callable[..., bool],
    priority: int = LATER,
    gather: Callable[[], object] = lambda: None,
) -> None:
    """Makes an actor of `work`, which says whether more is due. `gather`: waits before what is urgent is begun.

    A failure is logged and forgotten: what was due still is, and the clock finds it, or the worker itself, as soon as
    the database is there again.
    """

    def run(*args: Any) -> None:
        if queue_of(name, args) == URGENT:
            gather()  # before the hint counts as taken up: who gives it meanwhile needs no other
        hints.started(name, *args)
        try:
            more = work(*args)
        except Exception as error:
            _log.error("%s failed, args=%s: %s", name, list(args), describe(error))
            broker.failed()
            return
        if more:
            hints.hint(name, *args)

    dramatiq.actor(broker=broker, actor_name=name, queue_name=DEFAULT, priority=priority)(run)
