"""The pages in a real browser: what a person presses, and what comes of it."""

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from sequencer.web.site import FOLDER
from tests.e2e.conftest import Stack
from tests.e2e.test_outside import PLAIN
from tests.e2e.test_worked_case import KIM, LEE, begin, kinds, lead, to_reps
from tests.workspaces import WORKSPACE, files

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (`apt install chromium`)")

PEOPLE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Mobile Safari/537.36"
)
SLOW = PLAIN.replace("wait: 1 second", "wait: 3 days").replace(
    "from: marketing", "from: marketing\nexit_on:\n  - replied()"
)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page that fails the test when the browser complains of anything, such as a breach of our own policy."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # As a person's: a browser that says it is driven by software is not followed.
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-blink-features=AutomationControlled",
                f"--user-agent={PEOPLE}",
            ],
        )
        page = browser.new_page(viewport={"width": 400, "height": 850})
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    # A wrong password and an incomplete form are refused as they should be; everything else is news.
    assert [said for said in complaints if not re.search(r"403 \(Forbidden\)|422 \(Unproc", said)] == []


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


CARRIED = ("contact", "demo")
"""Forms that our site's pages of these names carry."""


class OurSite(BaseHTTPRequestHandler):
    """Pages of the company's own site, which carry our scripts."""

    mail = ""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        form = f'<script async src="{self.mail}/f.js" data-form="{name}"></script>' if name in CARRIED else ""
        page = f'<!doctype html><title>Ours</title><script src="{self.mail}/t.js"></script><h1>Ours</h1>{form}'
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def our_site(stack: Stack) -> Iterator[str]:
    OurSite.mail = stack.web
    server = ThreadingHTTPServer(("127.0.0.1", 0), OurSite)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_visitor_who_agreed_is_known_by_a_link_of_ours_and_by_a_form(stack: Stack, page: Page, our_site: str) -> None:
    forms = "contact: {title: Write to us, always: [first_name], message: What is it about?}\n"
    said = f"{WORKSPACE}\nsite: {{hosts: ['{our_site}']}}\n"
    stack.deploy(files(plain=SLOW) | {"sequences/workspace.yaml": said, "sequences/forms.yaml": forms})
    stack.api("/api/leads", {"email": "kim@harbor.example", "enroll": "plain"})
    mail = stack.until("the first mail", lambda: stack.messages("kim@harbor.example"))[0]
    token = re.search(r"sq=([a-z2-7]{32}\.\d)", mail["text"])
    assert token is not None
    page.goto(f"http://{our_site}/pricing?utm_campaign=autumn&msclkid=m&sq={token[1]}#top")
    assert page.url == f"http://{our_site}/pricing?utm_campaign=autumn&msclkid=m#top"
    assert page.context.cookies() == []
    page.evaluate("sequencer.consent(true)")
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["sameSite"], len(cookie["value"])) == ("sq_v", "Lax", 32)

    page.goto(f"http://{our_site}/contact")
    form = page.frame_locator("iframe")
    form.get_by_label("Your email address").fill("jo@harbor.example")
    form.get_by_role("button").click()
    form.get_by_text("Please fill this in.").wait_for()
    # Corrected within a second, which people's browsers do, too.
    form.get_by_label("First name").fill("Jo")
    form.get_by_label("What is it about?").fill("How much would it be?")
    form.get_by_role("button").click()
    form.get_by_text("Thank you").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(f"http://{our_site}/faq")
    page.goto("about:blank")

    def visited(email: str) -> list[str]:
        events = stack.lead(email)["events"]
        return sorted(e["data"]["page"] for e in events if e["event"] == "visited")

    # Kim followed the link, and then handed the browser to Jo, who gave another address.
    stack.until("what Kim looked at", lambda: "/pricing" in visited("kim@harbor.example"))
    stack.until("what Jo looked at", lambda: "/faq" in visited("jo@harbor.example"))
    kim = stack.lead("kim@harbor.example")["lead"]
    assert (kim["campaign"], kim["first_touch"]["source"], kim["first_touch"]["medium"]) == ("autumn", "bing", "cpc")
    [told] = [e for e in stack.lead("jo@harbor.example")["events"] if e["event"] == "submitted"]
    assert told["data"] == {"form": "contact", "answers": {"first_name": "Jo"}, "text": "How much would it be?"}
    assert stack.lead("jo@harbor.example")["lead"]["time_zone"] is not None

    page.goto(f"http://{our_site}/about")
    page.evaluate("sequencer.consent(false)")
    assert page.context.cookies() == []


def test_a_form_in_a_page_knows_by_which_link_of_ours_somebody_came_whichever_script_is_there_first(page: Page) -> None:
    scripts = {name: (FOLDER / f"{name}.js").read_text().replace("ASKS", "true") for name in ("t", "f")}
    tags = {
        "t": '<script src="/t.js"></script>',
        "f": '<script src="/f.js" data-form="ebook"></script>',
        "late": """<script>addEventListener("load", () => {
            const late = document.createElement("script");
            late.src = "/f.js";
            late.dataset.form = "ebook";
            document.body.append(late);
        })</script>""",
    }

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path in ("/t.js", "/f.js"):
            route.fulfill(content_type="text/javascript", body=scripts[path[1]])
        else:
            inside = "Ours" if path.startswith("/f/") else "".join(tags[name] for name in path[1:].split("-"))
            route.fulfill(content_type="text/html", body=f"<!doctype html><body>{inside}")

    def framed() -> str:
        """Which address the form was asked for by."""
        page.frame_locator("iframe").get_by_text("Ours").wait_for()
        return page.locator("iframe").get_attribute("src") or ""

    page.route("**/*", answer)
    for names in ("t-f", "f-t", "t-late", "f"):
        page.goto(f"http://www.acme.example/{names}?sq={'a' * 32}.1&utm_campaign=x")
        assert parse_qs(urlsplit(framed()).query)["sq"] == [f"{'a' * 32}.1"], names
        assert ("sq=" in page.url) is ("t" not in names.split("-")), names
    page.goto("http://www.acme.example/t-f?utm_campaign=x")
    assert "&sq=&" in framed()


def test_one_reads_prices_and_a_colleague_asks_for_a_demo_and_their_rep_hears_why(
    stack: Stack, page: Page, our_site: str
) -> None:
    """The worked case, as far as visitors make it, in their browsers."""
    page.goto(f"http://{our_site}/pricing?sq={begin(stack, our_site)}")
    page.evaluate("sequencer.consent(true)")
    page.goto(f"http://{our_site}/about")
    stack.until("what Kim looked at", lambda: "visited" in kinds(stack, KIM))
    page.context.clear_cookies()  # Lee has a browser of her own
    page.goto(f"http://{our_site}/demo")
    form = page.frame_locator("iframe")
    form.get_by_label("Your email address").fill(LEE)
    form.get_by_role("button").click()
    form.get_by_text("Thank you").wait_for()

    [told] = stack.until("the mail to the rep", lambda: to_reps(stack))
    for part in ("Why now: asked, together", "Demo requested", "2 people of the company were active"):
        assert part in told["text"], told["text"]
    stack.until("Lee's own series", lambda: "What it costs" in stack.subjects(LEE))
    stack.until("Kim's pause", lambda: lead(stack, KIM)["enrollments"][0]["status"] == "paused")
    page.goto(f"{stack.web}/dashboard")
    page.locator("input[type=password]").fill("password")
    page.get_by_role("button").click()
    page.wait_for_url("**/dashboard")
    handed = f"was handed to {told['to']}"
    for email, parts in {
        KIM: ("visited /pricing", "a colleague was handed to sales", "is paused (colleague handed off)"),
        LEE: ("submitted the form demo", "demo requested", "became sales-ready: asked, together", handed),
    }.items():
        page.goto(f"{stack.web}/dashboard/leads/{lead(stack, email)['lead']['id']}")
        text = page.locator("body").inner_text()
        assert [part for part in parts if part not in text] == [], text
    assert len(to_reps(stack)) == 1
