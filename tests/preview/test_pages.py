"""What the pages show: every mail as an inbox and as any lead has it, live, whatever is wrong with the files."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.requests import Request
from starlette.testclient import TestClient

from sequencer.cli import main
from sequencer.preview import desk as looking
from sequencer.preview.courier import Courier
from sequencer.preview.desk import Desk
from sequencer.preview.door import Door
from sequencer.services.shelves import Memory
from sequencer.wiring import Nowhere
from tests.workspace.test_broken import BROKEN, read

from .conftest import Open


def desk_of(person: TestClient) -> Desk:
    found: Desk = person.app.state.desk  # type: ignore[attr-defined]
    return found


def courier_of(person: TestClient) -> Courier:
    route = next(route for route in person.app.routes if route.path == "/events")  # type: ignore[attr-defined]
    found: Courier = route.endpoint.__self__.courier
    return found


def write(person: TestClient, folder: Path, name: str, text: str) -> None:
    """Saves a file, and waits until it was seen."""
    (folder / name).write_text(text, "utf-8")
    desk_of(person).look()


def test_the_list_shows_every_mail_as_an_inbox_does_below_its_sequence(person: TestClient) -> None:
    text = person.get("/").text
    places = [
        text.index(words) for words in ("Welcome", "<strong>One</strong>", "<strong>Two for Ana</strong>", "Beside it")
    ]
    others = [
        text.index(words) for words in ("In no sequence", "<strong>Four for Ana</strong>", "<strong>Three</strong>")
    ]
    assert places + others == sorted(places + others)


@pytest.mark.parametrize(
    ("reader", "subject", "greeting", "words"),
    [
        ("ana@harbor.example", "Two for Ana", "Hello Ana", "Ready to buy."),
        ("bo@dock.example", "Two for Bo", "Hello Bo", "Still reading."),
        ("nobody", "Two for you", "Hello there", "Still reading."),
        ("who@is.this", "Two for Ana", "Hello Ana", "Ready to buy."),
    ],
)
def test_a_mail_is_shown_as_any_lead_gets_it(
    person: TestClient, reader: str, subject: str, greeting: str, words: str
) -> None:
    page, mail = person.get(f"/mails/two?as={reader}").text, person.get(f"/frame/two?as={reader}").text
    assert f"<strong>{subject}</strong>" in page and "Beside it" in page
    assert greeting in mail and words in mail and '<base target="_blank">' in mail
    assert words in person.get(f"/mails/two?as={reader}&view=text").text


def test_the_sender_is_the_one_whom_the_sequence_names_and_a_missing_rep_is_said(person: TestClient) -> None:
    assert "Ana Ruiz" in person.get("/mails/two?as=ana@harbor.example").text
    assert "has no rep" not in person.get("/mails/two?as=ana@harbor.example").text
    assert "Bo has no rep" in person.get("/mails/two?as=bo@dock.example").text


def test_a_mail_in_a_conversation_has_the_subject_of_the_mail_that_began_it(person: TestClient, folder: Path) -> None:
    series = (folder / "sequences/welcome.yaml").read_text("utf-8")
    write(person, folder, "sequences/welcome.yaml", series.replace("- email: two", "- email: two\n    thread: one"))
    assert "<strong>Re: One</strong>" in person.get("/").text
    page = person.get("/mails/two").text
    assert "<strong>Re: One</strong>" in page and "In the conversation of" in page and "Two for {{ lead" in page
    assert "In the conversation of" not in person.get("/mails/one").text


def test_a_mail_in_another_language_has_a_page_of_its_own_and_others_are_led_to_it(
    person: TestClient, folder: Path
) -> None:
    write(person, folder, "content/two.de.md", "---\nsubject: Zwei\n---\nGuten Tag {{ lead.first_name or '' }}\n")
    german = "email: uwe@harbor.example\nfirst_name: Uwe\nlanguage: de-AT"
    assert 200 == person.post("/paste", json={"text": german}).status_code
    text = person.get("/").text
    assert text.index("Two for Ana") < text.index("<strong>Zwei</strong>") < text.index("In no sequence")
    assert "gets this mail in another language" in person.get("/mails/two?as=pasted").text
    page = person.get("/mails/two.de?as=pasted").text
    assert "another language" not in page and "Welcome" in page and "content/two.de.md" in page
    assert "Ana gets this mail in another language" in person.get("/mails/two.de").text
    assert "Guten Tag Uwe" in person.get("/frame/two.de?as=pasted").text
    write(person, folder, "content/two.de.md", "---\nsubject: Zwei\n---\nServus {{ lead.first_name or '' }}\n")
    assert "Servus Uwe" in person.get("/frame/two.de?as=pasted").text
    sheet = desk_of(person).sheet
    assert () == sheet.problems_of("content/two.de.md")
    assert ["two.de", "one"] == [sheet.item_for(item, desk_of(person).reader("pasted")) for item in ("two", "one")]


def test_with_a_mistake_in_one_mail_the_others_still_stand_below_their_sequence(preview: Open, folder: Path) -> None:
    (folder / "content/three.md").write_text("---\nsubject: Hi\n---\n{{ lead.nonsense }}\n", "utf-8")
    text = preview().get("/").text
    assert text.index("Welcome") < text.index("Two for Ana") < text.index("In no sequence") < text.index("1 error")


def test_the_source_shows_conditions_and_leaves_pale_what_the_reader_does_not_get(person: TestClient) -> None:
    text = person.get("/mails/two?view=source&as=ana@harbor.example").text
    assert '<li class="out"><code>Still reading.</code>' in text and "<li><code>Ready to buy.</code>" in text
    assert text.count('<span class="chip yes">yes</span>') == 2 == text.count('<span class="chip no">no</span>')
    assert 'class="sq-if"' in person.get("/frame/two?marks=1").text


def test_conditions_of_the_layout_are_told_too(person: TestClient, folder: Path) -> None:
    layout = (folder / "content/layouts/default.mjml").read_text("utf-8")
    changed = layout.replace("{{ content }}", "{{ content }}{% if owner.phone %}Call{% else %}Write{% endif %}")
    write(person, folder, "content/layouts/default.mjml", changed)
    text = person.get("/mails/two").text
    assert '<span class="chip no">no</span> <code>if owner.phone</code> <span class="muted small">layout</span>' in text
    assert 1 == text.count("<code>if lead.stage == &#34;mql&#34;</code>")


def test_a_mail_without_preheader_shows_the_first_words_and_says_so(person: TestClient) -> None:
    text = person.get("/mails/three").text
    assert "No preheader" in text and "No sequence mails this." in text


def test_a_saved_file_is_shown_and_everything_else_is_not_compiled_again(
    person: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sequencer.services import contents as compiling

    compiled: list[str] = []
    real = compiling.compile_content
    monkeypatch.setattr(
        compiling, "compile_content", lambda source, **more: compiled.append(source.id) or real(source, **more)
    )
    before = person.get("/frame/one").text
    write(person, folder, "content/two.md", "---\nsubject: New\n---\nNew words.\n")
    assert "New words." in person.get("/frame/two").text
    assert (["two"], before) == (compiled, person.get("/frame/one").text)


def test_with_a_layout_the_mail_that_is_looked_at_comes_first_and_then_all_others(folder: Path) -> None:
    desk, layout = Desk(folder), folder / "content/layouts/default.mjml"
    desk.look()
    desk.looked_at = "two"
    layout.write_text(layout.read_text("utf-8").replace("Unsubscribe", "Good-bye"), "utf-8")
    desk.glance()
    assert ["two"] == [item for item in ("one", "two", "three") if "Good-bye" in desk.sheet.contents[item].html]
    desk.check()
    assert "Good-bye" in desk.sheet.contents["one"].html


def test_a_layout_with_a_mistake_leaves_the_mails_as_they_were(person: TestClient, folder: Path) -> None:
    layout = folder / "content/layouts/default.mjml"
    layout.write_text(layout.read_text("utf-8").replace("{{ content }}", ""), "utf-8")
    desk_of(person).look()
    assert "Hello Ana" in person.get("/frame/two").text
    assert "layout-place" in person.get("/problems").text and "how the mail was" in person.get("/mails/one").text


def test_what_is_saved_while_all_is_checked_is_shown_at_once_and_checked_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking, go_on = threading.Event(), threading.Event()
    real = looking.compile_workspace

    def slow(*given: Any, **more: Any) -> Any:
        checking.set()
        assert go_on.wait(60)
        return real(*given, **more)

    desk, two = Desk(folder), folder / "content/two.md"
    desk.look()
    monkeypatch.setattr(looking, "compile_workspace", slow)
    two.write_text("---\nsubject: New\nkind: guide\n---\nNew words.\n", "utf-8")
    desk.glance()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(desk.check)
        assert checking.wait(60)
        two.write_text("---\nsubject: Newer\nkind: guide\n---\nNewer words, {{ lead.nonsense }}.\n", "utf-8")
        desk.glance()
        assert ["unknown-name"] == [problem.code for problem in desk.sheet.problems_of("content/two.md")]
        go_on.set()
        done.result(60)
    assert ["unknown-name"] == [problem.code for problem in desk.sheet.problems_of("content/two.md")]
    two.write_text("---\nsubject: Newest\nkind: guide\n---\nNewest words.\n", "utf-8")
    desk.look()
    assert "Newest words." in desk.sheet.contents["two"].html and not desk.sheet.problems_of("content/two.md")


def test_a_mistake_is_shown_in_its_place_above_the_mail_as_it_was(person: TestClient, folder: Path) -> None:
    write(person, folder, "content/two.md", "---\nsubject: Hi\n---\nHello {{ lead.nonsense }}\n")
    page = person.get("/mails/two?view=source").text
    assert "Line 4" in page and "unknown-name" in page and "Below is the mail as it was before." in page
    assert page.index("Hello {{ lead.nonsense }}") < page.rindex("there is no “lead.nonsense”")
    assert "Hello Ana" in person.get("/frame/two").text
    assert "unknown-name" in person.get("/problems").text and "1 error" in person.get("/").text
    write(person, folder, "content/two.md", "---\nsubject: Hi\n---\nAgain\n")
    assert "unknown-name" not in person.get("/problems").text and "Again" in person.get("/frame/two").text


def test_broken_declarations_leave_what_there_was_and_a_start_with_them_shows_only_problems(
    preview: Open, folder: Path
) -> None:
    person = preview()
    declarations = (folder / "sequences/workspace.yaml").read_text("utf-8")
    write(person, folder, "sequences/workspace.yaml", "brand: [")
    assert "Two for Ana" in person.get("/").text and "flow-style" in person.get("/problems").text
    late = preview()
    assert "Nothing can be shown before" in late.get("/").text
    for path in ("/mails/two", "/mails/two?view=source", "/mails/two?view=text", "/problems", "/propose"):
        assert 200 == late.get(path).status_code
    assert 404 == late.get("/frame/two").status_code
    write(late, folder, "sequences/workspace.yaml", declarations)
    assert "Two for Ana" in late.get("/").text


def test_a_folder_that_cannot_be_read_is_said_on_every_page(person: TestClient, folder: Path) -> None:
    (folder / "content/two.md").write_bytes(b"\xff\xfe")
    desk_of(person).look()
    assert "content/two.md is not UTF-8" in person.get("/").text and "Hello Ana" in person.get("/frame/two").text


def test_a_mail_that_is_gone_is_not_found(person: TestClient, folder: Path) -> None:
    (folder / "content/four.md").unlink()
    desk_of(person).look()
    for path in ("/mails/four", "/frame/four", "/mails/../sequences/workspace", "/nonsense"):
        assert 404 == person.get(path).status_code
    assert "content/four" not in person.get("/").text


def test_an_open_page_is_told_when_a_file_changed_and_when_it_is_over(folder: Path) -> None:
    desk = Desk(folder)
    desk.look()
    door = Door(desk, Courier(Nowhere(), desk.tell), "http://127.0.0.1:1", sends=False)

    async def follow() -> list[str]:
        answer = await door.events(Request({"type": "http", "method": "GET", "path": "/events", "headers": []}))
        said = answer.body_iterator  # type: ignore[attr-defined]
        first = await anext(said)
        (folder / "content/two.md").write_text("---\nsubject: New\n---\nNew words.\n", "utf-8")
        await asyncio.to_thread(desk.look)
        second = await anext(said)
        desk.leave_all()
        return [first, second, *[more async for more in said]]

    assert ["retry: 1000\ndata: 1\n\n", "data: 2\n\n"] == asyncio.run(follow())
    assert not desk._listeners


def test_nothing_is_told_as_long_as_nothing_changed(folder: Path) -> None:
    desk, told = Desk(folder), []
    desk.listen(lambda: told.append(desk.sheet.number))
    for _ in range(3):
        desk.look()
    (folder / "examples/leads.csv").write_text("email,first_name\nkim@harbor.example,Kim\n", "utf-8")
    desk.look()
    assert [1, 2] == told
    assert ["kim@harbor.example", "nobody"] == [reader.key for reader in desk.readers()]


def test_pictures_without_a_browser_are_refused_with_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sequencer.preview.chromium.ELSEWHERE", ())
    done = CliRunner().invoke(main, ["preview", str(folder), "--png", str(folder / "out")])
    assert (1, False) == (done.exit_code, (folder / "out").exists())
    assert "neither is on the path: install one" in done.stderr


@pytest.mark.parametrize("more", [["--png", "out"], []])
def test_to_begin_as_an_unknown_lead_is_wrong_use(folder: Path, more: list[str]) -> None:
    done = CliRunner().invoke(main, ["preview", str(folder), "--as", "who@is.this", *more])
    assert (2, True) == (done.exit_code, "no lead who@is.this" in done.stderr)


def test_of_what_was_compiled_only_that_which_is_still_asked_for_is_kept() -> None:
    shelf = Memory()
    shelf.about("content").put("made", "one")
    for _ in range(3):
        shelf.round()
        assert "made" == shelf.about("content").get("one")
    shelf.round()
    shelf.round()
    assert (None, None) == (shelf.about("content").get("one"), shelf.about("sequence").get("one"))


@pytest.mark.parametrize("name", BROKEN[::8])
def test_whatever_is_wrong_with_the_files_every_page_can_be_shown(person: TestClient, folder: Path, name: str) -> None:
    for old in (path for path in folder.rglob("*") if path.is_file()):
        old.unlink()
    for file, text in read(name)[0].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text.encode())
    desk_of(person).look()
    mails = [f"/mails/{item}?view={view}" for item in desk_of(person).sheet.items for view in ("desktop", "source")]
    answers = {path: person.get(path).status_code for path in ("/", "/problems", *mails)}
    assert set(answers.values()) == {200}, answers
    assert all(problem.code in person.get("/problems").text for problem in desk_of(person).sheet.problems)
