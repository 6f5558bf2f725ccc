"""The preview as a process, in a real browser: what a person saves, types and presses, and what comes of it."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from sequencer.cli import main
from tests.e2e.test_browser import page as page
from tests.e2e.test_browser import pytestmark as pytestmark
from tests.preview.conftest import TWO, written
from tests.preview.conftest import folder as folder

RULE = "@media (prefers-color-scheme: dark) { body { background: #010203 !important; } }"
DARK = f"<mj-head><mj-style>{RULE}</mj-style></mj-head>"


HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@dataclass(frozen=True)
class Running:
    folder: Path
    address: str
    """With the key."""

    def save(self, text: str) -> None:
        (self.folder / "content/two.md").write_text(text, "utf-8")

    @property
    def saved(self) -> str:
        return (self.folder / "content/two.md").read_text("utf-8")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = written(tmp_path_factory.mktemp("preview"))
    layout = folder / "content/layouts/default.mjml"
    layout.write_text(layout.read_text("utf-8").replace("<mjml>", f"<mjml>{DARK}"), "utf-8")
    command = [sys.executable, "-m", "sequencer", "preview", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield Running(folder, process.stdout.readline().strip())
    process.terminate()
    assert process.wait(20) is not None
    process.stdout.close()


def words(page: Page) -> Callable[[str], None]:
    """Waits until the mail says something."""
    return lambda text: expect(page.frame_locator("iframe:not(.next)").locator("body")).to_contain_text(text)


def test_what_is_saved_shows_in_the_mail_without_a_reload(running: Running, page: Page) -> None:
    page.goto(running.address)
    page.get_by_text("Two for Ana").click()
    shows = words(page)
    shows("Ready to buy.")
    page.evaluate("window.same = true")
    running.save(TWO.replace("Ready to buy", "Saved in an editor"))
    shows("Saved in an editor")
    page.get_by_label("Subject").fill("Typed here")
    page.get_by_label("Subject").press("Control+s")
    expect(page.locator(".phoneline strong")).to_have_text("Typed here")
    assert 'subject: "Typed here"   # a remark\n' in running.saved

    page.get_by_label("Body").fill("Mine {{ lead.nonsense }}")
    running.save(TWO.replace("Ready to buy", "Theirs"))
    expect(page.locator(".clash")).to_be_visible()
    assert "Mine" in page.get_by_label("Body").input_value()
    page.get_by_role("button", name="Keep mine").click()
    expect(page.get_by_label("Problems of this file")).to_contain_text("lead.nonsense")
    shows("Theirs")
    assert running.saved.endswith("---\nMine {{ lead.nonsense }}")
    page.get_by_label("Body").fill("Mended")
    page.get_by_role("button", name="Save").click()
    shows("Mended")
    expect(page.get_by_label("Problems of this file")).to_have_count(0)

    # A page that nobody sees does not listen, and is up to date when somebody comes back.
    page.evaluate(HIDE, True)
    running.save(TWO.replace("Ready to buy", "Unseen"))
    page.evaluate(HIDE, False)
    shows("Unseen")
    assert page.evaluate("window.same")


def test_a_mail_is_read_in_every_light_and_width_and_as_anybody(running: Running, page: Page) -> None:
    running.save(TWO)
    page.emulate_media(color_scheme="dark")
    page.goto(running.address)
    page.get_by_text("Two for Ana").click()
    ground = "getComputedStyle(document.querySelector('iframe').contentDocument.body).backgroundColor"
    shows = words(page)
    shows("Ready to buy.")
    assert page.evaluate(ground) != "rgb(1, 2, 3)"
    page.get_by_role("switch", name="Dark").click()
    shows("Ready to buy.")
    assert page.evaluate(ground) == "rgb(1, 2, 3)"
    page.get_by_role("switch", name="Conditions").click()
    shows('if lead.stage == "mql"')
    page.set_viewport_size({"width": 1300, "height": 900})
    page.get_by_role("link", name="Phone", exact=True).click()
    shows("Ready to buy.")
    box = page.locator("iframe").bounding_box()
    assert box is not None and box["width"] == 375
    inside = page.evaluate("document.querySelector('iframe').contentDocument.documentElement.scrollHeight")
    assert box["height"] >= inside
    page.get_by_label("Read as").select_option(label="Bo · Dock")
    shows("Still reading.")
    page.get_by_text("Read as somebody else").click()
    page.get_by_label("Paste a lead").fill("email: kim@harbor.example\nfirst_name: Kim")
    page.get_by_role("button", name="Read as this lead").click()
    shows("Hello Kim")
    with page.expect_popup() as opened:
        page.frame_locator("iframe:not(.next)").get_by_role("link", name="Unsubscribe").click()
    expect(opened.value.get_by_text("nobody to unsubscribe")).to_be_visible()


def test_a_script_that_got_into_a_mail_does_not_run(running: Running, page: Page) -> None:
    """On a page of its own: the browser complains of what it refuses."""
    browser = page.context.browser
    assert browser is not None
    running.save(TWO)
    other = browser.new_page()
    refused: list[str] = []
    other.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    other.goto(running.address)
    other.get_by_text("Two for").first.click()
    words(other)("Ready to buy.")
    other.evaluate(
        """() => {
          const mail = document.querySelector("iframe").contentDocument;
          const script = mail.createElement("script");
          script.textContent = "top.ran = true";
          mail.body.append(script);
          mail.body.insertAdjacentHTML("beforeend", "<img src=x onerror='top.ran = true'>");
        }"""
    )
    expect(other.frame_locator("iframe").locator("img[src=x]")).to_be_attached()
    assert other.evaluate("window.ran") is None
    assert any("sandbox" in said or "Content Security Policy" in said for said in refused)


def test_every_page_fits_on_a_phone(running: Running, page: Page) -> None:
    page.goto(running.address)
    base = running.address.partition("/enter")[0]
    views = [f"/mails/two?view={view}" for view in ("desktop", "phone", "text", "source")]
    for path in ("/", *views, "/problems", "/propose"):
        page.goto(base + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_pictures_are_as_wide_as_what_they_show_and_as_sharp_as_a_screen(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "three", "four"):
        (folder / f"content/{name}.md").unlink()
    (folder / "sequences/welcome.yaml").unlink()
    done = CliRunner().invoke(main, ["preview", str(folder), "--png", str(tmp_path / "out")])
    assert (0, f"3 pictures of 1 mail in {tmp_path / 'out'}\n") == (done.exit_code, done.output)
    found = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert {"two.desktop.png", "two.phone.png", "two.phone-dark.png"} == set(found)
    assert {b"\x89PNG\r\n\x1a\n"} == {raw[:8] for raw in found.values()}
    widths = {name: struct.unpack(">I", raw[16:20])[0] for name, raw in found.items()}
    assert {"two.desktop.png": 1400, "two.phone.png": 750, "two.phone-dark.png": 750} == widths
