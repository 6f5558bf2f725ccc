"""SQL by strings: everything that a caller, a visitor or an operator can say, said in quotes that do not close."""

from urllib.parse import quote

import pytest
from sqlalchemy import Connection, text

from sequencer.core.lead import Lead
from sequencer.store import leads
from tests.attacks.conftest import everything_stored
from tests.cli.conftest import Sequencer
from tests.cli.conftest import bundle as bundle
from tests.cli.conftest import deployed as deployed
from tests.cli.conftest import environ as environ
from tests.cli.conftest import released as released
from tests.cli.conftest import sequencer as sequencer
from tests.web.conftest import BEARER, Site

HOSTILE = (
    "' OR '1'='1",
    "' OR 1=1 --",
    "x'); DROP TABLE lead; --",
    "'; UPDATE lead SET suppressed = true; --",
    "' UNION SELECT email, email, email FROM lead --",
    "\\'; DELETE FROM lead; --",
    "$$; DELETE FROM lead; $$",
    "%(email)s %s %% :email :ids {0} {email}",
    '"; DROP TABLE lead; --',
    "x' AND pg_sleep(5) --",
    "E'\\x27' || (SELECT 1)",
    "1; COPY lead TO PROGRAM 'true'; --",
    "%",
    "_",
    "\\",
    "ˈ OR ＇1＇=＇1",
)


def say_everything(site: Site, hostile: str) -> list[int]:
    """In every parameter that the web takes: paths, queries, fields, values and names."""
    http = site.http
    answers = [
        http.post("/api/leads", json={"email": f"{hostile}@x.example"}, headers=BEARER),
        http.post("/api/leads", json={"email": "lee@harbor.example", "enroll": hostile}, headers=BEARER),
        http.post("/api/leads", json={"email": "lee@harbor.example", "stage": hostile}, headers=BEARER),
        http.post("/api/leads", json={"email": "lee@harbor.example", "time_zone": hostile}, headers=BEARER),
        http.post(
            "/api/leads",
            json={"email": "lee@harbor.example", **dict.fromkeys(NAMES, hostile), hostile[:60]: hostile},
            headers=BEARER,
        ),
        http.post("/api/events", json={"email": hostile, "event": "said"}, headers=BEARER),
        http.post("/api/events", json={"email": "kim@harbor.example", "event": hostile}, headers=BEARER),
        http.post("/api/events", json={"email": "kim@harbor.example", "event": "said", "at": hostile}, headers=BEARER),
        *(
            http.post(
                "/api/events",
                json={"email": "kim@harbor.example", "event": kind, "key": hostile, "data": data},
                headers=BEARER,
            )
            for kind, data in (
                ("said", {hostile: hostile}),
                ("submitted", {"form": hostile}),
                ("visited", {"page": hostile}),
                ("unsubscribed", {"topic": hostile}),
            )
        ),
        http.get("/api/leads/" + quoted(hostile), headers=BEARER),
        http.get("/dashboard/leads", params={"q": hostile}),
        http.get("/dashboard/leads/" + quoted(hostile)),
        http.get("/u/" + quoted(hostile)),
        http.post("/u/" + quoted(hostile)),
        http.post("/preferences/" + quoted(hostile), data={"topic": hostile, "do": hostile}),
        http.post("/webhooks/sendgrid/inbound/" + quoted(hostile), content=b"x"),
        http.get("/login", params={"next": hostile}),
    ]
    return [answer.status_code for answer in answers]


NAMES = ("first_name", "last_name", "title", "country", "campaign", "company", "hobby")


def quoted(hostile: str) -> str:
    return quote(hostile, safe="")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_parameter_of_the_web_is_read_as_sql(site: Site, kim: Lead, hostile: str) -> None:
    tables = sorted(everything_stored(site.world))
    site.log_in()
    statuses = say_everything(site, hostile)
    assert [one for one in statuses if one >= 500 and one != 503] == []
    assert statuses.count(503) == 1  # of Inbound Parse, which is told to come again
    assert sorted(everything_stored(site.world)) == tables
    assert site.world.view(kim)["lead"]["suppressed"] is False
    lee = site.world.lead("lee@harbor.example")
    assert (lee.first_name, lee.fields["hobby"], lee.fields[hostile[:60].strip().lower()]) == (
        hostile,
        hostile,
        hostile,
    )


def look_for(site: Site, hostile: str) -> None:
    """Nobody's name or address holds it, so nobody is found: neither by SQL nor by wildcards."""
    page = site.http.get("/dashboard/leads", params={"q": hostile})
    assert (page.status_code, "kim@harbor.example" in page.text) == (200, False)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_search_finds_what_is_written_and_nothing_else(site: Site, kim: Lead, hostile: str) -> None:
    site.log_in()
    look_for(site, hostile)


def test_a_search_made_of_strings_is_noticed(site: Site, kim: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    def pasted(conn: Connection, words: str, limit: int) -> list[Lead]:
        query = text(f"SELECT id FROM lead WHERE email ILIKE '%{words}%'")
        return leads.by_ids(conn, list(conn.execute(query).scalars()))

    monkeypatch.setattr(leads, "search", pasted)
    site.log_in()
    with pytest.raises(AssertionError):
        look_for(site, "' OR '1'='1' --")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_parameter_of_a_command_is_read_as_sql(deployed: Sequencer, hostile: str) -> None:
    before = deployed.json("leads", "show", "ana@harbor.example")["lead"]
    for arguments in (
        ("leads", "show", hostile),
        ("enroll", "welcome", hostile),
        ("enroll", hostile, "ana@harbor.example"),
        ("halt", hostile),
        ("why", hostile),
        ("why", "ana@harbor.example", hostile),
    ):
        assert deployed.run(*arguments).exit_code in (1, 2), arguments
    row = ",".join('"' + hostile.replace('"', '""') + '"' for _ in range(2))
    deployed.run("leads", "import", "-", given=f"email,first_name,hobby\ndee@harbor.example,{row}\n")
    after = deployed.json("leads", "show", "dee@harbor.example")["lead"]
    assert (after["first_name"], after["fields"]["hobby"]) == (hostile, hostile)
    assert deployed.json("leads", "show", "ana@harbor.example")["lead"] == before
