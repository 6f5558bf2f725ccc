"""A whole workspace: declarations, content and sequences together."""

from collections.abc import Mapping

import pytest

from sequencer.services.compile import compile_workspace

from .mistakes import broken


def places(files: Mapping[str, str]) -> list[str]:
    return [f"{problem.mark} {problem.code}" for problem in compile_workspace(files).problems]


def test_the_good_workspace_compiles(good: Mapping[str, str]) -> None:
    compiled = compile_workspace(good)
    assert compiled.problems == ()
    assert compiled.workspace is not None
    assert sorted(compiled.workspace.sequences) == ["guide", "motivation"]
    assert sorted(compiled.contents) == ["guides/handbook", "sales/faq", "sales/pricing", "sales/roi"]
    assert [link.name for link in compiled.contents["sales/pricing"].links] == ["calculator"]


def test_contents_of_a_stored_release_are_not_compiled_again(good: Mapping[str, str]) -> None:
    contents = compile_workspace(good).contents
    without = {name: text for name, text in good.items() if not name.startswith("content/")}
    again = compile_workspace(without, contents)
    assert (again.problems, again.contents) == ((), contents)


def test_an_error_anywhere_leaves_no_workspace_and_a_warning_leaves_it(good: Mapping[str, str]) -> None:
    wrong = compile_workspace(broken(good, "guide", "topic: guides", "topic: guide"))
    warned = compile_workspace(broken(good, "motivation", 'clicked("pricing", "calculator")', 'opened("pricing")'))
    assert (wrong.workspace, [problem.code for problem in wrong.problems]) == (None, ["unknown-topic"])
    assert [(problem.code, problem.severity) for problem in warned.problems] == [("opens-are-guesses", "warning")]
    assert warned.workspace is not None


def test_the_same_content_in_two_formats_is_refused(good: Mapping[str, str]) -> None:
    files = {**good, "content/sales/roi.mjml": good["content/guides/handbook.mjml"]}
    assert places(files) == ["content/sales/roi.mjml:1:1 duplicate-content"]


@pytest.mark.parametrize("name", ["sales/My Mail", "Sales/roi-two", "sales/roi_two", "sales/-roi"])
def test_names_of_mails_are_small_letters_digits_and_hyphens(name: str, good: Mapping[str, str]) -> None:
    files = {**good, f"content/{name}.md": good["content/sales/roi.md"]}
    [problem] = [problem for problem in compile_workspace(files).problems if problem.severity == "error"]
    part = next(part for part in name.split("/") if part not in ("sales", "roi-two"))
    assert f"content/{name}.md:1:1 bad-id" == f"{problem.mark} {problem.code}"
    assert f"got `{part}`: rename it" in problem.message


def test_a_broken_mail_is_reported_once_and_not_as_unknown_content_too(good: Mapping[str, str]) -> None:
    name = "content/sales/roi.md"
    files = {**good, name: good[name].replace("{{ lead.first_name", "{{ lead.frist_name")}
    assert places(files) == ["content/sales/roi.md:6:12 unknown-name"]


def test_a_broken_note_is_reported_where_it_stands(good: Mapping[str, str]) -> None:
    files = broken(good, "motivation", "note: Uses another tool", 'note: "Uses {{ lead.curent_tool }}"')
    assert places(files) == ["sequences/motivation.yaml:41:16 unknown-name"]


@pytest.mark.parametrize("missing", ["", "brand: [\n"])
def test_without_declarations_only_syntax_is_reported(missing: str, good: Mapping[str, str]) -> None:
    files = broken(good, "guide", "topic: guides", "topic guides")
    files["sequences/workspace.yaml"] = missing
    code = "flow-style" if missing else "empty"
    expected = ["sequences/guide.yaml:3:1 syntax", f"sequences/workspace.yaml:1:{8 if missing else 1} {code}"]
    assert places(files) == expected
