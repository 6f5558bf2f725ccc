"""Every key that a workspace file may hold, by the place where it stands, in the order in which `fmt` writes them.

A new key is one entry here: the loader then knows it, `sequencer schema` describes it to editors, `sequencer fmt` puts
it into its place, and a test wants it explained in docs/sequences.md.
"""

from collections.abc import Mapping
from typing import Final

from sequencer.core.duration import UNITS
from sequencer.core.schedule import WEEKDAYS
from sequencer.core.sequence import SequenceState
from sequencer.workspace.shapes import (
    Block,
    Choice,
    Condition,
    Count,
    Flag,
    Key,
    Named,
    Several,
    Words,
    anycase,
    either,
)

ANY: Final = Words()
ID: Final = Words("small letters, digits and single hyphens, as `price-faq`", "^[a-z0-9]+(-[a-z0-9]+)*$")
NAME: Final = Words("small letters, digits and underscores, as `current_tool`", "^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
DURATION: Final = Words(
    "a duration as `2 hours`, `3 business days` or `1 week`",
    rf"^\s*[0-9]{{1,9}}\s+({anycase(*UNITS).replace(' ', chr(92) + 's+')})[sS]?\s*$",
)
DAYS: Final = Words(
    "weekdays as `mon-fri` or `tue`", rf"^\s*({anycase(*WEEKDAYS)})(\s*-\s*({anycase(*WEEKDAYS)}))?\s*$"
)
WINDOW: Final = Words('from when to when, as `"09:00-17:00"`', r"^\s*[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}\s*$")
UNTIL: Final = Words("`until tue 10:00`, `until 09:30` or `until 30 days before renewal_date`", r"^until\s+\S")
DATE: Final = Words("a date as `2026-12-21`", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
ZONE: Final = Words("a time zone as `Europe/London`", r"^[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*$")
EMAIL: Final = Words("an email address as `mara@mail.example.com`", r"^\s*\S+@\S+\s*$")
URL: Final = Words("a web address that begins with `https://`", r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$")
DOMAIN: Final = Words("a domain as `reply.example.com`", r"^[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+$")
LOCALE: Final = Words("a language as `en` or `de-AT`", r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8})*$")
PERCENT: Final = Words("a whole number of per cent from 0 to 100, as `50`", "^(100|[0-9]{1,2})%?$")
CONTENT: Final = Words("a content item as `sales/pricing`")
STEPS: Final = Several(Block("step"))


def _id(example: str) -> Key:
    says = "The step's name, unique in this file and never used again for something else."
    return Key("id", ID, says, example, needed=True)


_MAIL_ID = Key(
    "id",
    ID,
    "The mail's name in conditions; without it, its content's last name. Needed when one content is mailed twice.",
    "pricing-again",
)
_UNLESS = Key("unless", Condition(), "When this is true, the step is skipped.", 'received("sales/pricing")')
_NOTE = "What the owner reads. It may use the lead's fields, as `{{ lead.first_name }}`."

FORMAT: Final[Mapping[str, tuple[Key, ...]]] = {
    # sequences/workspace.yaml
    "workspace": (
        Key(
            "brand",
            Block("brand"),
            "Who writes.",
            "{name: Kestrel, url: https://www.example.com, postal_address: '1 Example Street, London'}",
            True,
        ),
        Key(
            "zone",
            either(ZONE, Block("zone")),
            "The time zone of leads who gave none: one zone, or another for mail from the owner.",
            "Europe/London",
        ),
        Key("locale", LOCALE, "The language of the mails; `en` unless you say so.", "de-AT"),
        Key(
            "stages",
            Several(ID),
            "The buying cycle, in order. Automation never moves a lead backwards.",
            "[subscriber, lead, mql, sql, customer, lost]",
            True,
        ),
        Key(
            "statuses",
            Named(ID, either(ANY, Block("status"))),
            "What the sales side is doing with a lead: id and label.",
            "{new: New, working: Working}",
        ),
        Key(
            "fields",
            Named(NAME, Block("field")),
            "What else is known of a lead: everything a condition, a CSV column or a mail may name.",
            "{industry: {one_of: [retail, logistics]}}",
        ),
        Key(
            "audiences",
            Named(ID, Condition()),
            "Conditions with a name, for `in_audience(…)`. One may name those above it.",
            "{icp: lead.employees >= 50}",
        ),
        Key(
            "never",
            Several(Condition()),
            "Nobody of whom one of these is true is enrolled or mailed, whatever a sequence says.",
            "['company.domain in list(\"competitors.txt\")']",
        ),
        Key(
            "topics",
            Named(ID, either(ANY, Block("topic"))),
            "What leads may unsubscribe from.",
            "{guides: {label: Guides, default: on}}",
        ),
        Key(
            "senders",
            Named(ID, Block("sender")),
            "Shared addresses that marketing writes from.",
            "{marketing: {name: Mara, email: mara@mail.example.com}}",
        ),
        Key(
            "reps",
            Named(EMAIL, Block("rep")),
            "The salespeople who own leads, by email address.",
            "{ana@example.com: {name: Ana Ruiz}}",
        ),
        Key("owner", Block("owner"), "What happens when the owner is missing or away.", "{missing: hold}"),
        Key("pressure", Block("pressure"), "How much mail a lead gets at most.", "{day: 1, week: 2, gap: 20 hours}"),
        Key(
            "quiet",
            Block("quiet"),
            "Days on which nobody is mailed and that are no business days; Saturday and Sunday unless you say so.",
            "{days: [sat, sun]}",
        ),
        Key("contact", Block("contact"), "How long people's own contact silences the sequences.", "{reply: 14 days}"),
        Key(
            "out_of_office",
            Block("out_of_office"),
            "How long an automatic reply pauses.",
            "{unknown: 7 days, at_most: 30 days}",
        ),
        Key(
            "reply_domain",
            DOMAIN,
            "Where the system receives replies; without it they go to the sender's own address.",
            "reply.example.com",
        ),
    ),
    "brand": (
        Key("name", ANY, "The company, as readers know it.", "Kestrel Planning", True),
        Key("url", URL, "The company's site.", "https://www.example.com", True),
        Key(
            "postal_address",
            ANY,
            "Every mail has to show it.",
            "Kestrel Planning Ltd, 1 Example Street, London",
            True,
        ),
    ),
    "zone": (
        Key(
            "owner_mail",
            Choice(("rep", "workspace")),
            "Whose zone mail from the owner goes by when the lead's is unknown.",
            "rep",
        ),
        Key("otherwise", ZONE, "The zone of all other mail to leads of unknown zone.", "Europe/London", True),
    ),
    "status": (
        Key("label", ANY, "What people read.", "Bad fit", True),
        Key("stops", Choice(("all",)), "`all`: a lead in this status is in no sequence.", "all"),
    ),
    "field": (
        Key("text", Choice(("true",)), "Any text.", "true"),
        Key("number", Choice(("true",)), "A number.", "true"),
        Key("date", Choice(("true",)), "A date.", "true"),
        Key("flag", Choice(("true",)), "True or false.", "true"),
        Key("one_of", Several(ANY), "One of these choices.", "[retail, logistics, other]"),
        Key("some_of", Several(ANY), "Several of these choices.", "[cost, risk, speed]"),
        Key("ask", ANY, "The question that forms put.", "Your industry"),
    ),
    "topic": (
        Key("label", ANY, "What the preference page shows.", "Guides and checklists", True),
        Key("default", Flag(), "`off`: only those who asked for it are mailed.", "on"),
    ),
    "sender": (
        Key("name", ANY, "The name in From.", "Mara at Kestrel", True),
        Key("email", EMAIL, "The address in From.", "mara@mail.example.com", True),
        Key("zone", ZONE, "The sender's own time zone.", "Europe/London"),
    ),
    "rep": (
        Key("name", ANY, "The name in From.", "Ana Ruiz", True),
        Key("zone", ZONE, "The rep's time zone.", "Europe/Madrid"),
        Key("phone", ANY, "For mails, as `{{ owner.phone }}`.", '"+34 000 000"'),
        Key(
            "calendar", URL, "A link for booking, for mails, as `{{ owner.calendar }}`.", "https://cal.example.com/ana"
        ),
        Key("deputy", EMAIL, "The rep who writes while this one is away.", "ben@example.com"),
        Key(
            "webhook",
            Words("an `https://` address of a public host"),
            "An incoming webhook of Slack, or of a chat that takes the same: alerts go there beside the mail.",
            "https://hooks.example.com/services/T0/B0/XXXX",
        ),
        Key("away", Several(Block("away")), "Absences.", "[{from: 2026-12-21, to: 2027-01-02}]"),
    ),
    "away": (
        Key("from", DATE, "The first day away.", "2026-12-21", True),
        Key("to", DATE, "The last day away.", "2027-01-02", True),
    ),
    "owner": (
        Key(
            "missing",
            Words("`hold` or `sender NAME`", r"^(hold|sender\s+\S+)$"),
            "Mail from the owner to a lead without one: `hold` (it waits, `status` shows it), or a sender instead.",
            "sender marketing",
        ),
        Key(
            "away",
            Block("owner.away"),
            "Mail from an owner who is away.",
            "{hold: 3 business days, then: deputy}",
        ),
    ),
    "owner.away": (
        Key("hold", DURATION, "It waits so long at most.", "3 business days", True),
        Key("then", Choice(("deputy",)), "Who sends it then.", "deputy"),
    ),
    "pressure": (
        Key("day", either(Count(), Choice(("none",))), "Mails a day at most; `none` for no limit.", "1"),
        Key("week", either(Count(), Choice(("none",))), "Mails in seven days at most; `none` for no limit.", "2"),
        Key("gap", DURATION, "At least so long between two mails.", "20 hours"),
        Key("over", Block("over"), "What happens to a mail too many.", "{wait: 5 business days, then: skip}"),
        Key(
            "catch_up",
            either(Count(), Choice(("none",))),
            "After a downtime: how many of those who fell due meanwhile are looked at an hour; `none` for all at once.",
            "5000",
        ),
    ),
    "over": (
        Key("wait", DURATION, "It waits so long at most.", "5 business days", True),
        Key("then", Choice(("skip",)), "What happens then.", "skip"),
    ),
    "quiet": (
        Key("days", either(DAYS, Several(DAYS)), "Weekdays; Saturday and Sunday unless you say so.", "[sat, sun]"),
        Key(
            "holidays",
            Choice(("lead", "none")),
            "`lead`, so unless you say otherwise: the national holidays of the lead's country are quiet too; `none`.",
            "lead",
        ),
        Key(
            "unknown",
            Words("a country's code as `GB`", "^[A-Za-z][A-Za-z ]*$"),
            "Whose holidays count for leads whose country is unknown; without it, no one's.",
            "GB",
        ),
    ),
    "contact": (Key("reply", DURATION, "A reply pauses the lead's other sequences so long.", "14 days"),),
    "out_of_office": (
        Key("unknown", DURATION, "The pause when no return date is named.", "7 days"),
        Key("at_most", DURATION, "The longest pause, whatever date is named.", "30 days"),
    ),
    # sequences/NAME.yaml
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
            "max_lateness",
            DURATION,
            "After a downtime, a mail later than this is skipped; without it, it goes in the next window.",
            "2 days",
        ),
        Key("steps", STEPS, "What happens, in order.", "[{email: sales/pricing}]", True),
    ),
    "enroll": (
        Key(
            "when",
            Words('`manual`, `submitted("form")`, `became("field", "value")` or `did("event")`'),
            'What makes a lead enter: `manual` (by import, command or API), `submitted("form")`, '
            '`became("field", "value")`, `did("event")`.',
            'submitted("ebook")',
        ),
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
        Key("when", Words("a trigger"), "What makes a lead enter.", 'became("stage", "mql")', True),
        Key("if", Condition(), "What must hold at that moment.", 'lead.stage == "lead"'),
    ),
    "hours": (
        Key("days", either(DAYS, Several(DAYS)), "Weekdays, as a range or a list.", "mon-fri", True),
        Key("between", WINDOW, "From when to when, on the same day.", '"09:00-17:00"', True),
    ),
    "step: email": (
        _MAIL_ID,
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
    "on_unknown": (
        Key("resend_after", DURATION, "Sends it once more after so many hours without proof.", "6 hours", True),
    ),
    "step: series": (
        _id("articles"),
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
        Key("tell", Choice(("owner",)), "Alerts the lead's owner.", "owner", True),
        Key("note", ANY, _NOTE, "Opened the price calculator", True),
        _UNLESS,
    ),
    "step: set": (
        _id("park"),
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
        Key("start", ID, "Enrols the lead in another sequence; this one goes on.", "newsletter", True),
        _UNLESS,
    ),
    "step: exit": (
        _id("leave"),
        Key("exit", ID, "Leaves the sequence here, with a word for the reason.", "handed-over", True),
        _UNLESS,
    ),
}

STEP_PLACES: Final = tuple(place for place in FORMAT if place.startswith("step: "))

ANY_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "field": ("text", "number", "date", "flag", "one_of", "some_of"),
    "enroll": ("when", "any"),
    "step: if": ("then", "else"),
}
"""Places where at least one of these keys is needed."""

ROOTS: Final[Mapping[str, tuple[str, str]]] = {
    "workspace": (
        "sequences/workspace.yaml",
        "Who we are, what we know of leads, who writes, and how much: what holds for every sequence.",
    ),
    "sequence": (
        "sequences/NAME.yaml",
        "One sequence, which reads from top to bottom. The file's name without .yaml is its id.",
    ),
}
"""The places that are whole files: which file, and what it is for."""
