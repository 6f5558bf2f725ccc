"""A status that needs something to be known: who is asked for it, and who is told where nobody can be asked."""

import io

import pytest

from sequencer.core.token import mint_handoff
from sequencer.services import alerts
from sequencer.services.imports import import_csv
from tests.services.test_handoffs import asks, of, workspace
from tests.web.conftest import Site
from tests.web.test_api import put
from tests.web.test_handoffs import answers, mailed


@pytest.fixture
def demanding(site: Site) -> Site:
    texts = workspace()
    meant = texts["sequences/workspace.yaml"].replace(
        "idle-timing: Idle", "idle-timing: {label: Idle – Timing, needs: next_attempt}"
    )
    assert meant != texts["sequences/workspace.yaml"]
    site.world.deploy({**texts, "sequences/workspace.yaml": meant})
    return site


MISSING = "next_attempt: the status Idle – Timing needs next attempt, of which nothing is known"


def told(site: Site) -> list[tuple[str, str | None, str]]:
    found = site.world.view(site.world.lead())["alerts"]
    return [(one["kind"], one["rep"], one["note"]) for one in found if one["kind"] == "needs"]


def test_the_api_says_what_is_missing_unless_it_is_given_or_known(demanding: Site) -> None:
    idle = {"email": "kim@harbor.example", "status": "idle-timing"}
    assert put(demanding, "/api/leads", idle) == (422, {"problems": [MISSING]})
    assert put(demanding, "/api/leads", {**idle, "next_attempt": "2027-03-01"})[0] == 201
    assert put(demanding, "/api/leads", {**idle, "status": "working"})[0] == 200
    assert put(demanding, "/api/leads", idle)[0] == 200
    assert told(demanding) == []


def test_a_file_is_refused_the_rows_of_whom_it_is_not_known_either(demanding: Site) -> None:
    demanding.world.lead("known@h.example", next_attempt="2027-03-01")
    rows = "email,status,next_attempt\nnew@h.example,idle-timing,\nknown@h.example,idle-timing,\n"
    more = "given@h.example,idle-timing,2027-04-01\nother@h.example,working,\n"
    result = import_csv(demanding.world.context, io.StringIO(rows + more, newline=""), None)
    assert (result.new, result.updated, result.problems) == (2, 1, [(2, MISSING)])


def test_who_gives_it_where_nobody_can_be_asked_has_the_owner_told(demanding: Site) -> None:
    ana = {"owner_email": "ana@acme.example"}
    demanding.world.lead(**ana)
    demanding.world.lead(status="idle-timing", **ana)
    note = MISSING.removeprefix("next_attempt: ")
    assert told(demanding) == [("needs", "ana@acme.example", note)]
    while alerts.deliver(demanding.world.context):
        pass
    assert note in demanding.world.provider.text()


def test_a_rep_who_declines_for_now_is_asked_for_the_date(demanding: Site) -> None:
    kim = demanding.world.lead(owner="ana@acme.example")
    asks(demanding.world, kim)
    page = f"/h/{mint_handoff(demanding.world.context.secret, kim.id, 1, 'ana@acme.example')}"
    no = {"do": "decline", "reason": "not-now"}
    answer = demanding.http.post(page, data=no)
    assert (answer.status_code, "Say when to try again" in answer.text) == (400, True)
    refused = put(demanding, f"/api/handoffs/{kim.id}/1", {"answer": "decline", "reason": "not-now"})
    assert (refused[0], "until: expected the day" in refused[1]["problems"][0]) == (422, True)
    assert demanding.http.post(page, data={**no, "until": "2027-03-01"}).status_code == 303
    assert (demanding.world.lead().status, told(demanding)) == ("idle-timing", [])


def test_a_rep_who_declines_by_mail_without_a_date_is_asked_back_and_nothing_happens_until_then(
    demanding: Site,
) -> None:
    kim = demanding.world.lead(owner="ana@acme.example")
    asks(demanding.world, kim)
    mailed(demanding)
    answers(demanding.world, "not now")
    assert (of(demanding.world, kim)[0].state.value, demanding.world.lead().status) == ("waiting", None)
    text, _ = mailed(demanding)
    assert "You wrote: not now" in text and "Say when to try again, as: not now, March" in text
    answers(demanding.world, "not now, March", Message_ID="<second@acme.example>")
    after = demanding.world.lead()
    assert (of(demanding.world, kim)[0].state.value, after.status) == ("declined", "idle-timing")
    assert (after.fields["next_attempt"], told(demanding)) == ("2027-03-01", [])
    answers(demanding.world, "not now", Message_ID="<third@acme.example>")
    assert "the handoff is declined already" in mailed(demanding)[0], "who is too late is not asked for a date"
