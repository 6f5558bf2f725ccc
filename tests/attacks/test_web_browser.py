"""Stored XSS in a real browser: payloads everywhere, every page opened, and nothing runs or is even tried."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, sync_playwright

from tests.attacks.test_web_xss import PAYLOADS
from tests.e2e.conftest import HTTP, Stack
from tests.e2e.conftest import stack as stack
from tests.e2e.test_outside import PLAIN
from tests.workspaces import content, files

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (`apt install chromium`)")

ALL = " ".join(PAYLOADS)[:950]
PAGE = f"/{''.join(filter(str.isprintable, ALL))}"
SLOW = PLAIN.replace("wait: 1 second", "wait: 3 days")


def elsewhere(asked: Request, told: list[str]) -> None:
    """Notes what went to other hosts; what our policy stopped was never sent."""
    if "//127.0.0.1" not in asked.url:
        told.append(f"asked for {asked.url}")


@pytest.fixture
def browser() -> Iterator[tuple[Page, list[str]]]:
    """A page, and everything that it ran, tried to run, or asked others for."""
    told: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = chromium.new_page()
        page.on("dialog", lambda dialog: (told.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("requestfinished", lambda asked: elsewhere(asked, told))
        page.on("requestfailed", lambda asked: elsewhere(asked, told) if asked.failure != "csp" else None)
        yield page, told
        chromium.close()


def test_nothing_that_outsiders_said_runs_in_a_browser(stack: Stack, browser: tuple[Page, list[str]]) -> None:
    page, told = browser
    stack.deploy(
        files(plain=SLOW) | {"content/one.md": content("One for {{ lead.first_name }}", "Hi {{ lead.title }}")}
    )
    fields = dict.fromkeys(("first_name", "last_name", "title", "company", "country", "campaign", "hobby"), ALL)
    stack.api("/api/leads", {"email": "kim@harbor.example", **fields, "enroll": "plain"})
    for kind, data in (("submitted", {"form": ALL}), ("visited", {"page": PAGE}), ("said", {"text": ALL})):
        stack.api("/api/events", {"email": "kim@harbor.example", "event": kind, "data": data})
    [mail] = stack.until("the mail", lambda: stack.messages("kim@harbor.example"))
    stack.press(mail, "reply", text=ALL)
    lead = stack.until("the reply", lambda: (found := stack.lead("kim@harbor.example"))["alerts"] and found)
    page.goto(f"{stack.web}/dashboard")
    page.locator("input[type=password]").fill("password")
    page.get_by_role("button").click()
    number = lead["lead"]["id"]
    unsubscribe = mail["headers"]["List-Unsubscribe"].strip("<>")
    for address in (
        f"{stack.web}/dashboard",
        f"{stack.web}/dashboard/leads",
        f"{stack.web}/dashboard/leads?q=%3Cscript%3Ealert(1)%3C/script%3E",
        f"{stack.web}/dashboard/leads/{number}",
        unsubscribe,
        unsubscribe.replace("/u/", "/preferences/"),
        f"{stack.sandbox}/",
        *(f"{stack.sandbox}/messages/{mail['id']}?tab={tab}" for tab in ("html", "text", "headers")),
        f"{stack.sandbox}/messages/{mail['id']}/frame",
    ):
        page.goto(address)
        page.mouse.move(200, 300)
        page.keyboard.press("Tab")
    assert told == []
    page.goto(f"{stack.web}/dashboard/leads/{number}")
    assert page.locator("body").inner_text().count("<script>alert('xss7')</script>") >= 8


def test_a_hostile_mail_runs_nothing_in_the_sandbox(stack: Stack, browser: tuple[Page, list[str]]) -> None:
    """A mail's HTML may hold anything; its frame lets none of it run; the browser complains of it, and may."""
    page, told = browser
    body = {
        "personalizations": [{"to": [{"email": "kim@harbor.example"}]}],
        "from": {"email": "mara@mail.acme.example"},
        "subject": "Hostile",
        "content": [{"type": "text/html", "value": f"<script>document.title='run'</script>{' '.join(PAYLOADS)}"}],
    }
    sent = HTTP.request(
        "POST", f"{stack.sandbox}/v3/mail/send", json=body, headers={"Authorization": "Bearer SG.tests.tests"}
    )
    assert sent.status == 202
    [mail] = stack.messages("kim@harbor.example")
    for address in (f"/messages/{mail['id']}", f"/messages/{mail['id']}/frame"):
        page.goto(stack.sandbox + address)
        page.mouse.move(200, 300)
        assert page.title() != "run"
    assert [one for one in told if one.startswith(("a dialog", "asked for"))] == []
    # Where nothing keeps it from running, this test sees it run.
    page.goto("about:blank")
    page.set_content("<script>alert('run')</script>")
    assert "a dialog: run" in told
