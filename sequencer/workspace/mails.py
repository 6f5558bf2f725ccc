"""What a step mails: one content, the best of a kind, or one after another."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.engine import GIVEN_UP
from sequencer.core.mark import Mark
from sequencer.core.schedule import Every, Until
from sequencer.core.sequence import Candidate, Pick, Review, Rounds, Wait
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Text, as_map, as_text, as_texts, did_you_mean, listed
from sequencer.workspace.surroundings import Surroundings

TAGS: Final = ("stage", "pains", "industry", "role")
"""What content may be tagged with, to say whom it is for."""

SOONEST_RESEND: Final = timedelta(hours=1)
"""Before that, hourly proof that webhooks come through cannot exist."""


def read_content(block: Map, around: Surroundings) -> tuple[str | None, Pick | None]:
    """What a mail step mails: a content item, or how it is picked."""
    node = block.take("email")
    if isinstance(node, Map):
        pick = read_pick(node, around)
        fallback = block.text("fallback")
        if pick is None or fallback is None or fallback.value == "skip":
            return None, pick
        return None, replace(pick, fallback=content_item(fallback, around))
    if "fallback" in block.entries:
        message = "`fallback` stands in for a content that is picked: expected `email: {pick: …}` with it"
        around.problems.error(block.entries["fallback"].mark, "bad-value", message)
    return content_item(as_text(node, "a content item as `sales/pricing`, or `{pick: case-study}`"), around), None


def content_item(text: Text | None, around: Surroundings) -> str | None:
    if text is None:
        return None
    if text.value not in around.contents:
        hint = did_you_mean(text.value, around.contents)
        hint = hint or f": expected the file content/{text.value[:60]}.md or .mjml"
        text.wrong("unknown-content", f"there is no content {text.got}{hint}")
    return text.value


def read_pick(block: Map, around: Surroundings) -> Pick | None:
    """`{pick: case-study, match: [industry, pains], published: 60 days}`."""
    block.expect("pick")
    kind = block.need_text("pick", "case-study")
    fields = around.workspace.fields
    known = [name for name in TAGS if name == "stage" or name in fields]
    match = [values.declared(text, known, "field", "sequences/workspace.yaml") for text in match_texts(block)]
    published = values.duration(block.text("published"))
    if published is not None and published.unit not in ("day", "week"):
        around.problems.error(block.entries["published"].mark, "bad-duration", "expected days or weeks, as `60 days`")
        return None
    if kind is None:
        return None
    # Content with problems of its own is not there, and may be what was meant.
    if around.names.kinds is not None and kind.value not in around.names.kinds:
        hint = did_you_mean(kind.value, around.names.kinds)
        kind.wrong("unknown-kind", f"there is no content of the kind {kind.got}{hint}")
    wanted = tuple(dict.fromkeys(name for name in match if name is not None)) if "match" in block.entries else None
    candidates = around.candidates.get(kind.value, ())
    return Pick(kind.value, tuple(known) if wanted is None else wanted, candidates, published)


def match_texts(block: Map) -> tuple[Text, ...]:
    return as_texts(block.take("match"), f"a list of {listed(TAGS)}")


def candidates_in(contents: Mapping[str, Content]) -> Mapping[str, tuple[Candidate, ...]]:
    """What may be picked of each kind."""
    found: dict[str, tuple[Candidate, ...]] = {}
    for _, item in sorted(contents.items()):
        found[item.kind] = (*found.get(item.kind, ()), candidate(item))
    return found


def candidate(item: Content) -> Candidate:
    tags = {"stage": item.stages, "pains": item.pains, **(item.tags or {})}
    published = next(iter(tags.pop("published", ())), "")
    return Candidate(
        item.id, {name: frozenset(tag) for name, tag in tags.items() if tag}, values.month_or_day(published)
    )


def read_rounds(block: Map, step_id: str, mark: Mark, waits: tuple[Wait, ...], around: Surroundings) -> Rounds | None:
    node = as_map(block.take("series"), "how each mail is picked, as `{pick: article}`")
    pick = read_pick(node, around) if node is not None else None
    span = values.duration(block.need_text("every", "14 days"))
    at = values.parsed(block.text("at"), Until.parse)
    up_to = values.count(block.need_text("up_to", "6"))
    until = around.condition(block.text("until"))
    if pick is None or span is None or up_to is None:
        return None
    return Rounds(step_id, mark, waits, pick, Every(span, at), up_to, until)


def read_thread(block: Map, step_id: str, around: Surroundings) -> str:
    """The step whose mail is answered; empty for none."""
    text = block.text("thread")
    if text is None:
        return ""
    names = around.names
    mails = [step for step, content in names.steps.items() if content is not None and names.key(step) != step_id]
    return names.key(values.declared(text, mails, "step", "this sequence") or "")


def read_review(block: Map) -> Review | None:
    """Whether and how a mail waits for its rep to look at it."""
    node = as_map(block.take("review"), "`{by: owner, within: 2 business days, then: send}`")
    if node is None:
        return None
    node.expect("review")
    by = values.choice(node.need_text("by", "owner"), ("owner",))
    within = values.duration(node.need_text("within", "2 business days"))
    then = values.choice(node.need_text("then", "send"), ("send", "skip"))
    if by is None or within is None or then is None:
        return None
    return Review(within, "skip" if then == "skip" else "send")


def read_on_unknown(block: Map) -> Duration | None:
    """How long to wait for proof that a mail went before it goes again; None: it never does."""
    node = block.take("on_unknown")
    if not isinstance(node, Map):
        values.choice(as_text(node, "`hold`, or `{resend_after: 6 hours}`"), ("hold",))
        return None
    node.expect("on_unknown")
    text = node.need_text("resend_after", "6 hours")
    after = values.duration(text)
    if text is None or after is None:
        return None
    if after.unit == "business day" or not SOONEST_RESEND <= after.elapsed < GIVEN_UP:
        text.bad("hours, from `1 hour` to `23 hours`: after a day the sequence goes on", "bad-duration")
        return None
    return after
