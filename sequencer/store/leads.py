"""Leads and companies."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Select,
    TextClause,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from sequencer.core.lead import BUILT_IN, ERASED, FORM, OPERATOR, Company, Lead, made
from sequencer.core.lead_input import OWN
from sequencer.core.learn import Source, Taught
from sequencer.core.workspace import Workspace
from sequencer.store.arrays import any_in, array
from sequencer.store.tables import company, lead

COLUMNS = (
    lead.c.id,
    lead.c.email,
    lead.c.first_name,
    lead.c.last_name,
    lead.c.title,
    lead.c.zone,
    lead.c.country,
    lead.c.stage,
    lead.c.status,
    lead.c.campaign,
    lead.c.owner,
    lead.c.company_id,
    lead.c.suppressed,
    lead.c.fields,
    lead.c.created_at,
    lead.c.owner_before,
)


NAME = func.nullif(func.concat_ws(" ", lead.c.first_name, lead.c.last_name), "").label("name")
"""As people read it; NULL when nobody knows it."""


def of(row: Sequence[Any]) -> Lead:
    """The lead in the first columns of a row that was selected with COLUMNS."""
    return made(row[: len(COLUMNS)])


def by_email(conn: Connection, email: str) -> Lead | None:
    row = conn.execute(select(*COLUMNS).where(lead.c.email == email)).first()
    return of(row) if row is not None else None


_BY_IDS = select(*COLUMNS).where(lead.c.id == any_in("ids"))
_IN_ORDER = _BY_IDS.order_by(lead.c.id)
_LOCK, _LOCK_FREE = (_IN_ORDER.with_for_update(key_share=True, skip_locked=free) for free in (False, True))


def by_ids(conn: Connection, ids: Sequence[int]) -> list[Lead]:
    return [of(row) for row in conn.execute(_BY_IDS, {"ids": array(ids)})]


def lock(conn: Connection, ids: Iterable[int], wait: bool = True) -> dict[int, Lead]:
    """Locks leads in ascending order, and waits for whoever holds them, or passes over those that somebody holds.

    The row is the one lock of all that is the lead's.
    """
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = conn.execute(_LOCK if wait else _LOCK_FREE, {"ids": array(wanted)}).all()
    return {row[0]: of(row) for row in rows}


def ids_by_email(conn: Connection, emails: Sequence[str]) -> dict[str, int]:
    rows = conn.execute(select(lead.c.email, lead.c.id).where(lead.c.email == func.any(list(emails))))
    return {row.email: row.id for row in rows}


_KNOWN_STILL = lead.c.email.notlike(f"%{ERASED}")


def page(conn: Connection, after: int, limit: int) -> list[Lead]:
    """Leads by id, for walking through all of them in bounded memory; not those who were erased."""
    query = select(*COLUMNS).where(lead.c.id > after, _KNOWN_STILL)
    return [of(r) for r in conn.execute(query.order_by(lead.c.id).limit(limit))]


def count(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(lead)).scalar_one())


def some(conn: Connection, every: int, after: int, limit: int) -> list[Lead]:
    """The same of every so many one, always the same ones."""
    drawn = func.hashint8(lead.c.id).op("&")(2147483647) % every == 0
    query = select(*COLUMNS).where(lead.c.id > after, drawn).order_by(lead.c.id).limit(limit)
    return [of(r) for r in conn.execute(query)]


def attributes(conn: Connection) -> set[str]:
    """Names of the declared fields and attributes that any lead has; it looks at all of them."""
    return set(conn.execute(select(func.jsonb_object_keys(lead.c.fields)).distinct()).scalars())


def containing(words: str) -> str:
    """What LIKE is to be given for texts that contain the words, whatever is in these."""
    return "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def search(conn: Connection, words: str, limit: int) -> list[Lead]:
    """Leads whose email or name contains the words, newest first; not those who were erased."""
    pattern = containing(words)
    name = func.concat_ws(" ", lead.c.first_name, lead.c.last_name)
    query: Select[Any] = select(*COLUMNS).where(_KNOWN_STILL).order_by(lead.c.id.desc()).limit(limit)
    if words:
        matches: ColumnElement[bool] = or_(lead.c.email.ilike(pattern), name.ilike(pattern))
        query = query.where(matches)
    return [of(row) for row in conn.execute(query)]


def answered(fields: str, zone: str) -> str:
    """SQL: who wrote the fields and the time zone of a lead `l`, once these are written into it (:source, :now).

    That is noted where the value changes, and where it was only inferred until now. Of a field that is not noted it
    was whoever brought the lead, when it came.
    """
    said = "jsonb_build_object('by', CAST(:source AS text), 'at', CAST(:now AS timestamptz))"
    return f"""l.sources || CASE
        WHEN {zone} IS NOT NULL
             AND ({zone} IS DISTINCT FROM l.zone OR jsonb_exists(l.sources -> 'time_zone', 'confidence'))
        THEN jsonb_build_object('time_zone', {said}) ELSE '{{}}'
    END || coalesce((
        SELECT jsonb_object_agg(f.key, {said}) FROM jsonb_each({fields}) f
        WHERE l.fields -> f.key IS DISTINCT FROM f.value OR jsonb_exists(l.sources -> f.key, 'confidence')
    ), '{{}}')"""


# One array a column: a VALUES list of a thousand rows costs SQLAlchemy a second to compile, every time.
_INSERT = f"""
    INSERT INTO lead AS l (email, {", ".join(OWN)}, company_id, fields, source, sources, bucket, created_at, updated_at)
    SELECT v.email, {", ".join(f"v.{name}" for name in OWN)}, v.company_id, CAST(v.fields AS jsonb), :source,
           CAST(v.guessed AS jsonb), hashtext(v.email) & 255, :now, :now
    FROM unnest(CAST(:email AS text[]), {", ".join(f"CAST(:{name} AS text[])" for name in OWN)},
                CAST(:company_id AS bigint[]), CAST(:fields AS text[]), CAST(:guessed AS text[]))
         v(email, {", ".join(OWN)}, company_id, fields, guessed)
    ON CONFLICT (email) DO UPDATE SET
"""
_RETURNING = "RETURNING l.email, l.id, l.xmax = 0 AS is_new"
_ADD = text(f"{_INSERT} updated_at = l.updated_at {_RETURNING}")
_UPSERT = text(
    f"""
    {_INSERT}
        {", ".join(f"{name} = coalesce(excluded.{name}, l.{name})" for name in OWN if name != "campaign")},
        -- First touch stays first touch.
        campaign = coalesce(l.campaign, excluded.campaign),
        company_id = coalesce(excluded.company_id, l.company_id),
        fields = l.fields || excluded.fields,
        sources = {answered("excluded.fields", "excluded.zone")} || excluded.sources,
        updated_at = excluded.updated_at
    {_RETURNING}
    """
)


def upsert(
    conn: Connection, rows: Sequence[Mapping[str, Any]], source: str, now: datetime
) -> dict[str, tuple[int, bool]]:
    """Inserts or updates leads by email; what a row does not say stays as it was. `source`: who says all this.

    Each row: `email`, any of OWN, `company_id`, `fields` (merged), and `guessed`: by field who says so where that is
    somebody else, who is not sure. Emails must be unique in `rows`.
    Returns (id, is new) by email.
    """
    return _put(conn, _UPSERT, rows, source, now)


def add(conn: Connection, rows: Sequence[Mapping[str, Any]], source: str, now: datetime) -> dict[str, tuple[int, bool]]:
    """The same, but whoever is there already is only locked: they come back as not new, and stay as they were.

    In the order of their addresses, as `upsert` locks them.
    """
    return _put(conn, _ADD, rows, source, now)


def _put(
    conn: Connection, statement: TextClause, rows: Sequence[Mapping[str, Any]], source: str, now: datetime
) -> dict[str, tuple[int, bool]]:
    if not rows:
        return {}
    ordered = sorted(rows, key=lambda row: str(row["email"]))
    columns = {name: [row.get(name) for row in ordered] for name in ("email", *OWN, "company_id")}
    for name in ("fields", "guessed"):
        columns[name] = [orjson.dumps(row.get(name) or {}).decode() for row in ordered]
    return {
        row.email: (row.id, row.is_new) for row in conn.execute(statement, {**columns, "source": source, "now": now})
    }


_WRITE = text(
    f"""
    UPDATE lead l SET
        {", ".join(f"{n} = CASE WHEN jsonb_exists(v.own, '{n}') THEN v.own ->> '{n}' ELSE l.{n} END" for n in OWN)},
        fields = l.fields || v.declared,
        sources = {answered("v.declared", "(v.own ->> 'zone')")},
        updated_at = :now
    FROM (SELECT id, CAST(own AS jsonb) AS own, CAST(declared AS jsonb) AS declared
          FROM unnest(CAST(:ids AS bigint[]), CAST(:own AS text[]), CAST(:declared AS text[])) u(id, own, declared)) v
    WHERE l.id = v.id
    """
)


def write(conn: Connection, changes: Iterable[tuple[int, Mapping[str, Any]]], source: str, now: datetime) -> None:
    """Sets fields of locked leads, built-in or declared; of several changes of one lead the later count.

    `source`: who writes them.
    """
    changed: dict[int, dict[str, Any]] = {}
    for lead_id, values in changes:
        changed.setdefault(lead_id, {}).update(values)
    if not changed:
        return
    own = [
        {("zone" if name == "time_zone" else name): value for name, value in values.items() if name in BUILT_IN}
        for values in changed.values()
    ]
    declared = [{name: value for name, value in values.items() if name not in BUILT_IN} for values in changed.values()]
    conn.execute(
        _WRITE,
        {
            "ids": array(changed),
            "own": array(orjson.dumps(one).decode() for one in own),
            "declared": array(orjson.dumps(one).decode() for one in declared),
            "source": source,
            "now": now,
        },
    )


_SUCCEED = text(
    """
    UPDATE lead l SET owner_before = NULLIF(v.before, '')
    FROM unnest(CAST(:ids AS bigint[]), CAST(:before AS text[])) v(id, before) WHERE l.id = v.id
    """
)


def succeed(conn: Connection, before: Mapping[int, str | None]) -> None:
    """By lead, whose lock the caller holds: the rep whom its owner followed, or that the lead heard from the owner."""
    if before:
        conn.execute(_SUCCEED, {"ids": array(before), "before": array(one or "" for one in before.values())})


_SOURCES = text("SELECT id, sources FROM lead WHERE id = ANY(CAST(:ids AS bigint[])) AND sources <> '{}'")
_SOURCE = select(lead.c.source, lead.c.sources).where(lead.c.id == bindparam("id"))
_TEACH = text(
    """
    UPDATE lead l SET
        fields = (l.fields - v.gone) || v.fields, sources = (l.sources - v.gone) || v.sources, updated_at = :now
    FROM (SELECT id, CAST(fields AS jsonb) AS fields, CAST(sources AS jsonb) AS sources, CAST(gone AS text[]) AS gone
          FROM unnest(CAST(:ids AS bigint[]), CAST(:fields AS text[]), CAST(:sources AS text[]), CAST(:gone AS text[]))
               u(id, fields, sources, gone)) v
    WHERE l.id = v.id
    """
)


def sources(conn: Connection, ids: Sequence[int]) -> dict[int, Mapping[str, Source]]:
    """By lead and field, who wrote it and when, where that is noted."""
    return {row.id: row.sources for row in conn.execute(_SOURCES, {"ids": array(ids)})}


def source(conn: Connection, lead_id: int) -> tuple[str | None, Mapping[str, Source]]:
    """Who brought the lead, and of one lead the same; None of a lead from before that was noted."""
    row = conn.execute(_SOURCE, {"id": lead_id}).one()
    return row.source, row.sources


def teach(conn: Connection, taught: Mapping[int, Taught], now: datetime) -> None:
    """Writes what was inferred, and takes away what is not any more; the caller holds the leads' locks."""
    if not taught:
        return

    def column(of: Callable[[Taught], object]) -> object:
        return array(orjson.dumps(of(one)).decode() for one in taught.values())

    columns = {"fields": column(lambda one: dict(one.fields)), "sources": column(lambda one: dict(one.sources))}
    gone = array(array(one.gone) for one in taught.values())
    conn.execute(_TEACH, {"ids": array(taught), **columns, "gone": gone, "now": now})


_SUPPRESS = update(lead).where(lead.c.id == any_in("ids")).values(suppressed=True)


def suppress(conn: Connection, ids: Sequence[int]) -> None:
    conn.execute(_SUPPRESS, {"ids": array(ids)})


def release(conn: Connection, lead_id: int) -> None:
    """The lead may be mailed again: the suppression of its address was lifted."""
    conn.execute(update(lead).where(lead.c.id == lead_id).values(suppressed=False))


_OF_COMPANIES = select(lead.c.id, lead.c.company_id).where(lead.c.company_id == any_in("ids")).order_by(lead.c.id)


def of_companies(conn: Connection, ids: Iterable[int], but: Collection[int] = ()) -> list[tuple[int, int]]:
    """The people of companies, each with the company, without some of them."""
    rows = conn.execute(_OF_COMPANIES, {"ids": array(sorted(ids))})
    return [(row.id, row.company_id) for row in rows if row.id not in but]


_HEAD = company.alias()
COMPANY_OWNER = func.coalesce(
    company.c.owner, select(_HEAD.c.owner).where(_HEAD.c.id == company.c.parent_id).scalar_subquery()
)
"""The company's rep; a subsidiary's is the parent's, unless it has one of its own."""


def of_reps(more: str = "") -> str:
    """SQL: leads `l` that some of :reps own, each once: theirs, and their companies'. See `core.people.owner_of`.

    `more`: what follows in each part, such as an order and a limit. The parameters are `reps_of`'s.
    """
    inherits = "(l.owner IS NULL OR l.owner <> ALL(CAST(:known AS text[])))"
    return f"""
    (SELECT l.* FROM lead l WHERE l.owner = ANY(CAST(:reps AS text[])) {more})
    UNION ALL
    (SELECT l.* FROM company c JOIN lead l ON l.company_id = c.id
     WHERE c.owner = ANY(CAST(:sharing AS text[])) AND {inherits} {more})
    UNION ALL
    (SELECT l.* FROM company head JOIN company c ON c.parent_id = head.id JOIN lead l ON l.company_id = c.id
     WHERE head.owner = ANY(CAST(:sharing AS text[])) AND c.owner IS NULL AND {inherits} {more})
    """


def reps_of(workspace: Workspace | None, reps: Collection[str]) -> dict[str, Any]:
    """Parameters of `of_reps`. What companies hold counts for reps whom the workspace knows."""
    known = workspace.reps if workspace is not None and workspace.owner.of == "company" else {}
    return {"reps": array(sorted(reps)), "sharing": array(sorted(known.keys() & set(reps))), "known": array(known)}


_COMPANIES = select(company.c.id, company.c.domain, company.c.name, COMPANY_OWNER.label("owner")).where(
    company.c.id == any_in("ids")
)


def companies(conn: Connection, ids: Iterable[int]) -> dict[int, Company]:
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row[0]: Company(*row) for row in conn.execute(_COMPANIES, {"ids": array(wanted)}).all()}


def renames(name: str) -> str:
    """SQL: whether the name, as :source says it, becomes that of a company `c`. `named_by` is the source then.

    A stranger names only what has no name, and nobody renames what an operator named.
    """
    return f"""(
        {name} IS NOT NULL AND c.name IS DISTINCT FROM {name}
        AND (c.name IS NULL OR (:source <> '{FORM}' AND c.named_by IS DISTINCT FROM '{OPERATOR}'))
    )"""


_GIVEN = "unnest(CAST(:domains AS text[]), CAST(:names AS text[])) v(domain, name)"
_KNOWN = text(
    f"""
    SELECT c.domain, coalesce(c.merged_into, c.id) AS id, {renames("v.name")} AS renamed
    FROM company c JOIN {_GIVEN} ON v.domain = c.domain WHERE c.domain = ANY(CAST(:domains AS text[]))
    """
)
_NEW = text(
    f"""
    INSERT INTO company (domain, name, named_by)
    SELECT v.domain, v.name, CASE WHEN v.name IS NOT NULL THEN :source END FROM {_GIVEN} ON CONFLICT (domain) DO NOTHING
    """
)
_NAME = text(
    f"""
    UPDATE company SET name = new.name, named_by = :source
    FROM (SELECT c.id, v.name FROM {_GIVEN} JOIN company c ON c.domain = v.domain AND {renames("v.name")}
          ORDER BY c.domain COLLATE "C" FOR NO KEY UPDATE OF c) new
    WHERE company.id = new.id
    """
)


def put_companies(conn: Connection, named: Mapping[str, str | None], source: str) -> dict[str, int]:
    """Companies by domain, made where they are missing, and named as `renames` has it. `source`: who names them.

    Of a domain that was merged it is the company whose domain it is now. What is known is not locked, as whoever mails
    a company's people holds its row: only who changes a name waits for that.
    """
    if not named:
        return {}
    known = _known(conn, named, source)
    missing = {domain: name for domain, name in named.items() if domain not in known}
    if missing:
        _named(conn, _NEW, missing, source)
        known |= _known(conn, missing, source)
    renamed = {domain: named[domain] for domain, (_, renamed) in known.items() if renamed}
    if renamed:
        _named(conn, _NAME, renamed, source)
    return {domain: company_id for domain, (company_id, _) in known.items()}


def _known(conn: Connection, named: Mapping[str, str | None], source: str) -> dict[str, tuple[int, bool]]:
    return {row.domain: (row.id, row.renamed) for row in _named(conn, _KNOWN, named, source)}


def _named(conn: Connection, statement: TextClause, named: Mapping[str, str | None], source: str) -> CursorResult[Any]:
    domains = sorted(named)
    names = array(named[domain] for domain in domains)
    return conn.execute(statement, {"domains": array(domains), "names": names, "source": source})
