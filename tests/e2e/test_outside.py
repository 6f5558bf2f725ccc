"""What issue-takers would script: real processes, real HTTP, real time."""

import json
import time

from tests.e2e.conftest import HTTP, Stack
from tests.workspaces import content, files

FAST = """
title: Fast
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 10 seconds
    then:
      - email: two
    else:
      - email: three
  - wait: 2 seconds
  - email: four
"""

PLAIN = """
title: Plain
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 1 second
  - email: two
  - wait: 1 second
  - email: three
"""


def test_a_click_branches_a_reply_halts_and_an_unsubscribe_is_final(stack: Stack) -> None:
    stack.deploy(files(fast=FAST))
    people = ("clicks", "waits", "replies", "leaves")
    for name in people:
        answer = stack.api("/api/leads", {"email": f"{name}@harbor.example", "first_name": name, "enroll": "fast"})
        assert answer["enrolled"] == {"fast": {"entered": True}}
    firsts = {
        name: stack.until(f"the first mail to {name}", lambda n=name: stack.messages(f"{n}@harbor.example"))[0]
        for name in people
    }
    stack.click(firsts["clicks"])
    stack.press(firsts["replies"], "reply", text="Please call me")
    stack.press(firsts["leaves"], "unsubscribe")
    stack.until(
        "the reply's effect", lambda: stack.lead("replies@harbor.example")["enrollments"][0]["status"] == "left"
    )
    stack.until(
        "the click's branch", lambda: stack.subjects("clicks@harbor.example") == ["One", "Two", "Four for clicks"]
    )
    stack.until(
        "the other branch", lambda: stack.subjects("waits@harbor.example") == ["One", "Three", "Four for waits"]
    )
    assert stack.subjects("replies@harbor.example") == ["One"]
    assert stack.subjects("leaves@harbor.example") == ["One"]
    left = stack.lead("leaves@harbor.example")
    assert (left["lead"]["suppressed"], left["enrollments"][0]["status"]) == (True, "stopped")
    requests = HTTP.request("GET", f"{stack.sandbox}/requests.json").json()
    assert [r["problem"] for r in requests if r["problem"]] == []


def test_killing_the_broker_in_mid_run_loses_and_doubles_nothing(stack: Stack) -> None:
    stack.deploy(files(plain=PLAIN))
    people = [f"p{n}@harbor.example" for n in range(300)]
    csv = stack.folder / "leads.csv"
    csv.write_text("email\n" + "\n".join(people) + "\n")
    stack.run("leads", "import", str(csv), "--enroll", "plain")
    stack.until("the first mails", lambda: len(stack.messages()) > 50)
    stack.broker.stop()
    stack.broker.start()
    stack.until("the last mail", lambda: len(stack.messages()) >= 900, 60)
    steps = sorted((m["to"], m["subject"]) for m in stack.messages())
    assert steps == sorted((p, s) for p in people for s in ("One", "Two", "Three"))
    # A mail is in the inbox a moment before its enrollment's end is written.
    stack.until("every enrollment's end", lambda: ended(stack, "plain") == {"finished": 300})


def ended(stack: Stack, sequence: str) -> dict[str, int]:
    return dict(json.loads(stack.run("status", "--json"))["enrollments"][sequence])


NAMES = ("{{7*7}}", "<script>alert(1)</script>", "x\r\nBcc: x@example.com")


def test_hostile_names_come_out_as_they_are(stack: Stack) -> None:
    workspace = files(plain=PLAIN) | {"content/one.md": content("One for {{ lead.first_name }}")}
    stack.deploy(workspace)
    for number, name in enumerate(NAMES):
        stack.api("/api/leads", {"email": f"h{number}@harbor.example", "first_name": name, "enroll": "plain"})
    mails = [
        stack.until("the mail", lambda n=number: stack.messages(f"h{n}@harbor.example"))[0]
        for number in range(len(NAMES))
    ]
    assert "One for {{7*7}}" == mails[0]["subject"]
    assert "Hello {{7*7}}" in mails[0]["html"]
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;" in mails[1]["html"]
    assert "Hello <script>alert(1)</script>" in mails[1]["text"]
    assert "\n" not in mails[2]["subject"] and "\r" not in mails[2]["subject"]
    assert "bcc" not in {name.lower() for name in mails[2]["headers"]}


def test_a_webhook_with_a_wrong_signature_is_refused_and_nothing_is_stored(stack: Stack) -> None:
    stack.deploy(files(plain=PLAIN))
    answer = HTTP.request(
        "POST",
        f"{stack.web}/webhooks/sendgrid/events",
        body=b'[{"event":"unsubscribe"}]',
        headers={
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": "MEUCIQDx",
            "X-Twilio-Email-Event-Webhook-Timestamp": str(int(time.monotonic())),
        },
    )
    assert answer.status == 403
    assert json.loads(stack.run("status", "--json"))["webhooks_pending"] == 0
