"""What it is for, from the outside: two people of one company read, one looks at prices, one asks for a demo."""

import hashlib
import re
import time
from itertools import count
from typing import Any

from sequencer.core.challenge import BITS
from tests.e2e.conftest import HTTP, Stack
from tests.workspaces import WORKSPACE, content, files

KIM, LEE, SAM = "kim@harbor.example", "lee@harbor.example", "sam@mill.example"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HOST = "www.acme.example"
SAID = WORKSPACE + "owner:\n  assign: [company_owner, round_robin]\ncolleagues: {handoff: pause 14 days}\n"
EDUCATION = """
title: Education
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 3 days
  - email: two
"""
SALES = """
title: Sales
state: live
topic: guides
pressure: exempt
enroll:
  when: sales_ready()
from: owner
steps:
  - email: pricing
  - wait: 3 days
  - email: three
"""
SIGNALS = """
points:
  - {when: visited("/pricing*"), points: 30, half_life: 10 days}
  - {when: did("demo_requested"), points: 100, half_life: 30 days}
  - {when: submitted("recording"), points: 10, half_life: 30 days}
sales_ready:
  any:
    asked: did("demo_requested")
    together: company.engaged_people("30 days") >= 2 and score >= 90
  again_below: score < 30
handoff:
  accept_within: 4 business hours
"""
FORMS = """
demo: {title: See it, event: demo_requested}
recording: {title: The recorded demo, magnet: "https://www.acme.example/recording", deliver: recording}
"""


def begin(stack: Stack, host: str = HOST) -> str:
    """Kim and Lee get a mail of education, and click in it. Gives the token of the link in Kim's."""
    stack.deploy(
        files(education=EDUCATION, sales=SALES)
        | {"sequences/workspace.yaml": f"{SAID}site: {{hosts: ['{host}']}}\n"}
        | {"sequences/signals.yaml": SIGNALS, "sequences/forms.yaml": FORMS}
        | {"content/pricing.md": content("What it costs")}
        | {"content/recording.md": content("Your recording", "[Watch]({{ download_url }})")}
    )
    for email in (KIM, LEE):
        stack.api("/api/leads", {"email": email, "enroll": "education"})
    first = {email: stack.until(f"the mail to {email}", lambda e=email: stack.messages(e))[0] for email in (KIM, LEE)}
    for mail in first.values():
        stack.click(mail)
    token = re.search(r"sq=([a-z2-7]{32}\.\d)", first[KIM]["text"])
    assert token is not None
    return token[1]


def send(stack: Stack, form: str, email: str) -> Any:
    """As a page of the company's own site does it: the work is done, and not in less than a second."""
    address = f"{stack.web}/f/{form}"
    issued = HTTP.request("GET", address, headers={"Accept": "application/json"}).json()["challenge"]
    began = time.monotonic()
    digests = (hashlib.sha256(f"{issued}.{number}".encode()).digest() for number in count())
    proof = next(n for n, found in enumerate(digests) if int.from_bytes(found[:4], "big") >> (32 - BITS) == 0)
    told = {"answers": {"email": email}, "challenge": issued, "proof": str(proof)}
    # Asking again and again would soon be too often for the form's own limit.
    stack.until("the time that a person takes", lambda: time.monotonic() > began + 1.5)
    answer = HTTP.request("POST", address, json=told)
    assert answer.status == 200, answer.data


def visit(stack: Stack, page: str, token: str) -> None:
    beacon = {"v": "a" * 32, "s": token, "p": [[page, 0]]}
    headers = {"Origin": f"http://{HOST}", "User-Agent": PERSON}
    assert HTTP.request("POST", f"{stack.web}/t", json=beacon, headers=headers).status < 300


def lead(stack: Stack, email: str) -> Any:
    """As a program sees it: a command for each look would be a process."""
    bearer = {"Authorization": f"Bearer {stack.environ['API_TOKEN']}"}
    return HTTP.request("GET", f"{stack.web}/api/leads/{email}", headers=bearer).json()


def kinds(stack: Stack, email: str) -> list[str]:
    return [e["event"] for e in lead(stack, email)["events"]]


def to_reps(stack: Stack) -> list[dict[str, Any]]:
    return stack.messages("ana@acme.example") + stack.messages("ben@acme.example")


def call_list(stack: Stack) -> str:
    page = HTTP.request("GET", f"{stack.web}/login")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.data.decode())
    assert csrf is not None
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = {"csrf": csrf[1], "password": "password"}
    logged = HTTP.request_encode_body(
        "POST", f"{stack.web}/login", form, {"Cookie": cookie}, encode_multipart=False, redirect=False
    )
    cookie = logged.headers["Set-Cookie"].partition(";")[0]
    shown = HTTP.request("GET", f"{stack.web}/dashboard/calls", headers={"Cookie": cookie})
    assert shown.status == 200
    return shown.data.decode()


def test_one_rep_hears_once_why_and_marketing_falls_silent_for_the_colleague(stack: Stack) -> None:
    visit(stack, "/pricing", begin(stack))
    stack.until("what Kim looked at", lambda: "visited" in kinds(stack, KIM))
    send(stack, "recording", SAM)
    send(stack, "demo", LEE)

    [told] = stack.until("the mail to the rep", lambda: to_reps(stack))
    rep = told["to"]
    stack.until("Lee's own series", lambda: "What it costs" in stack.subjects(LEE))
    lee = lead(stack, LEE)
    assert [(one["rep"], one["reasons"]) for one in lee["handoffs"]] == [(rep, ["asked", "together"])]
    assert lee["lead"]["owner_email"] == rep
    [sales] = [mail for mail in stack.messages(LEE) if mail["subject"] == "What it costs"]
    assert rep in str(sales["from"])
    assert {"clicked", "submitted", "demo_requested", "sales_ready", "handed_off"} <= set(kinds(stack, LEE))
    for part in ("Why now: asked, together", "Demo requested", "2 people of the company were active", "clicked price"):
        assert part in told["text"], told["text"]

    stack.until("Kim's pause", lambda: lead(stack, KIM)["enrollments"][0]["status"] == "paused")
    kim = lead(stack, KIM)
    assert (kim["enrollments"][0]["reason"], kim["handoffs"]) == ("colleague handed off", [])
    assert {"clicked", "visited", "colleague_handed_off"} <= {e["event"] for e in kim["events"]}
    assert "paused" in stack.run("why", KIM)

    stack.until("Sam's recording", lambda: stack.subjects(SAM) == ["Your recording"])
    assert (lead(stack, SAM)["handoffs"], SAM in call_list(stack)) == ([], False)
    assert len(to_reps(stack)) == 1
