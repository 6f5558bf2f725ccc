"""Webhook bodies: stored raw by the web, worked off here, set by set.

A batch is taken twice. First its bodies are read, and what they prove is written: a provider that speaks of a message
has it, whatever else is in the body. Then all events that are new take effect in one transaction, in savepoints that
are halved until what fails is found; that is set aside, everything else counts. Both can be repeated without harm:
an event counts once by its key.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sequencer.core import aside
from sequencer.core import event as kinds
from sequencer.core.crm_said import NotSaid, Told
from sequencer.core.event import Event
from sequencer.core.interest import Interest
from sequencer.core.reaction import concerns
from sequencer.core.release import Release
from sequencer.core.workspace import Workspace
from sequencer.providers import inbound, sendgrid_events
from sequencer.providers.sendgrid_events import Incoming
from sequencer.services import accept, crm, heartbeat, reply, tally
from sequencer.services.bisect import bisect, reason
from sequencer.services.context import Context
from sequencer.services.judge import UNRECORDED, judge, recognise
from sequencer.services.react import NO_LEAD, follow, interests
from sequencer.services.reply import Answer
from sequencer.store import clock, enrollments, events, intake, leads, messages
from sequencer.store.events import Key
from sequencer.store.intake import Body

log = logging.getLogger(__name__)

LONGEST = 5.0
"""Seconds of operating time after which the intake hands on to another, as a drain does."""
BODIES = 500
"""Taken at a time."""
SIFTED = 2 * 1024 * 1024
"""Bytes gone through at a time for what stops mail: reading them takes some hundredths of a second."""
BYTES = 1600 * 1024
"""Taken at a time, unless one alone is larger: two full posts of SendGrid's, so that leads stay locked for a quarter
second."""

Place = tuple[int, int]
"""A body's id, and the number of an event in it."""
Item = tuple[int, Incoming | Answer | Told]
"""A body's id, and one thing that it says."""


@dataclass(slots=True)
class Opened:
    """A body that was read."""

    id: int
    said: Sequence[Incoming | Answer | Told]
    problems: dict[int, str]
    """What cannot be read, by the number of the event."""
    whole: bool = True
    """Nothing else is in it."""


@dataclass(slots=True)
class Taken:
    """What came of bodies, or of parts of them."""

    new: int = 0
    """Events that had not been known."""
    problems: dict[Place, str] = field(default_factory=dict)
    unrecorded: list[str] = field(default_factory=list)
    """Keys of events that speak of mails which this ledger should know, and does not."""
    foreign: int = 0
    """Events about mails that were never ours. They count for nothing, and nothing of them is kept waiting: another
    installation on the same account says such things all day."""
    proven: set[int] = field(default_factory=set)
    """Enrollments that stood behind a mail of which it was not known that it went."""
    left: list[Item] = field(default_factory=list)
    """What concerns leads that somebody else had locked."""

    def __iadd__(self, other: "Taken") -> "Taken":
        self.new += other.new
        self.problems |= other.problems
        self.unrecorded += other.unrecorded
        self.foreign += other.foreign
        self.proven |= other.proven
        self.left += other.left
        return self


def process(context: Context, urgent: bool) -> bool:
    """Works off pending bodies. True: there may be more.

    Of urgent ones, a batch of them, only what stops mail takes effect, and soon; then they wait among the others for
    the rest.
    """
    return _sift(context) if urgent else context.intake.run(lambda: _work_off(context))


def _work_off(context: Context) -> bool:
    """Batch after batch, so that a process that once joined in goes on until nothing is left: by hints alone one of
    them would do it all, as a hint is not given while the same one waits.
    """
    until, more = time.monotonic() + LONGEST, _process(context)
    while more and time.monotonic() < until and not context.stopping.is_set():
        more = _process(context, help_wanted=True)
    return more


def _process(context: Context, help_wanted: bool = False) -> bool:
    """One batch. `help_wanted`: other processes are asked to join in, where bodies were found."""
    with context.engine.begin() as conn:
        release = context.releases.deployed(conn)
        if release is None:
            return False  # nobody was written to yet, so this waits until it can be understood
        opened = [_open(body, release.workspace) for body in intake.claim(conn, False, BODIES, BYTES)]
        proven = _prove(conn, opened)
    if opened and help_wanted:
        context.hint("intake", False)
    take_up(context, opened, proven, intake.PENDING)
    return bool(opened)


def _sift(context: Context) -> bool:
    """What stops mail is a few events among hundreds: only their leads are locked, and many bodies are gone through.

    What goes wrong here is met again, and set aside, by whoever takes up the whole body. An email that somebody wrote
    is one thing only, and done with.
    """
    with context.engine.begin() as conn:
        release = context.releases.deployed(conn)
        if release is None:
            return False
        bodies = intake.claim(conn, True, BODIES, SIFTED)
        opened = [_open(body, release.workspace, sendgrid_events.urgent) for body in bodies]
        whole = {body.id for body in opened if body.whole and not body.problems}
        items = [(body.id, said) for body in opened for said in body.said]
        left = _stop(context, conn, release, {body.id for body in opened}, items, whole, patient=False)
    while left:
        with context.engine.begin() as conn:
            release = context.releases.current(conn)
            ours = intake.retake(conn, sorted({body_id for body_id, _ in left}), intake.PENDING)
            items = [item for item in left if item[0] in ours]
            left = _stop(context, conn, release, ours, items, whole, patient=True)
    if len(whole) < len(opened):
        context.hint("intake", False)
    return bool(opened)


def _stop(
    context: Context,
    conn: Connection,
    release: Release,
    ours: Collection[int],
    items: Sequence[Item],
    whole: Collection[int],
    patient: bool,
) -> list[Item]:
    """Lets what stops mail take effect, and returns what is left of it. `ours`: the bodies, which the caller has taken;
    `whole`: of which nothing else is to be looked at.
    """
    part = _effects(context, conn, release, items, patient)
    through = set(ours) - {body_id for body_id, _ in part.left}
    done = through & set(whole) - {body_id for body_id, _ in part.problems}
    intake.done(conn, sorted(done))
    intake.calm(conn, through - done)
    return part.left


def again(context: Context, body_id: int) -> Taken | None:
    """Takes up one body that was set aside. None: it is not, or somebody else has just taken it."""
    with context.engine.begin() as conn:
        if body_id not in intake.retake(conn, [body_id], intake.SET_ASIDE):
            return None
        body = intake.by_id(conn, body_id)
        workspace = context.releases.current(conn).workspace
        opened = [_open(body, workspace)] if body is not None else []
        proven = _prove(conn, opened)
    return take_up(context, opened, proven, intake.SET_ASIDE)


def take_up(context: Context, opened: Sequence[Opened], proven: Iterable[int], state: str) -> Taken | None:
    """Lets bodies in this state take effect. None: somebody else took them in between.

    Who falls due by it is found by the clock within a second, together with everybody else: a hint for each body would
    make many small batches of them.
    """
    _wake(context, proven)
    if not opened:
        return None
    total = Taken(problems={(body.id, number): said for body in opened for number, said in body.problems.items()})
    items = [(body.id, said) for body in opened for said in body.said]
    ours = {body.id for body in opened}
    patient = False
    while ours:
        with context.engine.begin() as conn:
            ours = intake.retake(conn, sorted(ours), state)
            if not ours:
                return total if patient else None
            release = context.releases.current(conn)
            part = _effects(context, conn, release, [item for item in items if item[0] in ours], patient)
            later = {body_id for body_id, _ in part.left}
            total += part
            _finish(conn, ours - later, total.problems)
            # What proved only itself: it came in parts, or speaks of an earlier attempt.
            held = _wake_free(conn, part.proven)
        _wake(context, held)
        items, ours, patient = part.left, later, True
    if total.foreign:
        log.info("%d webhook events are about mails that were never in this ledger", total.foreign)
    return total


def _wake_free(conn: Connection, proven: Collection[int]) -> set[int]:
    """Whoever stood behind a mail of which nobody knew whether it went need not wait any longer.

    Together with the proof, which is written once: who died in between would leave them waiting for a day. But who
    claims enrollments waits for messages, so whoever holds messages must not wait for enrollments: returns those that
    somebody holds.
    """
    if not proven:
        return set()
    now = clock.now(conn)
    return set(proven) - enrollments.redate(conn, dict.fromkeys(proven, now), wait=False)


def _wake(context: Context, proven: Iterable[int]) -> None:
    """The same for those who were being looked at, perhaps before the proof was there to be seen."""
    if proven:
        with context.engine.begin() as conn:
            now = clock.now(conn)
            enrollments.redate(conn, dict.fromkeys(proven, now))


def _open(body: Body, workspace: Workspace, sift: Callable[[bytes], list[Incoming]] | None = None) -> Opened:
    """Reads a body. Whatever goes wrong in it is its own fault: nothing else is asked.

    `sift`: reads only some of a provider's events; what is wrong with others is left to be found later.
    """
    try:
        if body.door == "inbound":
            return Opened(body.id, [Answer(inbound.parse(body.body, body.content_type), body.at)], {})
        if body.door.startswith(crm.DOOR):
            return Opened(body.id, crm.opened(workspace, body), {})
        if sift is not None:
            return Opened(body.id, sift(body.body), {}, whole=False)
        return Opened(body.id, *sendgrid_events.parse(body.body))
    except (sendgrid_events.NotEvents, inbound.NotAnEmail, NotSaid) as error:
        return Opened(body.id, [], {aside.WHOLE: str(error)})
    except Exception as error:
        log.exception("webhook body %d cannot be read", body.id)
        return Opened(body.id, [], {aside.WHOLE: reason(error)})


def _prove(conn: Connection, opened: Sequence[Opened]) -> set[int]:
    """Writes that the provider has what it speaks of. Waits for no lead; returns the enrollments yet to be woken."""
    requests = {said.request_id for body in opened for said in body.said if isinstance(said, Incoming)}
    return _wake_free(conn, messages.prove(conn, sorted(requests - {""}), clock.now(conn)))


def _effects(context: Context, conn: Connection, release: Release, items: Sequence[Item], patient: bool) -> Taken:
    """Lets all of this take effect that can. Not patient: what concerns leads that somebody has locked is left."""
    taken = Taken()
    done, failed = bisect(conn, items, lambda part: _count(context, conn, release, part, patient))
    for part in done:
        taken += part
    for poison in failed:
        log.error("%d webhook events cannot be processed and are set aside", len(poison.items), exc_info=poison.error)
        for body_id, said in poison.items:
            taken.problems[body_id, said.number] = reason(poison.error)
    return taken


def _finish(conn: Connection, ids: Collection[int], found: Mapping[Place, str]) -> None:
    """Nothing of these bodies is left to do: they are done, but for what was wrong in them."""
    problems: dict[int, dict[int, str]] = {}
    for (body_id, number), problem in found.items():
        if body_id in ids:
            problems.setdefault(body_id, {})[number] = problem
    if problems:
        log.warning("%d webhook bodies are set aside, in whole or in part", len(problems))
    intake.done(conn, sorted(body_id for body_id in ids if body_id not in problems))
    intake.set_aside(conn, {body_id: aside.write(of_body) for body_id, of_body in problems.items()})


def _count(context: Context, conn: Connection, release: Release, items: Sequence[Item], patient: bool) -> Taken:
    """Lets what is new take effect, all or nothing. Locks the leads concerned, in order, before anything of theirs."""
    taken = Taken()
    now = clock.now(conn)
    fresh = _fresh(conn, items)
    found = recognise(conn, [said for _, said in fresh])
    answered = _answered(context, conn, items, taken)
    told = crm.recognise(conn, [(body_id, said) for body_id, said in items if isinstance(said, Told)])

    waited_for = interests(release)
    wanted = {said.lead_id for said, _ in found.ours if _needs_lead(waited_for, said)}
    wanted |= {e.lead_id for e in found.respected} | {e.lead_id for _, e in answered}
    wanted |= {lead_id for _, lead_id in told}
    locked = leads.lock(conn, wanted, wait=patient)
    if missing := wanted - locked.keys():
        without: list[Item] = [
            item for item in fresh if item[1].lead_id in missing and _needs_lead(waited_for, item[1])
        ]
        without += [item for item, e in answered if e.lead_id in missing]
        answered = [(item, e) for item, e in answered if e.lead_id not in missing]
        without += [item for item, lead_id in told if lead_id in missing]
        told = [(item, lead_id) for item, lead_id in told if lead_id not in missing]
        found = found.but(said for _, said in without)
        if patient:
            taken.problems |= {(body_id, said.number): NO_LEAD for body_id, said in without}
        else:
            taken.left = without

    judged = judge(conn, context.releases, found.ours)
    heard = crm.hear(conn, release, locked, told, now)
    counted_anew = {(e.enrollment_id or 0, e.step or "") for e in judged.mistaken}
    arrived = [*judged.events, *found.respected, *(e for _, e in answered), *heard.happened]
    people = {**locked, **heard.leads}
    others = bool(answered or told)
    reaction = follow(
        conn, release, waited_for, people, arrived, now, found.known, sought=not others, afterwards=counted_anew
    )
    taken.problems |= {(body_id, said.number): problem for (body_id, said), problem in heard.problems}
    if judged.mistaken:
        events.call_machine(conn, judged.mistaken)
        tally.count(conn, release, judged.mistaken, now, times=-1)
        messages.recount_clicks(conn, counted_anew)
    if others:  # The provider itself tells of nobody's words.
        reply.forward(conn, release, reaction.new, now)
        accept.hear(conn, release, reaction.new, now)

    if reaction.strange or found.unrecorded:
        places = {(said.lead_id, said.key): (body_id, said.number) for body_id, said in fresh}
        places |= {of: (body_id, said.number) for of, (body_id, said) in heard.places.items()}
        places |= {(e.lead_id, e.key): (body_id, said.number) for (body_id, said), e in answered}
        taken.problems |= {places[e.lead_id, e.key]: problem for e, problem in reaction.strange}
        taken.problems |= {places[said.lead_id, said.key]: UNRECORDED for said in found.unrecorded}
    if found.unrecorded:
        heartbeat.witnessed(conn, len(found.unrecorded))
    taken.unrecorded = [said.key for said in found.unrecorded]
    taken.new, taken.foreign = len(reaction.new), len(found.foreign)
    taken.proven = reaction.proven
    return taken


def _fresh(conn: Connection, items: Sequence[Item]) -> list[tuple[int, Incoming]]:
    """SendGrid's events among the items that are not stored yet, each once."""
    fresh: dict[Key, tuple[int, Incoming]] = {}
    for body_id, said in items:
        if isinstance(said, Incoming):
            fresh.setdefault((said.lead_id, said.at, said.key), (body_id, said))
    for known in events.stored(conn, fresh):
        del fresh[known]
    return list(fresh.values())


def _needs_lead(waited_for: Interest, said: Incoming) -> bool:
    """Whether its lead is to be locked: something may come of it, or it is to be judged together with others."""
    if said.kind == kinds.CLICKED:
        return True
    return not said.machine and (
        said.kind in waited_for.counted
        # By what is kept of it, as it is looked at again; of what was not delivered alone it is asked.
        or concerns(waited_for, said.kind, said.step, said.data if said.kind == kinds.DROPPED else said.raw)
    )


def _answered(context: Context, conn: Connection, items: Sequence[Item], taken: Taken) -> list[tuple[Item, Event]]:
    """The emails among the items that answer a message of ours; of the others it is noted that they do not."""
    answers = [(body_id, said) for body_id, said in items if isinstance(said, Answer)]
    if not answers:
        return []
    found: list[tuple[Item, Event]] = []
    recognised = reply.recognise(conn, context.secret, [answer for _, answer in answers])
    for (body_id, answer), event in zip(answers, recognised, strict=True):
        if event is None:
            taken.problems[body_id, answer.number] = reply.ANSWERS_NOTHING
        else:
            found.append(((body_id, answer), event))
    return found
