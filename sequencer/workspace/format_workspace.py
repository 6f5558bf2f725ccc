"""The keys of sequences/workspace.yaml."""

from collections.abc import Mapping
from typing import Final

from sequencer.core.spoken import SPOKEN
from sequencer.workspace.shapes import Block, Choice, Condition, Count, Flag, Key, Named, Several, Words, either
from sequencer.workspace.words import (
    ANY,
    DATE,
    DAYS,
    DOMAIN,
    DURATION,
    EMAIL,
    HOST,
    ID,
    LOCALE,
    NAME,
    PAUSE,
    SHARED,
    URL,
    ZONE,
)

_COUNTRY: Final = Words("a country's code as `GB`", "^[A-Za-z][A-Za-z ]*$")

WORKSPACE: Final[Mapping[str, tuple[Key, ...]]] = {
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
            "crm",
            Block("crm"),
            "The CRM that sales works in: what it calls our stages, and who is right where it and we differ.",
            "{truth: {stage: crm, pains: ours}, stages: {Lead: lead, Customer: customer}}",
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
            "colleagues",
            Block("colleagues"),
            "What one person of a company does to marketing's sequences of the others.",
            "{handoff: pause 14 days, reply: pause 5 business days}",
        ),
        Key(
            "companies",
            Block("companies"),
            "Whose addresses say nothing about where their people work.",
            "{shared: [agency.example]}",
        ),
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
        Key(
            "site",
            Block("site"),
            "Whose pages may tell what visitors look at; without it, none.",
            "{hosts: [www.example.com], consent: asked, keep: 30 days}",
        ),
    ),
    "site": (
        Key("hosts", Several(HOST), "The hosts of the pages, each as browsers show it.", "[www.example.com]", True),
        Key(
            "consent",
            Choice(("asked", "assumed")),
            "`asked`, so unless you say otherwise: nothing is noted before the page says that the visitor agreed; "
            "`assumed`.",
            "asked",
        ),
        Key(
            "keep",
            DURATION,
            "So long the visits of somebody unknown are kept, in case they turn out to be a lead; 30 days, 90 at most.",
            "30 days",
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
        Key("runs", Several(ID), "Sequences that a lead enters who gets this status.", "[education]"),
        Key("pauses", Several(ID), "Sequences that wait as long as their lead has this status.", "[education]"),
        Key(
            "needs",
            either(NAME, Several(NAME)),
            "Fields that are to be known of a lead who gets this status: they are asked for, else the owner is told.",
            "next_attempt",
        ),
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
        Key("language", Choice(tuple(SPOKEN)), "In which the rep is told things; else in the `locale`.", "de"),
        Key(
            "webhook",
            Words("an `https://` address of a public host"),
            "An incoming webhook of Slack, or of a chat that takes the same: alerts go there beside the mail.",
            "https://hooks.example.com/services/T0/B0/XXXX",
        ),
        Key(
            "hours",
            Block("hours"),
            "When the rep works, for handoffs; without it, Monday to Friday from nine to five.",
            '{days: mon-fri, between: "08:00-16:00"}',
        ),
        Key("country", _COUNTRY, "Whose national holidays the rep keeps.", "ES"),
        Key("territory", Several(ANY), "Whose leads come to this rep, see `assign`.", "[ES, PT]"),
        Key("crm", ANY, "The rep's user id in the CRM, as its webhooks and its interface know them.", "50123456"),
        Key("away", Several(Block("away")), "Absences.", "[{from: 2026-12-21, to: 2027-01-02}]"),
    ),
    "away": (
        Key("from", DATE, "The first day away.", "2026-12-21", True),
        Key("to", DATE, "The last day away.", "2027-01-02", True),
    ),
    "owner": (
        Key(
            "of",
            Choice(("company", "lead")),
            "`company`, so unless you say otherwise: people of one company share a rep; `lead`: each has their own.",
            "company",
        ),
        Key(
            "by",
            Choice(("first_human_contact",)),
            "Who called, met or personally wrote first is the rep; `assign` says who is where nobody did.",
            "first_human_contact",
        ),
        Key(
            "assign",
            Several(either(Choice(("company_owner", "round_robin")), Block("assign"))),
            "How a handoff finds a rep for a lead who has none; the first of these that finds one counts.",
            "[company_owner, {territory: country}, round_robin]",
        ),
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
        Key(
            "changed",
            Choice(("introduce", "silent", "hold")),
            "The first mail of a lead's new owner: `introduce`, it begins with content/partials/introduction.mjml (so "
            "unless you say otherwise, if that file is there); `silent`, it is like any other; `hold`, it waits.",
            "introduce",
        ),
    ),
    "assign": (Key("territory", NAME, "The field whose value stands in the `territory` of a rep.", "country", True),),
    "owner.away": (
        Key("hold", DURATION, "It waits so long at most.", "3 business days", True),
        Key("then", Choice(("deputy",)), "Who sends it then.", "deputy"),
    ),
    "pressure": (
        Key("day", either(Count(), Choice(("none",))), "Mails a day at most; `none` for no limit.", "1"),
        Key("week", either(Count(), Choice(("none",))), "Mails in seven days at most; `none` for no limit.", "2"),
        Key("gap", DURATION, "At least so long between two mails.", "20 hours"),
        Key(
            "company",
            Block("pressure.company"),
            "How many mails the people of one company get together at most; without it, as many as they get anyhow.",
            "{mails: 2, within: 4 hours}",
        ),
        Key(
            "counts",
            Several(Choice(("marketing", "sales"))),
            "Whose mails count, and are held up: those from shared senders (`marketing`), those from the lead's rep "
            "(`sales`); both unless you say so.",
            "[marketing, sales]",
        ),
        Key("over", Block("over"), "What happens to a mail too many.", "{wait: 5 business days, then: skip}"),
        Key(
            "catch_up",
            either(Count(), Choice(("none",))),
            "After a downtime: how many of those who fell due meanwhile are looked at an hour; `none` for all at once.",
            "5000",
        ),
    ),
    "pressure.company": (
        Key("mails", Count(), "So many at most.", "2", True),
        Key("within", DURATION, "Within so long, whenever that begins.", "4 hours", True),
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
            _COUNTRY,
            "Whose holidays count for leads whose country is unknown; without it, no one's.",
            "GB",
        ),
    ),
    "contact": (
        Key("call", DURATION, "After a rep's call the lead's sequences are silent so long.", "3 days"),
        Key("meeting", DURATION, "The same after a meeting was booked or held.", "2 days"),
        Key("mail", DURATION, "The same after a rep's own mail.", "5 business days"),
        Key("reply", DURATION, "A reply pauses the lead's other sequences so long.", "14 days"),
    ),
    "colleagues": (
        Key(
            "handoff",
            either(PAUSE, Choice(("none",))),
            "Somebody is handed to sales: `pause 14 days`, so unless you say otherwise, or `none`.",
            "pause 14 days",
        ),
        Key(
            "reply",
            either(PAUSE, Choice(("none",))),
            "Somebody answers a mail: `none`, so unless you say otherwise, or a pause.",
            "pause 5 business days",
        ),
    ),
    "companies": (
        Key(
            "shared",
            Several(SHARED),
            "Domains at which strangers have their addresses, with all below them; free mail and the like are known.",
            "[agency.example, members.guild.example]",
        ),
    ),
    "out_of_office": (
        Key("unknown", DURATION, "The pause when no return date is named.", "7 days"),
        Key("at_most", DURATION, "The longest pause, whatever date is named.", "30 days"),
    ),
}
