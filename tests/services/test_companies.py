"""Two companies that are one, and one that counts with another. On a real database."""

import io
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from sequencer.core.enrollment import Status
from sequencer.core.lead import FORM, OPERATOR, Lead
from sequencer.core.lead_input import OWN, Row, read
from sequencer.errors import InvalidInput, NotFound
from sequencer.services import companies, strangers
from sequencer.services.colleagues import tell
from sequencer.services.due import rest, work
from sequencer.services.imports import import_csv
from sequencer.services.leads import save
from sequencer.store import clock, leads, staging
from sequencer.store import companies as stored
from tests.databases import until_waiting
from tests.services.conftest import World
from tests.services.test_colleagues import heard, stands, workspace
from tests.services.test_handoffs import REPS, RULES, asks, of
from tests.services.test_weighing import visits


def merge(world: World, domain: str, into: str) -> None:
    with world.context.engine.begin() as conn:
        companies.merge(conn, domain, into, clock.now(conn))


def belong(world: World, domain: str, of: str | None) -> None:
    with world.context.engine.begin() as conn:
        companies.subsidiary(conn, domain, of, clock.now(conn))


Change = Callable[[World, str, str], None]
"""`merge` or `belong`."""


def view(world: World, domain: str) -> dict[str, Any]:
    with world.context.engine.connect() as conn:
        found = companies.named(conn, domain)
        return companies.view(conn, world.context.releases.current(conn), found.id, clock.now(conn))


def people(world: World, *addresses: str) -> list[Lead]:
    return [world.lead(address, company=address.partition("@")[2].partition(".")[0].title()) for address in addresses]


@pytest.fixture
def two(world: World) -> Iterator[World]:
    """Two people of Harbor, and one of Harbor Labs."""
    world.deploy(workspace())
    people(world, "kim@harbor.example", "lee@harbor.example", "max@labs.example")
    world.work()
    yield world


def test_a_company_that_is_merged_brings_its_people_and_whoever_comes(two: World) -> None:
    merge(two, "labs.example", "harbor.example")
    assert "merge" in [name for name, _ in work(two.context)]
    two.work()
    late = two.lead("ann@labs.example")
    harbor = two.lead("kim@harbor.example").company_id
    assert {harbor} == {two.lead(a).company_id for a in ("max@labs.example", late.email)}
    found = view(two, "labs.example")
    assert (found["domain"], found["domains"]) == ("harbor.example", ["harbor.example", "labs.example"])
    assert len(found["people"]) == 4


def test_an_import_that_was_on_its_way_brings_people_who_follow_as_well(two: World) -> None:
    with two.context.engine.connect() as conn:
        labs = leads.put_companies(conn, {"labs.example": None}, "api")["labs.example"]
        conn.rollback()
    merge(two, "labs.example", "harbor.example")
    two.work()
    late = two.lead("ann@labs.example")
    with two.context.engine.begin() as conn:
        leads.lock(conn, [late.id])
        stored.move(conn, [late.id], labs)
        assert not rest(conn).next_at
    with two.context.engine.connect() as conn:
        assert rest(conn).busy
    two.work()
    assert two.lead("ann@labs.example").company_id == two.lead("kim@harbor.example").company_id


def test_people_are_saved_while_somebody_holds_their_company(two: World) -> None:
    engine, release = two.context.engine, two.context.releases
    with engine.begin() as holder, engine.begin() as conn:
        assert {"harbor.example"} == stored.lock_domains(holder, ["harbor.example"]).keys()
        conn.execute(text("SET LOCAL lock_timeout = '2s'"))
        workspace_ = release.current(conn).workspace
        raw = [{"email": f"{name}@harbor.example", "company": "Other", "title": "CFO"} for name in ("kim", "new")]
        save(conn, release.current(conn), [read(one, workspace_) for one in raw], FORM, clock.now(conn), True)
        assert leads.put_companies(conn, {"harbor.example": "Harbor", "late.example": None}, "api").keys() == {
            "harbor.example", "late.example",
        }  # fmt: skip
    assert (two.lead("kim@harbor.example").title, view(two, "harbor.example")["name"]) == ("CFO", "Harbor")
    assert two.lead("new@harbor.example").company_id == two.lead("kim@harbor.example").company_id


def test_a_company_has_a_name_from_who_first_knows_one_also_if_others_make_it_meanwhile(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = two.context.engine
    named = leads._named

    def late(conn: Connection, statement: Any, *given: Any) -> Any:
        if statement is not leads._NEW:
            return named(conn, statement, *given)
        monkeypatch.undo()
        with engine.begin() as other:
            made.update(leads.put_companies(other, {"new.example": None}, FORM))
        return named(conn, statement, *given)

    made: dict[str, int] = {}
    monkeypatch.setattr(leads, "_named", late)
    with engine.begin() as conn:
        assert (
            leads.put_companies(conn, {"new.example": "New", "harbor.example": "Other"}, FORM).items() >= made.items()
        )
    assert made
    with engine.begin() as conn:
        assert leads.put_companies(conn, {"new.example": "Newer"}, FORM) == made
    assert [view(two, one)["name"] for one in ("new.example", "harbor.example")] == ["New", "Harbor"]


@pytest.mark.parametrize("how", ["save", "import"])
@pytest.mark.parametrize(
    ("before", "source", "expected"),
    [
        (None, FORM, "Right"),
        (None, "api", "Right"),
        (FORM, FORM, "Wrong"),
        (FORM, "api", "Right"),
        ("api", FORM, "Wrong"),
        ("api", "import", "Right"),
        ("import", "api", "Right"),
        (OPERATOR, FORM, "Wrong"),
        (OPERATOR, "api", "Wrong"),
        ("unknown", FORM, "Wrong"),
        ("unknown", "import", "Right"),
    ],
)
def test_whoever_knows_names_a_company_after_a_stranger_and_an_operator_after_all(
    engine: Engine, how: str, before: str | None, source: str, expected: str
) -> None:
    with engine.connect() as conn:
        leads.put_companies(conn, {"a.example": None if before is None else "Wrong"}, before or FORM)
        if before == "unknown":
            conn.execute(text("UPDATE company SET named_by = NULL"))
        for _ in range(2):  # said again, it changes nothing
            given(conn, how, {"a.example": "Right"}, source)
            [row] = conn.execute(text("SELECT name, named_by FROM company"))
            by = source if expected == "Right" else {"unknown": None}.get(str(before), before)
            assert tuple(row) == (expected, by)
        given(conn, how, {"a.example": None}, source)
        assert conn.execute(text("SELECT name FROM company")).scalar_one() == expected
        conn.rollback()


def given(conn: Connection, how: str, named: Mapping[str, str | None], source: str) -> None:
    """Names companies in the order given, as a batch of one door brings it."""
    if how == "save":
        leads.put_companies(conn, named, source)
        return
    rows = {
        line: Row(f"kim@{domain}", domain, name, (None,) * len(OWN), "{}")
        for line, (domain, name) in enumerate(named.items())
    }
    staging.put(conn, rows)
    staging.put_companies(conn, source)
    staging.staged.drop(conn)


def test_of_several_names_in_one_batch_the_last_counts(two: World, engine: Engine) -> None:
    """As it does from one batch to the next."""
    rows = [(f"{who}@harbor.example", name) for who, name in (("kim", "First"), ("lee", "Last"), ("ann", None))]
    with engine.begin() as conn:
        release = two.context.releases.current(conn)
        said = [read({"email": email, "company": name}, release.workspace) for email, name in rows]
        save(conn, release, said, "api", clock.now(conn), announce_new=False)
    assert view(two, "harbor.example")["name"] == "Last"
    said_csv = "".join(f"{email},{(name or '').upper()}\n" for email, name in rows)
    import_csv(two.context, io.StringIO("email,company\n" + said_csv), None)
    found = view(two, "harbor.example")
    assert (found["name"], found["named_by"]) == ("LAST", "import")


@pytest.mark.parametrize("how", ["save", "import"])
@pytest.mark.parametrize("named", [("b.example", "a.example"), ("a.example", "b.example")])
def test_whoever_waits_to_name_a_company_holds_none_that_comes_after_it(
    engine: Engine, how: str, named: tuple[str, str]
) -> None:
    """So two who name the same ones, in whatever order they bring them, both go on."""
    with engine.begin() as conn:
        leads.put_companies(conn, {"b.example": "B"}, FORM)
        leads.put_companies(conn, {"a.example": "A"}, FORM)  # later, so neither ids nor addresses give the order alone

    def name() -> None:
        with engine.begin() as conn:
            given(conn, how, {domain: domain.upper() for domain in named}, "api")

    with ThreadPoolExecutor(1) as other, engine.begin() as conn:
        assert stored.lock_domains(conn, ["a.example"])
        done = other.submit(name)
        until_waiting(engine, done.done)
        free = conn.execute(text("SELECT domain FROM company FOR NO KEY UPDATE SKIP LOCKED")).scalars()
        assert {*free} == {"a.example", "b.example"} and not done.done()
        conn.execute(text("UPDATE company SET name = 'Operated', named_by = 'operator' WHERE domain = 'a.example'"))
    done.result()
    with engine.connect() as conn:
        names = {*conn.execute(text("SELECT name, named_by FROM company"))}
    assert names == {("Operated", "operator"), ("B.EXAMPLE", "api")}, "also of what was named meanwhile"


def test_an_operator_names_a_company_until_an_operator_names_it_again(two: World) -> None:
    def rename(domain: str, name: str) -> str | None:
        with two.context.engine.begin() as conn:
            return companies.rename(conn, domain, name).name

    assert rename("Harbor.example ", "  Right \n GmbH ") == "Harbor"
    people(two, "kim@harbor.example")
    import_csv(two.context, io.StringIO("email,company\nlee@harbor.example,Other\n"), None)
    found = view(two, "harbor.example")
    assert (found["name"], found["named_by"]) == ("Right GmbH", OPERATOR)
    merge(two, "labs.example", "harbor.example")
    assert rename("labs.example", "Again") == "Right GmbH", "the whole company"
    two.lead("joe@new.example")
    merge(two, "harbor.example", "new.example")
    found = view(two, "harbor.example")
    assert (found["domain"], found["name"], found["named_by"]) == ("new.example", "Again", OPERATOR)
    for name in ("", " \n", "x" * 1001, "a\0b"):
        with pytest.raises(InvalidInput, match="expected a name"):
            rename("new.example", name)
    with pytest.raises(NotFound, match="there is no company"):
        rename("nobody.example", "Nobody")


def test_a_domain_that_nobody_has_yet_can_be_anothers_and_free_mail_cannot(two: World) -> None:
    merge(two, "harbor-shipping.example", "harbor.example")
    assert two.lead("sam@harbor-shipping.example").company_id == two.lead("kim@harbor.example").company_id
    with pytest.raises(InvalidInput, match=r"gmail\.com is anybody's"):
        merge(two, "gmail.com", "harbor.example")
    with two.context.engine.begin() as conn, pytest.raises(InvalidInput, match=r"berlin\.agency\.example is anybody's"):
        companies.merge(conn, "berlin.agency.example", "harbor.example", clock.now(conn), {"agency.example"})
    with pytest.raises(InvalidInput, match=r"harbor-shipping\.example is harbor\.example already"):
        merge(two, "harbor-shipping.example", "harbor.example")
    with pytest.raises(NotFound, match="there is no company"):
        merge(two, "labs.example", "nobody.example")


@pytest.mark.parametrize(
    "wrong", ["nope nope", "kim@harbor.example", "https://harbor.example/", "harbor", "*.example", ""]
)
def test_what_is_no_domain_is_refused_by_whatever_names_a_company(two: World, wrong: str) -> None:
    with two.context.engine.begin() as conn:
        now, release = clock.now(conn), two.context.releases.current(conn)
        for asked in (
            lambda: companies.named(conn, wrong),
            lambda: companies.merge(conn, wrong, "harbor.example", now),
            lambda: companies.merge(conn, "harbor.example", wrong, now),
            lambda: companies.rename(conn, wrong, "Name"),
            lambda: companies.subsidiary(conn, wrong, None, now),
            lambda: companies.subsidiary(conn, "harbor.example", wrong, now),
            lambda: strangers.concerned(conn, release, wrong),
        ):
            with pytest.raises(InvalidInput, match=r"expected a company's domain as `harbor.example`, got"):
                asked()
    assert view(two, " Harbor.EXAMPLE ")["domain"] == "harbor.example"


def test_a_merge_the_other_way_round_is_told_that_it_is_done_and_how_the_name_changes(two: World) -> None:
    merge(two, "labs.example", "harbor.example")
    told = r"labs\.example was merged into harbor\.example before.* companies rename harbor\.example NAME"
    with pytest.raises(InvalidInput, match=told):
        merge(two, "harbor.example", "labs.example")
    with pytest.raises(InvalidInput, match=r"expected two domains, got harbor\.example twice"):
        merge(two, "harbor.example", "harbor.example")


def test_a_domain_that_is_anothers_already_does_not_take_that_whole_company_with_it(two: World) -> None:
    people(two, "pat@yard.example")
    merge(two, "yard.example", "labs.example")
    with pytest.raises(InvalidInput, match=r"yard\.example is labs\.example: .* merge labs\.example$"):
        merge(two, "yard.example", "harbor.example")
    assert view(two, "yard.example")["domains"] == ["labs.example", "yard.example"]


def test_what_was_merged_into_a_company_that_is_merged_follows_with_its_subsidiaries(two: World) -> None:
    people(two, "pat@yard.example", "joe@dock.example")
    belong(two, "dock.example", "labs.example")
    merge(two, "yard.example", "labs.example")
    merge(two, "labs.example", "harbor.example")
    two.work()
    found = view(two, "harbor.example")
    assert found["domains"] == ["harbor.example", "labs.example", "yard.example"]
    assert [one["domain"] for one in found["counts_with"]] == ["dock.example"]
    assert {one["email"] for one in found["people"]} == {
        "kim@harbor.example", "lee@harbor.example", "max@labs.example", "pat@yard.example", "joe@dock.example",
    }  # fmt: skip


def test_news_is_heard_by_both_sides_of_a_merge_also_before_its_people_have_moved(two: World) -> None:
    two.deploy(workspace("colleagues: {reply: pause 2 days}\n"))
    kim, lee, max_ = (two.lead(a) for a in ("kim@harbor.example", "lee@harbor.example", "max@labs.example"))
    two.work()
    merge(two, "labs.example", "harbor.example")
    for lead in (kim, max_):
        two.happens(lead, "replied")
        assert tell(two.context)
    with two.context.engine.connect() as conn:
        assert stored.stray(conn) == (max_.company_id, kim.company_id), "nobody has moved"
    assert {lead.email: heard(two, lead) for lead in (kim, lee, max_)} == {
        kim.email: ["colleague_replied"], lee.email: ["colleague_replied"] * 2, max_.email: ["colleague_replied"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("held", "change"),
    [("harbor.example", merge), ("a.example", merge), ("b.example", merge), ("b.example", belong)],
)
def test_whoever_waits_for_a_company_holds_none_that_comes_after_it(two: World, held: str, change: Change) -> None:
    """As whoever saves leads of both: neither could go on."""
    people(two, "joe@b.example")
    merge(two, "a.example", "labs.example")
    belong(two, "b.example", "labs.example")
    engine = two.context.engine
    with ThreadPoolExecutor(1) as other, engine.begin() as conn:
        assert [held] == list(stored.lock_domains(conn, [held]))
        done = other.submit(change, two, "labs.example", "harbor.example")
        until_waiting(engine, done.done)
        assert {"labs.example", "harbor.example"} == {*conn.execute(_FREE).scalars()} and not done.done()
    done.result()


_FREE = text("SELECT domain FROM company WHERE domain >= 'h' FOR NO KEY UPDATE SKIP LOCKED")


@pytest.mark.parametrize(
    ("change", "meanwhile", "domain"),
    [
        (belong, merge, "harbor.example"),
        (belong, belong, "harbor.example"),
        (belong, merge, "labs.example"),
        (merge, belong, "harbor.example"),
    ],
)
def test_a_company_that_another_command_changed_just_now_is_to_be_looked_at_again(
    two: World, monkeypatch: pytest.MonkeyPatch, change: Change, meanwhile: Change, domain: str
) -> None:
    people(two, "pat@yard.example")

    def late(conn: Connection, company_id: int) -> list[stored.Known]:
        monkeypatch.undo()
        meanwhile(two, domain, "yard.example")
        return stored.around(conn, company_id)

    monkeypatch.setattr(stored, "around", late)
    with pytest.raises(InvalidInput, match=rf"{domain} was merged.* just now: look again"):
        change(two, "labs.example", "harbor.example")


def test_the_people_of_a_merged_company_are_looked_at_again_once_and_not_for_each_batch(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(two, "kim@harbor.example", "lee@harbor.example", "max@harbor.example", "joe@labs.example")
    merge(two, "harbor.example", "labs.example")
    again: list[set[int]] = []
    monkeypatch.setattr(companies, "look_again", lambda conn, ids, now: again.append(set(ids)))
    context = replace(two.context, batch=1)
    while companies.move(context):
        pass
    assert len(again) == 1


@pytest.mark.parametrize("how", ["subsidiary", "merge", "apart"])
def test_engaged_people_of_companies_that_count_together_make_ready_together(two: World, how: str) -> None:
    """Three are needed, and each of them did enough by themselves for the rest of the rule."""
    leads_ = [two.lead(a) for a in ("kim@harbor.example", "lee@harbor.example", "max@labs.example")]
    for lead in leads_:
        visits(two, lead, "/pricing")
    two.work()
    assert [len(of(two, lead)) for lead in leads_] == [0, 0, 0]
    if how == "merge":
        merge(two, "labs.example", "harbor.example")
    else:
        belong(two, "labs.example", "harbor.example")
    if how == "apart":
        belong(two, "labs.example", None)
    two.work()
    expected = () if how == "apart" else ("together",)
    assert [one.reasons for lead in leads_ for one in of(two, lead)] == [expected] * (3 if expected else 0)
    assert len({one.rep for lead in leads_ for one in of(two, lead)}) == (1 if expected else 0), "one rep for all"


def test_a_handoff_in_a_subsidiary_pauses_the_parents_people_and_finds_the_parents_rep(two: World) -> None:
    kim, lee, max_ = (two.lead(a) for a in ("kim@harbor.example", "lee@harbor.example", "max@labs.example"))
    belong(two, "labs.example", "harbor.example")
    two.enter("education", kim, max_)
    two.work()
    asks(two, lee)
    assert [stands(two, lead).status for lead in (kim, max_)] == [Status.PAUSED] * 2
    asks(two, max_)
    assert of(two, max_)[0].rep == of(two, lee)[0].rep
    assert heard(two, kim) == ["colleague_handed_off"] * 2


def test_a_company_whose_rep_left_has_another_by_the_next_handoff(two: World) -> None:
    kim, lee, max_ = (two.lead(a) for a in ("kim@harbor.example", "lee@harbor.example", "max@labs.example"))
    asks(two, kim)
    left = of(two, kim)[0].rep
    assert view(two, "harbor.example")["owner"] == left == "ana@acme.example"
    stays = "".join(line for line in REPS.splitlines(True) if left not in line).replace("deputy: ana", "deputy: eva")
    two.deploy(workspace() | {"sequences/workspace.yaml": stays + RULES})
    asks(two, lee)
    rep = of(two, lee)[0].rep
    assert view(two, "harbor.example")["owner"] == rep != left
    with two.context.engine.begin() as conn:
        conn.execute(text("UPDATE company SET owner = :left WHERE domain = 'labs.example'"), {"left": left})
    belong(two, "labs.example", "harbor.example")
    asks(two, max_)
    assert of(two, max_)[0].rep == rep, "the parent's comes before one by turn"


def test_a_company_is_shown_with_its_people_handoffs_and_whose_sequences_rest_by_whom(two: World) -> None:
    kim, lee = two.lead("kim@harbor.example"), two.lead("lee@harbor.example")
    two.enter("education", lee)
    two.work()
    visits(two, kim, "/pricing")
    asks(two, kim)
    found = view(two, "harbor.example")
    assert [(one["email"], one["score"]) for one in found["people"]] == [(kim.email, 30), (lee.email, 0)]
    assert (found["owner"], [one["lead_id"] for one in found["handoffs"]]) == (of(two, kim)[0].rep, [kim.id])
    assert found["engaged"] == [{"within": "30 days", "people": 1}]
    [paused] = found["paused"]
    assert (paused["who"], paused["why"], paused["by"]["who"]) == (lee.email, "colleague handed off", kim.email)
    assert found["events"][0]["who"] in (kim.email, lee.email)
