"""The pages in a real browser: what a person presses, and what comes of it."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import Stack
from tests.e2e.test_outside import PLAIN
from tests.workspaces import files

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (`apt install chromium`)")

SLOW = PLAIN.replace("wait: 1 second", "wait: 3 days").replace(
    "from: marketing", "from: marketing\nexit_on:\n  - replied()"
)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page that fails the test when the browser complains of anything, such as a breach of our own policy."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 400, "height": 850})
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    # A wrong password is refused as it should be; everything else is news.
    assert [said for said in complaints if "403 (Forbidden)" not in said] == []


def test_reading_clicking_and_answering_in_the_inbox_shows_on_the_dashboard(stack: Stack, page: Page) -> None:
    stack.deploy(files(plain=SLOW))
    stack.api("/api/leads", {"email": "kim@harbor.example", "first_name": "<b>Kim</b>", "enroll": "plain"})
    stack.until("the first mail", lambda: stack.messages("kim@harbor.example"))
    page.goto(f"{stack.sandbox}/")
    page.get_by_text("One", exact=True).first.click()
    assert "Hello" not in page.title()
    page.get_by_role("link", name="prices").click()
    assert "https://www.acme.example/price" in page.content()
    page.go_back()
    page.locator("textarea").fill("Please call me")
    page.get_by_role("button", name="Reply").click()
    stack.until("the reply's effect", lambda: stack.lead("kim@harbor.example")["enrollments"][0]["status"] == "left")

    page.goto(f"{stack.web}/dashboard")
    page.locator("input[type=password]").fill("wrong")
    page.get_by_role("button").click()
    assert page.url.endswith("/login") or "/login" in page.url
    page.locator("input[type=password]").fill("password")
    page.get_by_role("button").click()
    assert page.get_by_text("Plain").first.is_visible()
    page.goto(f"{stack.web}/dashboard/leads?q=harbor")
    page.get_by_text("<b>Kim</b>").first.click()
    text = page.locator("body").inner_text()
    assert "clicked price in one" in text
    assert "answered one" in text
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_unsubscribe_page_acts_on_the_button_only(stack: Stack, page: Page) -> None:
    stack.deploy(files(plain=SLOW))
    stack.api("/api/leads", {"email": "kim@harbor.example", "enroll": "plain"})
    mail = stack.until("the first mail", lambda: stack.messages("kim@harbor.example"))[0]
    page.goto(mail["headers"]["List-Unsubscribe"].strip("<>"))
    assert stack.lead("kim@harbor.example")["lead"]["suppressed"] is False
    page.get_by_role("button").first.click()
    page.wait_for_load_state()
    lead = stack.lead("kim@harbor.example")
    assert (lead["lead"]["suppressed"], lead["enrollments"][0]["status"]) == (True, "stopped")
