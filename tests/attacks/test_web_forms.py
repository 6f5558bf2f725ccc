"""Forms under attack: what strangers type is shown and never run, mails nobody without end, and takes over nothing."""

import re

import pytest

from sequencer.services import forms
from tests.attacks.test_web_xss import PAYLOADS, TAGS, Page
from tests.web.conftest import Site
from tests.web.test_forms import at_leisure as at_leisure
from tests.web.test_forms import door as door
from tests.web.test_forms import found, hidden, mails, send, solved, work

OUR_SCRIPT = re.compile(r'<script src="/static/form\.js\?[0-9a-f]{12}"></script>')


def shown(text: str) -> None:
    """Nothing in a page would run but our own script."""
    assert len(OUR_SCRIPT.findall(text)) == 1
    page = Page(OUR_SCRIPT.sub("", text), TAGS | {"select", "option", "textarea"})
    assert page.problems == [], page.problems


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_typed_or_stands_in_the_address_is_text(door: Site, payload: str) -> None:
    asked = {"utm_campaign": payload, "framed": "", "q": payload}
    page = door.http.get("/f/handbook", params=asked, headers={"Referer": "https://x.example/"})
    shown(page.text)
    given = dict.fromkeys(("email", "first_name", "role", "q", "r", "sq", "v"), payload)
    answer = door.http.post("/f/handbook", data={**hidden(page.text), **given})
    assert answer.status_code == 422
    shown(answer.text)


@pytest.mark.parametrize(
    "email",
    [
        "kim@harbor.example\r\nBcc: everybody@harbor.example",
        "kim@harbor.example, jo@harbor.example",
        "Kim <kim@harbor.example>",
        "kim@harbor.example\0",
        "kim@localhost",
    ],
)
def test_an_address_is_one_address(door: Site, email: str) -> None:
    assert send(door, "handbook", email=email, first_name="Kim").status_code == 422
    work(door)
    assert mails(door) == []


def flood(door: Site) -> None:
    """Somebody types a stranger's address again and again, in every form."""
    for form in ("handbook", "german", "handbook", "german") * 2:
        send(door, form, email="victim@harbor.example", first_name="x", country="GB")
        work(door)
    sent = [step for _, step in mails(door) if step in ("delivery", "confirm")]
    assert len(sent) <= 2


def test_nobody_is_mailed_without_end(door: Site) -> None:
    flood(door)


def test_one_proof_is_for_one_form_and_counts_once(door: Site) -> None:
    fields = hidden(door.http.get("/f/contact").text)
    fields["p"] = solved(fields["c"])
    other = door.http.post("/f/handbook", data={**fields, "email": "a@harbor.example", "first_name": "A"})
    assert (other.status_code, found(door, "a@harbor.example")) == (422, None)
    for _ in range(3):
        door.http.post("/f/contact", data={**fields, "email": "kim@harbor.example"})
    view = found(door, "kim@harbor.example")
    assert view is not None and [e["event"] for e in view["events"]].count("submitted") == 1


def take_over(door: Site) -> None:
    kim = door.world.lead(first_name="Kim", role="finance", owner_email="ana@acme.example")
    given = {"email": kim.email, "first_name": "Mallory", "role": "it", "owner": "x@evil.example", "stage": "customer"}
    send(door, "handbook", **given, owner_email="x@evil.example", lead_id=str(kim.id))
    view = found(door, kim.email)
    assert view is not None
    lead = view["lead"]
    assert (lead["first_name"], lead["fields"]["role"], lead["owner_email"], lead["stage"]) == (
        *("Kim", "finance", "ana@acme.example", "subscriber"),
    )


def test_who_types_an_address_takes_over_nothing(door: Site) -> None:
    take_over(door)


def test_without_asking_who_reads_the_mail_it_would(door: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "answered", lambda conn, lead: frozenset())
    with pytest.raises(AssertionError):
        take_over(door)


def test_a_link_of_another_mail_confirms_and_gives_nothing(door: Site) -> None:
    """The token of any mail is signed; only one that asked confirms, and only one that delivers gives."""
    kim = door.world.lead()
    door.world.enter("welcome", kim)
    door.world.work()
    token = door.token()
    send(door, "handbook", human=False, email=kim.email, first_name="Kim")
    door.http.post(f"/c/{token}")
    view = found(door, kim.email)
    assert view is not None and "submitted" not in [e["event"] for e in view["events"]]
    assert door.http.get(f"/d/{token}").status_code == 404


def test_deep_and_huge_bodies_are_refused(door: Site) -> None:
    def answer(body: bytes, kind: str) -> int:
        return int(door.http.post("/f/contact", content=body, headers={"Content-Type": kind}).status_code)

    deep = b"[" * 9000 + b"]" * 9000
    assert answer(b'{"answers": {"email": ' + deep + b"}}", "application/json") == 400
    assert answer(b"x" * 30_000, "application/json") == 413
    assert answer(b"a=1&" * 4000, "application/x-www-form-urlencoded") == 400
    assert answer(b"email=%ff%fe", "application/x-www-form-urlencoded") in (400, 422)
