"""HubSpot, Salesforce and Pipedrive: what each is asked, against servers that check it as the real ones do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sequencer.core.mail import Answer
from sequencer.providers.crm import Activity, Change, Contact, Crm, Failed, gets_owner
from sequencer.providers.hubspot import HubSpot
from sequencer.providers.outgoing import Outgoing
from sequencer.providers.pipedrive import Pipedrive
from sequencer.providers.salesforce import Salesforce
from tests.providers.crms import TOKEN, Account, account, client

KIM = Contact("kim.o'hara+x@harbor.example", "Kim", "O'Hara", "COO", "Harbor", owner="77")
TASK = Activity("Talk to Kim O'Hara (handoff 1)", "Why now: <price>\n- asked", datetime(2026, 11, 26, 9, tzinfo=UTC))
NOTE = replace(TASK, subject="ana@acme.example accepted handoff 1", open=False)
FIELDS = {
    "hubspot": ("email", "hubspot_owner_id"),
    "salesforce": ("Email", "OwnerId"),
    "pipedrive": ("emails", "owner_id"),
}


@pytest.fixture(params=list(FIELDS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(name: str, tmp_path: Path) -> Iterator[tuple[Account, Crm]]:
    with account(name, tmp_path) as found:
        yield found


def owner(found: Account, name: str) -> str:
    [contact] = found.contacts.values()
    return str(contact[FIELDS[name][1]])


def test_a_contact_is_made_once_with_its_owner_and_a_task_and_a_note(both: tuple[Account, Crm], name: str) -> None:
    found, crm = both
    known = crm.leave(KIM, TASK, repeat=False)
    assert crm.leave(KIM, NOTE, repeat=False) == known
    [contact] = found.contacts.values()
    assert KIM.email in str(contact[FIELDS[name][0]]) and owner(found, name) == "77"
    assert [TASK.subject in found.left[0]["subject"], NOTE.subject in found.left[1]["subject"]] == [True, True]
    assert "<price>" not in str(found.left[0]) or name == "salesforce", "what is shown as HTML is escaped"
    assert found.left[0]["contact"] == found.left[1]["contact"] == known


def test_the_crms_owner_stays_unless_the_owner_is_ours_to_say(both: tuple[Account, Crm], name: str) -> None:
    found, crm = both
    crm.leave(replace(KIM, owner="88"), TASK, repeat=False)
    crm.leave(KIM, NOTE, repeat=False)
    assert owner(found, name) == "88"
    crm.leave(replace(KIM, owner_is_ours=True), NOTE, repeat=False)
    assert owner(found, name) == "77"
    crm.leave(replace(KIM, owner=None, owner_is_ours=True), NOTE, repeat=False)
    assert owner(found, name) == "77"


@pytest.mark.parametrize(
    ("mine", "owned", "ours", "gets"),
    [
        ("77", "88", False, False),
        ("77", "88", True, True),
        (77, "77", True, False),
        ("77", 77, True, False),
        (77, None, False, True),
        ("77", "", False, True),
        (None, "88", True, False),
    ],
)
def test_the_owner_is_the_same_by_a_text_and_by_a_number(
    mine: str | int | None, owned: str | int | None, ours: bool, gets: bool
) -> None:
    assert gets_owner(replace(KIM, owner_is_ours=ours), mine, owned) is gets


def test_what_may_have_gone_through_is_looked_for_before_it_is_left_again(both: tuple[Account, Crm]) -> None:
    found, crm = both
    found.dies = 1
    with pytest.raises(Failed) as failed:
        crm.leave(KIM, TASK, repeat=False)
    assert failed.value.outcome.answer is Answer.UNKNOWN
    crm.leave(KIM, TASK, repeat=True)
    crm.leave(KIM, NOTE, repeat=True)
    assert (len(found.contacts), len(found.left)) == (1, 2)


def test_what_was_left_of_one_handoff_is_not_taken_for_what_another_leaves(both: tuple[Account, Crm]) -> None:
    found, crm = both
    for number in (12, 1, 12, 1, 2):
        crm.leave(KIM, replace(NOTE, subject=f"ana@acme.example accepted handoff {number}"), repeat=True)
        crm.leave(KIM, replace(TASK, subject=f"Talk to Kim O'Hara (handoff {number})"), repeat=True)
    assert len(found.left) == 6


def test_a_note_that_was_edited_is_still_found(tmp_path: Path) -> None:
    with account("hubspot", tmp_path) as (found, crm):
        crm.leave(KIM, NOTE, repeat=False)
        found.left[0]["hs_note_body"] = f'<div dir="auto"><p>{NOTE.subject}</p><p>She rang</p></div>'
        crm.leave(KIM, NOTE, repeat=True)
        assert len(found.left) == 1


def test_values_are_written_and_who_is_gone_is_named(both: tuple[Account, Crm], name: str) -> None:
    found, crm = both
    known = crm.leave(KIM, TASK, repeat=False)
    gone = {"hubspot": "999", "salesforce": "003999", "pipedrive": "999"}[name]
    taken = crm.update([Change(known, {"sq_step": "proof"}), Change(gone, {"sq_step": "x"})])
    assert set(taken) == {known} and "proof" in str(found.contacts[known])
    assert crm.most >= 2


@pytest.mark.parametrize(
    ("status", "headers", "answer", "wait"),
    [
        (429, {"Retry-After": "17"}, Answer.RETRY, 17.0),
        (429, {}, Answer.RETRY, None),
        (503, {}, Answer.UNKNOWN, None),
        (400, {}, Answer.REFUSED, None),
        (403, {}, Answer.REFUSED, None),
        (301, {"Location": "https://evil.example/"}, Answer.REFUSED, None),
    ],
)
def test_a_refusal_says_what_to_do_and_nothing_that_the_other_side_wrote(
    both: tuple[Account, Crm], status: int, headers: dict[str, str], answer: Answer, wait: float | None
) -> None:
    found, crm = both
    crm.leave(KIM, TASK, repeat=False)
    found.says = [(status, headers, {"message": f"{KIM.email} {TOKEN}", "category": "SOME_CODE", "error": "x"})]
    with pytest.raises(Failed) as failed:
        crm.leave(KIM, NOTE, repeat=False)
    outcome = failed.value.outcome
    assert (outcome.answer, outcome.retry_after) == (answer, wait)
    assert outcome.detail.startswith(f"{status} SOME_CODE to ")
    assert TOKEN not in str(failed.value) and "harbor" not in str(failed.value)


def test_wrong_credentials_are_refused(both: tuple[Account, Crm], name: str) -> None:
    found, crm = both
    if name == "salesforce":
        crm.leave(KIM, TASK, repeat=False)
        expired = (401, {}, [{"errorCode": "INVALID_SESSION_ID"}])
        found.says = [expired]
        crm.leave(KIM, NOTE, repeat=False)
        assert [one.path for one in found.asked].count("/services/oauth2/token") == 2, "a new one, and it goes on"
        token = (200, {}, {"access_token": "another"})
        found.says = [expired, token, expired]
    else:
        found.says = [(401, {}, {"category": "INVALID_AUTHENTICATION"})]
    with pytest.raises(Failed) as failed:
        crm.leave(KIM, NOTE, repeat=False)
    assert failed.value.outcome.detail.startswith("401")


@pytest.mark.parametrize(
    "url",
    ["http://api.crm.example", "https://10.0.0.1", "https://localhost", "https://api.crm.example:8443", "ftp://x"],
)
def test_no_crm_is_asked_at_an_address_that_is_not_public(name: str, url: str) -> None:
    crms = {
        "hubspot": lambda: HubSpot(Outgoing(), TOKEN, url),
        "salesforce": lambda: Salesforce(Outgoing(), url, "id", TOKEN),
        "pipedrive": lambda: Pipedrive(Outgoing(), url, TOKEN),
    }
    with pytest.raises(Failed) as failed:
        crms[name]().leave(KIM, TASK, repeat=False)
    assert failed.value.outcome.answer is Answer.REFUSED


def test_no_crm_is_asked_where_its_name_leads_into_a_private_network_nor_in_development(name: str) -> None:
    inside = Outgoing(resolve=lambda host, port: ["93.184.215.14", "169.254.169.254"])
    instead = Outgoing(frozenset({("127.0.0.1", 9)}), instead="http://127.0.0.1:9/")
    for outgoing in (inside, instead):
        with pytest.raises(Failed) as failed:
            client(name, outgoing, 443).leave(KIM, TASK, repeat=False)
        assert failed.value.outcome.answer is Answer.REFUSED


@pytest.mark.parametrize("said", [None, [], {"results": 3}, {"id": None}, "text"])
def test_an_answer_that_is_not_as_documented_is_no_success(both: tuple[Account, Crm], name: str, said: object) -> None:
    found, crm = both
    if name == "salesforce":
        crm.leave(KIM, TASK, repeat=False)
    found.says = [(200, {}, said)] * 3
    with pytest.raises(Failed):
        crm.leave(KIM, TASK, repeat=False)
