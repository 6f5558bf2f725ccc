"""Tells the people of a company that one of them was handed to sales, or answered: then marketing's sequences rest."""

from sequencer.core.colleagues import heard
from sequencer.services.context import Context
from sequencer.services.react import follow, interests
from sequencer.store import clock, colleague_news, leads


def tell(context: Context) -> bool:
    """One piece of news, to some of those whom it concerns. True: there may be more.

    The company is locked before its people, and whoever holds it waits for none of them: those that somebody else has
    locked hear it at the next turn, and nobody hears it twice.
    """
    with context.engine.begin() as conn:
        one = colleague_news.claim(conn)
        if one is None:
            return False
        now = clock.now(conn)
        release = context.releases.current(conn)
        page = colleague_news.listeners(conn, one, context.batch)
        free = leads.lock(conn, page, wait=False)
        happened = [heard(one, lead_id) for lead_id in free]
        awake = follow(conn, release, interests(release), free, happened, now).awake
        busy = [lead_id for lead_id in page if lead_id not in free]
        whole = not busy and len(page) < context.batch
        colleague_news.told(conn, one, None if whole else busy[0] - 1 if busy else page[-1])
    context.wake(awake)
    return not busy
