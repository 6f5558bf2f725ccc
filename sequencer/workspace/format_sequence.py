"""The keys of sequences/NAME.yaml, its steps among them."""

from collections.abc import Mapping
from typing import Final

from sequencer.core.sequence import DONE_BY, SequenceState
from sequencer.workspace.shapes import Block, Choice, Condition, Count, Flag, Key, Named, Several, Words, either
from sequencer.workspace.words import ANY, CONTENT, DAYS, DURATION, ID, MOMENT, PERCENT, TRIGGER, UNTIL, WINDOW

STEPS: Final = Several(Block("step"))


def _id(example: str) -> Key:
    says = "The step's name, unique in this file and never used again for something else."
    return Key("id", ID, says, example, needed=True)


_WAS = Key(
    "was",
    either(ID, Several(ID)),
    "After a new name: the one that the step had before; of several, the oldest first. Leave it standing: it makes the "
    "step the same one for everybody inside.",
    "price-list",
)
_MAIL_ID = Key(
    "id",
    ID,
    "The mail's name in conditions; without it, its content's last name. Needed when one content is mailed twice.",
    "pricing-again",
)
_UNLESS = Key("unless", Condition(), "When this is true, the step is skipped.", 'received("sales/pricing")')
_WHEN = (
    'What makes a lead enter: `manual` (by import, command or API), `submitted("form")`, `sales_ready()`, '
    '`became("field", "value")`, `did("event")`; or time: '
    '`silent("event", "60 days")` since the last one, `before("date_field", "30 days")`.'
)
_AT = "Once: at that moment in each lead's time zone, everybody enters who fits then."
_NOTE = "What the owner reads. It may use the lead's fields, as `{{ lead.first_name }}`."

SEQUENCE: Final[Mapping[str, tuple[Key, ...]]] = {
    "sequence": (
        Key("title", ANY, "What people read.", "Sales motivational series", True),
        Key(
            "state",
            Choice(tuple(SequenceState)),
            "`draft`: nobody enters, nobody is mailed. `live`. `closed`: nobody enters, those inside go on. "
            "`stopped`: nobody is mailed, everybody keeps their place.",
            "live",
            True,
        ),
        Key("topic", ID, "What a lead may unsubscribe from; one of the topics in workspace.yaml.", "sales", True),
        Key(
            "lane",
            ID,
            "Of the sequences of a lane, one at a time mails a lead; the others wait, and go on where they stood.",
            "nurture",
        ),
        Key("priority", Count(), "In the lane, the higher one goes first; 50 unless you say so.", "80"),
        Key(
            "pauses",
            Several(ID),
            "As long as a lead is in this sequence it waits in those, and leaves them when it reaches the goal here.",
            "[education]",
        ),
        Key(
            "goal",
            Condition(),
            "Once this is true the lead has converted and leaves at once.",
            'did("meeting_booked")',
        ),
        Key("enroll", Block("enroll"), "Who enters.", "{when: manual}", True),
        Key("from", ID, "`owner` (the lead's rep), or a sender of workspace.yaml.", "owner", True),
        Key(
            "hours",
            Block("hours"),
            "When mail goes out, in the lead's own time zone; without it, at any time.",
            '{days: mon-fri, between: "09:00-17:00"}',
        ),
        Key(
            "exit_on",
            Several(Condition()),
            "Whichever of these comes true, the lead leaves this sequence.",
            "[replied()]",
        ),
        Key(
            "pressure",
            Choice(("exempt",)),
            "`exempt`: transactional or personal mail, which no gap, cap or quiet day holds back.",
            "exempt",
        ),
        Key(
            "holdout",
            PERCENT,
            "So many of those who enter go through it without getting anything, for comparison.",
            "10%",
        ),
        Key(
            "max_lateness",
            DURATION,
            "After a downtime, a mail later than this is skipped; without it, it goes in the next window.",
            "2 days",
        ),
        Key(
            "edits",
            Choice(("follow", "pin")),
            "What an edit means for those inside: `follow`, so unless you say otherwise: steps and waits are as now; "
            "`pin`: they keep the steps with which they entered, and only fixes of copy reach them.",
            "pin",
        ),
        Key("steps", STEPS, "What happens, in order.", "[{email: sales/pricing}]", True),
    ),
    "enroll": (
        Key("when", TRIGGER, _WHEN, 'submitted("ebook")'),
        Key("at", MOMENT, _AT, "2026-12-03 10:00"),
        Key("if", Condition(), "What must hold at that moment.", 'lead.stage == "lead"'),
        Key("any", Several(Block("trigger")), "Several triggers, in place of one.", "[{when: manual}]"),
        Key(
            "again",
            Words("`never` or `after 180 days`", r"^(never|after\s+\S.*)$"),
            "How long after the end a lead may enter once more; `never` unless you say so.",
            "after 180 days",
        ),
    ),
    "trigger": (
        Key("when", TRIGGER, _WHEN, 'silent("call_logged", "60 days")'),
        Key("at", MOMENT, _AT, "2026-12-03 10:00"),
        Key("if", Condition(), "What must hold at that moment.", 'lead.stage == "lead"'),
    ),
    "hours": (
        Key("days", either(DAYS, Several(DAYS)), "Weekdays, as a range or a list.", "mon-fri", True),
        Key("between", WINDOW, "From when to when, on the same day.", '"09:00-17:00"', True),
    ),
    "step: email": (
        _MAIL_ID,
        _WAS,
        Key(
            "email",
            either(CONTENT, Block("pick")),
            "Mails this content item, or the best one of a kind that the lead has not had yet.",
            "sales/pricing",
            True,
        ),
        Key(
            "fallback",
            CONTENT,
            "When nothing is left to pick: a content item to mail instead; `skip`, so unless you say otherwise.",
            "sales/faq",
        ),
        Key("thread", ID, "The step whose mail this one answers: as `Re:` in the same conversation.", "pricing"),
        Key(
            "review",
            Block("review"),
            "The lead's rep sees the mail before it goes, and may change or skip it.",
            "{by: owner, within: 2 business days, then: send}",
        ),
        Key(
            "on_unknown",
            either(Choice(("hold",)), Block("on_unknown")),
            "When nobody knows whether the mail went: `hold` never sends it again by itself.",
            "{resend_after: 6 hours}",
        ),
        _UNLESS,
    ),
    "pick": (
        Key("pick", ANY, "The kind of content to choose from.", "case-study", True),
        Key(
            "match",
            Several(Choice(("stage", "pains", "industry", "role"))),
            "Tags that must not name others than the lead; the more meet it, the better. All unless you say so.",
            "[industry, pains]",
        ),
        Key("published", DURATION, "Only what was published at most so long ago.", "60 days"),
    ),
    "review": (
        Key("by", Choice(("owner",)), "Who looks at it: the lead's rep.", "owner", True),
        Key("within", DURATION, "How long the mail waits for that.", "2 business days", True),
        Key(
            "then",
            Choice(("send", "skip")),
            "When nobody looked in time: `send` has it go as it is, `skip` has it not go.",
            "send",
            True,
        ),
    ),
    "on_unknown": (
        Key("resend_after", DURATION, "Sends it once more after so many hours without proof.", "6 hours", True),
    ),
    "step: series": (
        _id("articles"),
        _WAS,
        Key(
            "series",
            Block("pick"),
            "Mails one content after another, each the best that the lead has not had yet.",
            "{pick: article, match: [pains]}",
            True,
        ),
        Key("every", DURATION, "From one mail to the next.", "14 days", True),
        Key("at", Words("`tue 10:00` or `10:00`"), "At that time, in the lead's zone.", "tue 10:00"),
        Key("up_to", Count(), "So many mails at most; it ends sooner when nothing new is left.", "6", True),
        Key(
            "until",
            Condition(),
            "After the first mail: no more once this is true.",
            'clicked_kind("article")',
        ),
    ),
    "step: wait": (
        Key(
            "id",
            ID,
            "A name for the wait, unique in this file: for who reads it, and for `sequencer move --before`.",
            "until-then",
        ),
        Key(
            "wait",
            either(DURATION, UNTIL, Block("wait")),
            "Waits: so long, until the next such time in the lead's time zone, or until a date of the lead. "
            "It belongs to what follows it.",
            "5 business days",
            True,
        ),
    ),
    "wait": (
        Key(
            "until",
            Words("a date of the lead as `next_attempt` or `30 days before renewal_date`"),
            "The date to wait for.",
            "30 days before renewal_date",
            True,
        ),
        Key(
            "unknown",
            either(DURATION, Choice(("skip",))),
            "When the lead has no such date: how long to wait instead; `skip` (so unless you say otherwise) skips what "
            "follows.",
            "60 days",
        ),
        Key(
            "past",
            Choice(("go on", "skip")),
            "When that day is past already: `skip` (so unless you say otherwise) skips what follows.",
            "go on",
        ),
    ),
    "step: if": (
        _id("looked-at-price"),
        _WAS,
        Key("if", Condition(), "Chooses between `then` and `else`.", 'clicked("pricing", "calculator")', True),
        Key(
            "within",
            DURATION,
            "Waits for it: `then` as soon as it is true, `else` when the time is up. Without it, looks once, now.",
            "3 business days",
        ),
        Key("then", STEPS, "What happens when it is true.", "[{email: sales/roi}]"),
        Key("else", STEPS, "What happens when it is not.", "[{email: sales/faq}]"),
    ),
    "step: choose": (
        _id("track"),
        _WAS,
        Key(
            "choose",
            Named(ID, either(Block("arm: choose"), Block("arm: otherwise"))),
            "Looks once: the first arm whose `if` is true is taken, `otherwise` (the last one) when none is.",
            "{cost: {if: 'known(\"pains\")', steps: [{email: sales/roi}]}, otherwise: {steps: [{email: sales/faq}]}}",
            True,
        ),
    ),
    "arm: choose": (
        Key("if", Condition(), "When this arm is taken.", 'lead.role == "finance"', True),
        Key("steps", STEPS, "What happens in this arm.", "[{email: sales/roi}]", True),
    ),
    "arm: otherwise": (Key("steps", STEPS, "What happens when no `if` above is true.", "[{email: sales/faq}]", True),),
    "step: test": (
        _id("objections"),
        _WAS,
        Key(
            "test",
            Named(ID, Block("arm: test")),
            "Deals leads out to arms by their shares, each lead always to the same one.",
            "{blunt: {share: 50, steps: [{email: sales/cost}]}, gentle: {share: 50, steps: [{email: sales/time}]}}",
            True,
        ),
    ),
    "arm: test": (
        Key("share", PERCENT, "How many of the leads go down this arm, in per cent; all shares make 100.", "50", True),
        Key("steps", STEPS, "What happens in this arm.", "[{email: sales/cost}]", True),
    ),
    "step: tell": (
        _id("tell-rep"),
        _WAS,
        Key("tell", Choice(("owner",)), "Alerts the lead's owner.", "owner", True),
        Key("note", ANY, _NOTE, "Opened the price calculator", True),
        _UNLESS,
    ),
    "step: task": (
        _id("first-call"),
        _WAS,
        Key("task", Choice(tuple(DONE_BY)), "Puts a call on the owner's list, and tells them.", "call", True),
        Key("note", ANY, _NOTE, "Ask what made them look now"),
        Key("due", DURATION, "How long there is for it.", "1 business day", True),
        Key("hold", Flag(), "`on`: the sequence waits until the call is logged, or until it is due.", "on"),
        _UNLESS,
    ),
    "step: set": (
        _id("park"),
        _WAS,
        Key(
            "set",
            Named(Words("a field", "^[a-z]"), either(ANY, Several(ANY))),
            "Writes fields of the lead. A date may be given from now.",
            "{status: idle-timing, next_attempt: in 60 days}",
            True,
        ),
        _UNLESS,
    ),
    "step: handoff": (
        _id("to-sales"),
        _WAS,
        Key(
            "handoff",
            either(Choice(("owner",)), Block("handoff")),
            "Hands a qualified lead to sales: the stage becomes `sql`, or the one you name, and the owner is told.",
            "owner",
            True,
        ),
        Key("note", ANY, _NOTE, "Asked for a demo"),
        _UNLESS,
    ),
    "handoff": (Key("stage", ID, "The stage that the lead gets.", "opportunity", True),),
    "step: start": (
        _id("go-on"),
        _WAS,
        Key("start", ID, "Enrols the lead in another sequence; this one goes on.", "newsletter", True),
        _UNLESS,
    ),
    "step: exit": (
        _id("leave"),
        _WAS,
        Key("exit", ID, "Leaves the sequence here, with a word for the reason.", "handed-over", True),
        _UNLESS,
    ),
}
