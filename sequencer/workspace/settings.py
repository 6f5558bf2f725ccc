"""sequences/workspace.yaml: the brand, the people who send, the fields of a lead, and the rules for every sequence."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, Literal, TypeVar

from sequencer.core import target
from sequencer.core.country import code_of
from sequencer.core.country import named as named_countries
from sequencer.core.duration import Duration
from sequencer.core.field import Field, FieldType
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import BUILT_IN, Away, Rep, Sender
from sequencer.core.mark import Mark, Problem
from sequencer.core.owner import TERRITORY
from sequencer.core.questions import RESERVED
from sequencer.core.quiet import NEVER_QUIET, Quiet
from sequencer.core.schedule import EVERY_DAY, WEEKDAYS, Hours, opens, parse_days
from sequencer.core.spoken import SPOKEN
from sequencer.core.workspace import STREAMS, Brand, CompanyCap, OwnerPolicy, Pressure, StatusMeaning, Topic, Workspace
from sequencer.workspace import values
from sequencer.workspace.colleagues import read_colleagues
from sequencer.workspace.companies import own_domains, read_shared
from sequencer.workspace.crm import read_crm
from sequencer.workspace.load import sequence_files
from sequencer.workspace.nodes import (
    Items,
    Map,
    Node,
    Problems,
    Text,
    as_items,
    as_map,
    as_names,
    as_text,
    as_texts,
    did_you_mean,
    listed,
    one_of,
)
from sequencer.workspace.parse import parse
from sequencer.workspace.site import read_site

WORKSPACE_FILE: Final = "sequences/workspace.yaml"
INTRODUCTION: Final = "content/partials/introduction.mjml"
"""What stands before the first mail of a rep who took a lead over."""

TYPES: Final[tuple[FieldType, ...]] = ("text", "number", "date", "flag", "one_of", "some_of")

T = TypeVar("T")


def load_settings(files: Mapping[str, str]) -> tuple[Workspace | None, tuple[Problem, ...]]:
    """The workspace without its sequences, and every problem of its file.

    A declaration with a mistake still counts as made, so that it is reported once and not again at each use. None when
    the file is missing or cannot be read at all.
    """
    problems = Problems()
    if WORKSPACE_FILE not in files:
        problems.error(Mark(WORKSPACE_FILE, 1, 1), "missing-file", f"expected the file {WORKSPACE_FILE}")
        return None, problems.sorted()
    root = as_map(parse(WORKSPACE_FILE, files[WORKSPACE_FILE], problems), "keys, as `brand:` and `senders:`")
    if root is None:
        return None, problems.sorted()
    root.expect("workspace")
    senders = named(root, "senders", read_sender)
    fields = named(root, "fields", read_field)
    zone, zone_of_owner = read_zone(root)
    reply_pause, silences = read_contact(root)
    unknown, at_most = read_out_of_office(root)
    quiet_days, holidays, holidays_unknown = read_quiet(root)
    stages = read_stages(root)
    owner = read_owner(root, senders, fields, INTRODUCTION in files)
    brand, reps = read_brand(root), read_reps(root, owner, fields)
    reply_domain = values.domain(root.text("reply_domain"))
    own = own_domains(brand, [*senders.values(), *reps.values()], reply_domain)
    workspace = Workspace(
        brand=brand,
        stages=stages,
        statuses=named(root, "statuses", partial(read_status, sequence_files(files), fields)),
        fields=fields,
        topics=named(root, "topics", read_topic),
        senders=senders,
        reps=reps,
        sequences={},
        zone=zone,
        zone_of_owner=zone_of_owner,
        locale=read_locale(root),
        pressure=read_pressure(root),
        owner=owner,
        quiet_days=quiet_days,
        holidays=holidays,
        holidays_unknown=holidays_unknown,
        reply_pause=reply_pause,
        silences=silences,
        colleagues=read_colleagues(section(root, "colleagues")),
        out_of_office=unknown,
        out_of_office_at_most=at_most,
        reply_domain=reply_domain,
        shared_domains=read_shared(section(root, "companies"), own),
        site=read_site(section(root, "site")),
        crm=read_crm(section(root, "crm"), stages, fields, WORKSPACE_FILE),
    )
    return workspace, problems.sorted()


def section(root: Map, key: str, place: str | None = None) -> Map | None:
    """The keys below a key, checked against those known at the place."""
    found = as_map(root.take(key), f"keys below `{key}`")
    if found is not None:
        found.expect(place or key)
    return found


def named(root: Map, key: str, read: Callable[[Text, Node], T | None]) -> dict[str, T]:
    """Freely named entries, each read by the function given; the names become ids."""
    found = {}
    block = as_map(root.take(key), f"names below `{key}`")
    for name, node in block.items() if block else ():
        value = read(name, node)
        if value is not None:
            found[name.value] = value
    return found


def read_brand(root: Map) -> Brand:
    node = as_map(root.need("brand", "{name: …, url: …, postal_address: …}"), "keys below `brand`")
    if node is None:
        return Brand("", "", "")
    node.expect("brand")
    name = node.need_text("name", "Kestrel Planning")
    address = values.url(node.need_text("url", "https://www.example.com"))
    postal = node.need_text("postal_address", "Kestrel Planning Ltd, 1 Example Street, London")
    return Brand(name.value if name else "", address or "", postal.value if postal else "")


def read_zone(root: Map) -> tuple[str, bool]:
    """The zone for leads of unknown zone, and whether the owner's comes first in mail from the owner."""
    node = root.take("zone")
    if node is None:
        return "UTC", True
    if isinstance(node, Text):
        return values.zone(node) or "UTC", False
    block = as_map(node, "a time zone, or `owner_mail` with `otherwise`")
    if block is None:
        return "UTC", True
    block.expect("zone")
    by_owner = values.choice(block.text("owner_mail"), ("rep", "workspace")) != "workspace"
    return values.zone(block.need_text("otherwise", "Europe/London")) or "UTC", by_owner


def read_locale(root: Map) -> str:
    return values.locale(root.text("locale")) or "en"


def read_stages(root: Map) -> tuple[str, ...]:
    stages: list[str] = []
    for text in as_texts(root.need("stages", "[lead, mql, sql, customer]"), "a list of stages"):
        if text.value in stages:
            text.wrong("duplicate-key", f"the stage {text.got} stands in this list already: keep one")
        elif values.identifier(text, "a stage"):
            stages.append(text.value)
    return tuple(stages)


def read_status(sequences: Collection[str], fields: Collection[str], name: Text, node: Node) -> StatusMeaning | None:
    if values.identifier(name, "a status") is None:
        return None
    label, block = read_labelled(name, node, "stops", "status", "Bad fit")
    if block is None:
        return StatusMeaning(name.value, label)
    stops = values.choice(block.text("stops"), ("all",)) is not None
    runs, pauses = (read_concerned(block, key, sequences) for key in ("runs", "pauses"))
    for key in ("runs", "pauses") if stops else ():
        if key in block.entries:
            message = f"`stops: all` ends every sequence of such a lead: take `{key}` out, or `stops`"
            block.problems.error(block.entries[key].mark, "bad-value", message)
    for one in runs.keys() & pauses.keys():
        message = f"whoever entered `{one}` would wait in it: take it out of `runs` or of `pauses`"
        block.problems.error(pauses[one], "bad-value", message)
    named = (values.declared(text, fields, "field", WORKSPACE_FILE) for text in as_names(block.take("needs")))
    needs = tuple(dict.fromkeys(field for field in named if field is not None))
    return StatusMeaning(name.value, label, stops, runs, frozenset(pauses), needs)


def read_concerned(status: Map, key: str, sequences: Collection[str]) -> dict[str, Mark]:
    """The sequences that a status runs or pauses, and where they are named."""
    found = {}
    for text in as_texts(status.take(key), "a list of sequences, as `[education]`"):
        if values.declared(text, sequences, "sequence", "the folder sequences/") is not None:
            found[text.value] = text.mark
    return found


def read_labelled(name: Text, node: Node, further: str, place: str, example: str) -> tuple[str, Map | None]:
    """A label, alone or with further keys beside it, and these. Without one, the name stands for it."""
    if isinstance(node, Text):
        return node.value, None
    block = as_map(node, f"a label, or `label` with `{further}`")
    if block is None:
        return name.value, None
    block.expect(place)
    label = block.need_text("label", example)
    return label.value if label else name.value, block


def read_field(name: Text, node: Node) -> Field | None:
    if not values.SNAKE.fullmatch(name.value):
        name.bad("a field's name in small letters, digits and underscores, as `current_tool`", "bad-id")
        return None
    if name.value in BUILT_IN or name.value in ("id", "company", "and", "or", "not", "in", "is", "if", "else"):
        name.wrong("bad-id", f"{name.got} is there for every lead already: choose another name")
        return None
    if name.value in RESERVED:
        said = f"forms cannot ask for {name.got}: their pages send something else by that name. Choose another"
        name.problems.warning(name.mark, "bad-id", said)
    block = as_map(node, "a type, as `{text: true}` or `{one_of: [a, b]}`")
    if block is None:
        return Field(name.value, "text")
    block.expect("field")
    given = [key for key in TYPES if key in block.entries]
    if not given and block.entries.keys() - {"ask"}:
        return Field(name.value, "text")  # a key that is no type is told as that
    if len(given) != 1:
        name.wrong("bad-value", f"expected one type for {name.got} ({', '.join(TYPES)}), got {len(given)}")
        return Field(name.value, "text")
    kind = given[0]
    ask = block.text("ask")
    return Field(name.value, kind, read_choices(block, kind), ask.value if ask else "")


def read_choices(block: Map, kind: FieldType) -> tuple[str, ...]:
    node = block.take(kind)
    if kind not in ("one_of", "some_of"):
        text = as_text(node, f"`{kind}: true`")
        if text is not None and text.value != "true":
            text.bad("`true`")
        return ()
    choices = [text.value for text in as_texts(node, "a list of choices")]
    if isinstance(node, Items) and not choices:
        node.problems.error(node.mark, "bad-value", "expected at least one choice, as `[cost, risk]`")
    return tuple(dict.fromkeys(choices))


def read_topic(name: Text, node: Node) -> Topic | None:
    if values.identifier(name, "a topic") is None:
        return None
    if isinstance(node, Text):
        return Topic(name.value, node.value)
    block = as_map(node, "a label, or `label` with `default`")
    if block is None:
        return Topic(name.value, name.value)
    block.expect("topic")
    label = block.need_text("label", "Guides and checklists")
    default = values.flag(block.text("default"))
    return Topic(name.value, label.value if label else name.value, True if default is None else default)


def read_sender(name: Text, node: Node) -> Sender | None:
    if values.identifier(name, "a sender") is None:
        return None
    if name.value in ("owner", "hold"):
        name.wrong("bad-id", f"{name.got} means something else: choose another name for this sender")
        return None
    block = as_map(node, "`name` and `email`")
    if block is None:
        return Sender(name.value, name.value, "")
    block.expect("sender")
    label = block.need_text("name", "Mara at Kestrel")
    address = values.email(block.need_text("email", "mara@mail.example.com"))
    return Sender(name.value, label.value if label else name.value, address or "", values.zone(block.text("zone")))


def read_reps(root: Map, owner: OwnerPolicy, fields: Mapping[str, Field]) -> dict[str, Rep]:
    reps: dict[str, Rep] = {}
    deputies: list[Text] = []
    block = as_map(root.take("reps"), "the reps' email addresses below `reps`")
    for name, node in block.items() if block else ():
        address = values.email(name) or name.value.lower()
        keys = as_map(node, "`name` and what else is known of the rep")
        if keys is None:
            continue
        if address in reps:
            name.wrong("duplicate-key", f"the rep {name.got} is declared already: keep one")
            continue
        keys.expect("rep")
        label = keys.need_text("name", "Ana Ruiz")
        deputy = keys.text("deputy")
        if deputy is not None:
            deputies.append(deputy)
            if deputy.value.lower() == address:
                deputy.wrong("bad-value", f"expected another rep as deputy, got {deputy.got} again")
        reps[address] = Rep(
            email=address,
            name=label.value if label else address,
            zone=values.zone(keys.text("zone")),
            phone=text_of(keys.text("phone")),
            calendar=values.url(keys.text("calendar")),
            deputy=deputy.value.lower() if deputy else None,
            away=read_away(keys),
            hours=read_window(keys),
            country=values.country(keys.text("country")),
            territory=read_territory(keys, owner, fields),
            webhook=read_webhook(keys),
            crm=text_of(keys.text("crm")),
            language=values.choice(keys.text("language"), SPOKEN),
        )
    for deputy in deputies:
        if deputy.value.lower() not in reps:
            hint = did_you_mean(deputy.value.lower(), reps) or ": declare them under `reps`"
            deputy.wrong("unknown-rep", f"there is no rep {deputy.got}{hint}")
    return reps


def read_territory(rep: Map, owner: OwnerPolicy, fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Values of the fields by which `assign` finds a rep: countries, and choices. Of other fields anything goes."""
    texts = as_texts(rep.take("territory"), "a list, as `[ES, PT]`")
    asked = [rule.removeprefix(TERRITORY) for rule in owner.assign if rule.startswith(TERRITORY)]
    others = [fields[name].choices for name in asked if name != "country"]
    if asked and all(others):
        choices = [choice for of in others for choice in of]
        for text in texts:
            if text.value.casefold() not in map(str.casefold, choices):
                expect_territory(text, choices, "country" in asked)
    return tuple(text.value for text in texts)


def expect_territory(text: Text, choices: Sequence[str], countries: bool) -> None:
    """Reports what is no country either, where countries are expected."""
    if countries and code_of(text.value) is not None:
        return
    expected = ["a country by its code or its name, as `NL`"] if countries else []
    expected += [one_of(choices)] if choices else []
    hint = did_you_mean(text.value, [*choices, *(name for _, name in (named_countries("en") if countries else ()))])
    text.wrong("bad-value", f"expected {' or '.join(expected)}, got {text.got}{hint}")


def read_webhook(block: Map, key: str = "webhook") -> str | None:
    """Reported at the key and never quoted: the address is a secret, and what `check` says lands in logs."""
    text = block.text(key)
    if text is None:
        return None
    try:
        target.parse(text.value)
    except ValueError as error:
        text.problems.error(block.entries[key].mark, "bad-webhook", str(error))
        return None
    return text.value


def text_of(text: Text | None) -> str | None:
    return text.value if text else None


def read_away(rep: Map) -> tuple[Away, ...]:
    away = []
    for item in as_items(rep.take("away"), "a list of `{from: 2026-12-21, to: 2027-01-02}`"):
        block = as_map(item, "`from` and `to`")
        if block is None:
            continue
        block.expect("away")
        first = values.day(block.need_text("from", "2026-12-21"))
        until = block.need_text("to", "2027-01-02")
        last = values.day(until)
        if first is None or last is None or until is None:
            continue
        if last < first:
            until.bad(f"a day not before {first.isoformat()}", "bad-date")
        else:
            away.append(Away(first, last))
    return tuple(away)


def read_window(root: Map, quiet: Quiet = NEVER_QUIET) -> Hours | None:
    """`hours`: weekdays, of which one at least is not quiet, and from when to when."""
    block = as_map(root.take("hours"), '`{days: mon-fri, between: "09:00-17:00"}`')
    if block is None:
        return None
    block.expect("hours")
    node = block.need("days", "mon-fri")
    days = read_days(node) if node is not None else frozenset()
    between = block.need_text("between", '"09:00-17:00"')
    hours = values.parsed(between, lambda window: Hours.parse("mon-sun", window))
    if hours is None or not days or node is None:
        return None
    hours = Hours(days, hours.start, hours.end)
    if not opens(hours, quiet):
        message = "no mail could ever go out: workspace.yaml declares all these days as `quiet`"
        root.problems.error(node.mark, "never-open", message)
    return hours


def read_owner(root: Map, senders: Mapping[str, Sender], fields: Collection[str], introduction: bool) -> OwnerPolicy:
    """`introduction`: whether there is a text by which new owners introduce themselves."""
    policy = OwnerPolicy(changed="introduce" if introduction else "silent")
    block = section(root, "owner")
    if block is None:
        return policy
    of: Literal["company", "lead"] = (
        "lead" if values.choice(block.text("of"), ("company", "lead")) == "lead" else "company"
    )
    values.choice(block.text("by"), ("first_human_contact",))
    policy = replace(policy, of=of, assign=read_assign(block, fields))
    policy = replace(policy, changed=read_changed(block, policy, introduction))
    missing = policy.missing
    text = block.text("missing")
    if text is not None and text.value != "hold":
        words = text.value.split()
        if len(words) != 2 or words[0] != "sender":
            text.bad("`hold` or `sender NAME`")
        elif words[1] not in senders:
            hint = did_you_mean(words[1], senders) or ": declare it under `senders`"
            text.wrong("unknown-sender", f"there is no sender `{words[1]}`{hint}")
        else:
            missing = words[1]
    away = section(block, "away", "owner.away")
    if away is None:
        return replace(policy, missing=missing)
    values.choice(away.text("then"), ("deputy",))
    hold = values.duration(away.need_text("hold", "3 business days")) or policy.away_hold
    return replace(policy, missing=missing, away_hold=hold)


def read_changed(owner: Map, policy: OwnerPolicy, introduction: bool) -> Literal["introduce", "silent", "hold"]:
    text = owner.text("changed")
    match values.choice(text, ("introduce", "silent", "hold")):
        case "introduce":
            if not introduction and text is not None:
                message = f"expected the file {INTRODUCTION}, by which new owners introduce themselves"
                text.problems.error(text.mark, "missing-partial", message)
            return "introduce"
        case "silent":
            return "silent"
        case "hold":
            return "hold"
    return policy.changed


def read_assign(owner: Map, fields: Collection[str]) -> tuple[str, ...]:
    """How a rep is found, each rule once."""
    node = owner.take("assign")
    if node is None:
        return OwnerPolicy().assign
    rules: list[str] = []
    for item in as_items(node, "a list of `company_owner`, `{territory: country}` and `round_robin`"):
        if isinstance(item, Text):
            rules += filter(None, [values.choice(item, ("company_owner", "round_robin"))])
        elif (block := as_map(item, "`{territory: country}`")) is not None:
            block.expect("assign")
            text = block.need_text("territory", "country")
            field = values.declared(text, [*fields, "country"], "field", WORKSPACE_FILE)
            rules += [f"{TERRITORY}{field}"] if field is not None else []
    return tuple(dict.fromkeys(rules))


def read_pressure(root: Map) -> Pressure:
    default = Pressure()
    block = section(root, "pressure")
    if block is None:
        return default
    over = section(block, "over")
    wait = default.wait
    if over is not None:
        wait = values.duration(over.need_text("wait", "5 business days")) or wait
        values.choice(over.text("then"), ("skip",))
    return Pressure(
        day=read_cap(block, "day", default.day),
        week=read_cap(block, "week", default.week),
        gap=read_gap(block),
        wait=wait,
        company=read_company_cap(block),
        counts=read_counts(block),
        catch_up=read_cap(block, "catch_up", default.catch_up),
    )


def read_counts(block: Map) -> frozenset[str]:
    node = block.take("counts")
    if node is None:
        return frozenset(STREAMS)
    named = as_texts(node, f"a list of {listed(STREAMS)}")
    if isinstance(node, Items) and not named:
        node.problems.error(node.mark, "bad-value", "expected at least one; no limits are `{day: none, week: none}`")
    return frozenset(filter(None, (values.choice(text, STREAMS) for text in named)))


def read_cap(block: Map, key: str, default: int | None) -> int | None:
    text = block.text(key)
    if text is None:
        return default
    return None if text.value == "none" else values.count(text)


def read_company_cap(block: Map) -> CompanyCap | None:
    company = section(block, "company", "pressure.company")
    if company is None:
        return None
    mails, text = values.count(company.need_text("mails", "2")), company.need_text("within", "4 hours")
    within = values.duration(text)
    if text is not None and within is not None and (within.unit == "business day" or not within.elapsed):
        text.bad("hours, days or weeks, as `4 hours`", "bad-duration")
        within = None
    return CompanyCap(mails, within.elapsed) if mails is not None and within is not None else None


def read_gap(block: Map) -> timedelta:
    text = block.text("gap")
    gap = values.duration(text)
    if text is None or gap is None:
        return Pressure().gap
    if gap.unit == "business day":
        text.bad("hours or days between two mails, as `20 hours`", "bad-duration")
        return Pressure().gap
    return gap.elapsed


def read_quiet(root: Map) -> tuple[frozenset[int], bool, str | None]:
    """The quiet weekdays, whether holidays are quiet too, and whose for leads of unknown country."""
    block = section(root, "quiet")
    if block is None:
        return frozenset({5, 6}), True, None
    node = block.take("days")
    days = read_days(node) if node is not None else frozenset({5, 6})
    if days == EVERY_DAY and node is not None:
        node.problems.error(
            node.mark, "bad-value", "expected at least one day that is not quiet: nobody would be mailed"
        )
        days = frozenset()
    holidays = values.choice(block.text("holidays"), ("lead", "none")) != "none"
    return days, holidays, values.country(block.text("unknown"))


def read_days(node: Node) -> frozenset[int]:
    """Weekdays: `mon-fri`, or a list."""
    if isinstance(node, Text):
        return values.parsed(node, parse_days) or frozenset()
    found: set[int] = set()
    for text in as_texts(node, f"a list of weekdays ({', '.join(WEEKDAYS)})"):
        found |= values.parsed(text, parse_days) or frozenset()
    return frozenset(found)


def read_contact(root: Map) -> tuple[Duration, dict[str, Duration]]:
    """How long a reply pauses the other sequences, and for how long a rep's own contact silences all."""
    block = section(root, "contact")
    given = {key: values.duration(block.text(key)) for key in ("reply", *TOUCHES.values())} if block else {}
    found = {key: duration for key, duration in given.items() if duration is not None}
    return found.pop("reply", Duration(14, "day")), found


def read_out_of_office(root: Map) -> tuple[Duration, Duration]:
    """How long an automatic reply pauses: when it names no date of return, and at most."""
    block = section(root, "out_of_office")
    unknown = values.duration(block.text("unknown")) if block else None
    at_most = values.duration(block.text("at_most")) if block else None
    return unknown or Duration(7, "day"), at_most or Duration(30, "day")
