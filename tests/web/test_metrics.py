"""`/metrics`: counts in Prometheus' text format, for who bears the token, about nobody in particular."""

import re

import pytest

from sequencer.core.enrollment import Status
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.core.message import State
from sequencer.services import ingest
from sequencer.store import intake, pauses
from tests.web.conftest import BEARER, Site

_SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+)="([^"\\\n]*)"\})? (\d+(?:\.\d+)?(?:e-\d+)?)')


def samples(site: Site) -> dict[str, float]:
    """The samples, after the format was checked line by line: HELP, TYPE, then that metric's samples; none twice."""
    answer = site.http.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    found: dict[str, float] = {}
    helped, typed = [], []
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            helped.append(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            typed.append(line.split(" ")[2])
            assert (line.split(" ")[3], typed) == ("gauge", helped)
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            name = match[1] + (f" {match[3]}" if match[2] else "")
            assert match[1] == typed[-1] and name not in found
            found[name] = float(match[4])
    assert len(set(typed)) == len(typed)
    return found


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic api-token"}])
def test_without_the_token_nothing_is_counted_for_anybody(site: Site, headers: dict[str, str]) -> None:
    answer = site.http.get("/metrics", headers=headers)
    assert (answer.status_code, "sequencer_" in answer.text) == (401, False)


def test_a_session_of_the_dashboard_does_not_open_it(site: Site) -> None:
    site.log_in()
    assert site.http.get("/metrics").status_code == 401


def test_every_state_is_counted_also_when_nothing_is_in_it(site: Site) -> None:
    found = samples(site)
    assert {name for name in found if name.startswith("sequencer_messages ")} == {
        f"sequencer_messages {one.value}" for one in State
    }
    assert {name for name in found if name.startswith("sequencer_enrollments ")} == {
        f"sequencer_enrollments {one.value}" for one in Status
    }
    assert set(found.values()) == {0.0}


def test_mails_people_webhooks_and_what_is_held_are_counted(site: Site) -> None:
    world = site.world
    world.provider.answers = [Receipt(Outcome(Answer.UNKNOWN, "timed out"))]
    world.enter("welcome", world.lead("kim@harbor.example"))
    world.work()
    world.enter("welcome", world.lead("lee@harbor.example"))
    world.work()
    with world.context.engine.begin() as conn:
        intake.put(conn, "events", b"not json", "", True)
        pauses.begin(conn, pauses.Reason.OPERATOR, "kim@harbor.example asked")
    for urgent in (True, False):
        while ingest.process(world.context, urgent):
            pass
    with world.context.engine.begin() as conn:
        intake.put(conn, "events", b"[]", "", False)
        conn.exec_driver_sql(
            "UPDATE intake SET received_at = clock_timestamp() - interval '90 s' WHERE state = 'pending'"
        )
    found = samples(site)
    lag = found.pop("sequencer_intake_lag_seconds")
    assert 90 <= lag < 600
    assert {name: count for name, count in found.items() if count} == {
        "sequencer_messages accepted": 1,
        "sequencer_messages unknown": 1,
        "sequencer_messages_held": 1,
        "sequencer_enrollments active": 2,
        "sequencer_webhooks_pending false": 1,
        "sequencer_webhooks_set_aside": 1,
        "sequencer_sending_paused": 1,
    }
    assert "harbor" not in site.http.get("/metrics", headers=BEARER).text
