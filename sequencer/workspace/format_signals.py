"""The keys of sequences/signals.yaml."""

from collections.abc import Mapping
from typing import Final

from sequencer.core.handoff_policy import TURNS
from sequencer.core.target_call import SYSTEMS
from sequencer.workspace.shapes import Block, Choice, Condition, Count, Key, Named, Several, Words, either
from sequencer.workspace.words import ANY, BEHAVIOUR, DURATION, ID, LOCALE, POINTS, WITHIN

_HOOK: Final = Words("an `https://` address of a public host")
_HOOK_EXAMPLE: Final = "https://hooks.example.com/services/T0/B0/XXXX"

SIGNALS: Final[Mapping[str, tuple[Key, ...]]] = {
    "signals": (
        Key(
            "points",
            Several(Block("signal")),
            "What leads do that counts, and for how much. Together it makes the `score`.",
            '[{when: visited("/contact"), points: 25, half_life: 14 days, at_most: 50}]',
        ),
        Key(
            "fit",
            Several(Block("fit")),
            "What leads are that counts. Together it makes the `fit`.",
            '[{if: in_audience("icp"), points: 20}]',
        ),
        Key(
            "stages",
            Named(ID, Condition()),
            "Moves a lead forward to a stage once its condition is true.",
            "{mql: score >= 30 and fit >= 20}",
        ),
        Key(
            "sales_ready",
            either(Condition(), Block("sales_ready")),
            "When sales is to talk to a lead: one condition, or several with a name each.",
            "score >= 60 and fit >= 20",
        ),
        Key(
            "learn",
            Several(Block("lesson")),
            "What behaviour tells of who does it. It fills fields of the lead that nobody answered.",
            '[{when: clicked_tag("cost"), add: {pains: cost}}]',
        ),
        Key(
            "inquiries",
            Named(ID, Block("inquiry")),
            "What people ask about in their own words, in an answer or a form: `asked_about(…)` in conditions.",
            '{price: {phrases: {en: [how much, "price*"]}}}',
        ),
        Key(
            "handoff",
            Block("sales_handoff"),
            "Hands leads that become sales-ready to their rep, who accepts or declines.",
            "{accept_within: 4 business hours, then: [remind, reassign, return_to_nurture]}",
        ),
    ),
    "sales_handoff": (
        Key("stage", ID, "The stage that the lead gets; `sql` unless you say so.", "opportunity"),
        Key(
            "accept_within",
            WITHIN,
            "How long a rep has, by their own hours and holidays; without it, as long as it takes.",
            "4 business hours",
        ),
        Key(
            "then",
            Several(Choice(TURNS)),
            "What happens each time that this is over, in this order; all three unless you say otherwise.",
            "[remind, reassign, return_to_nurture]",
        ),
        Key(
            "decline",
            Named(ID, either(ANY, Block("decline"))),
            "Why a rep may decline: id and label.",
            "{not-now: Not now, no-budget: No budget}",
        ),
        Key("accept_status", ID, "The status of leads whom a rep takes on; without it, it stays.", "working"),
        Key(
            "return_status",
            ID,
            "The status of leads that go back to nurture: declined, or accepted by nobody.",
            "marketing",
        ),
        Key(
            "targets",
            Named(ID, Block("target")),
            "Other systems that are told of handoffs.",
            "{team: {slack: https://hooks.example.com/services/T0/B0/XXXX}}",
        ),
        Key(
            "say",
            Named(ID, ANY),
            "By the name of a reason: what the rep may begin with.",
            "{price: Ask how many people would use it}",
        ),
    ),
    "target": (
        Key("slack", _HOOK, "An incoming webhook of Slack, or of a chat that takes the same.", _HOOK_EXAMPLE),
        Key("webhook", _HOOK, "Where signed JSON is posted, as Standard Webhooks describes.", _HOOK_EXAMPLE),
        Key("crm", Choice(SYSTEMS), "The CRM that gets the lead as a contact, with a task for the rep.", "hubspot"),
    ),
    "decline": (
        Key("label", ANY, "What people read.", "Not now", True),
        Key("status", ID, "The status that the lead gets then.", "idle-timing"),
    ),
    "signal": (
        Key(
            "when",
            BEHAVIOUR,
            "What the lead does: `visited`, `clicked`, `clicked_kind`, `clicked_tag`, `submitted`, `replied`, "
            "`asked_about`, `unsubscribed` or `did`; several with `or` count once.",
            'visited("/pricing*")',
            True,
        ),
        Key("points", POINTS, "What it counts each time; below zero it takes away.", "25", True),
        Key("half_life", DURATION, "Whole days after which half of it is left; without it, it stays.", "14 days"),
        Key("at_most", Count(), "No more than so many points at a time come of it.", "50"),
    ),
    "lesson": (
        Key(
            "when",
            BEHAVIOUR,
            "What the lead does, as under `points`; `at_least` so often, `within` so many days.",
            'clicked_tag("cost", at_least=2, within="60 days")',
            True,
        ),
        Key(
            "add",
            Named(Words("a field", "^[a-z]"), either(ANY, Several(ANY))),
            "Values to add to fields of several values.",
            "{pains: cost}",
        ),
        Key(
            "set",
            Named(Words("a field", "^[a-z]"), ANY),
            "Values for other fields.",
            "{role: finance}",
        ),
    ),
    "inquiry": (
        Key(
            "phrases",
            Named(LOCALE, Several(ANY)),
            "Words that ask about it, by language. `*` at the end of a word stands for any ending, alone for up to "
            "three words.",
            '{en: [how much, "price*"], de: ["was * kostet"]}',
            True,
        ),
        Key(
            "unless",
            Named(LOCALE, Several(ANY)),
            "Words by which a sentence asks nothing after all.",
            "{en: [at any price]}",
        ),
        Key("examples", Several(ANY), "Sentences that must be found; `check` tries them.", "[How much is it for 40?]"),
        Key("not", Several(ANY), "Sentences that must not be found.", "[We will not do it at any price.]"),
    ),
    "fit": (
        Key("if", Condition(), "What the lead is.", 'lead.role == "finance"', True),
        Key("points", POINTS, "What that counts; below zero it takes away.", "20", True),
    ),
    "sales_ready": (
        Key(
            "any",
            Named(ID, Condition()),
            "Conditions with a name each, of which one is enough; the rep reads the names.",
            '{asked: submitted("demo")}',
            True,
        ),
        Key(
            "again_below",
            Condition(),
            "What must have been true in between before the same lead is ready again; without it, that no reason was.",
            "score < 30",
        ),
        Key(
            "needs",
            Several(Condition()),
            "`owner`, or conditions: as long as one is not true, a lead that is ready otherwise waits.",
            '[owner, consent("sales")]',
        ),
    ),
}
