"""`check` compares compile-once with plain rendering, on leads that are as odd as can be."""

import pytest

from sequencer.core.content import Content
from sequencer.core.mark import Mark
from sequencer.rendering import proof
from sequencer.rendering.names import TemplateNames
from sequencer.rendering.origin import Scalar
from sequencer.rendering.prepare import Prepared
from sequencer.rendering.tokens import Kind, Piece
from sequencer.rendering.view import Letterhead, View

from .mails import NAMES, item, problems

PLACE = Piece(Kind.DATA, "", Scalar(Mark("content/x.md", 4, 1)), 0)


@pytest.fixture(autouse=True)
def nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_PROVED", set())


def found(content: Content, names: TemplateNames = NAMES) -> list[str]:
    return [problem.code for problem in proof.prove(content, names, [PLACE], PLACE)]


@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_a_part_that_would_come_out_otherwise_is_told(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = item("Hi {{ lead.first_name or 'x' }}!", "subject: 'Hi {{ lead.first_name or \"x\" }}!'")
    assert found(content) == []
    proof._PROVED.clear()
    real = Prepared.values

    def wrong(self: Prepared, view: View) -> tuple[str, ...]:
        values = list(real(self, view))
        slots = [slot for slot in getattr(self.skeleton, part) if isinstance(slot, int)]
        values[slots[0]] += "!"
        return tuple(values)

    monkeypatch.setattr(Prepared, "values", wrong)
    assert found(content) == ["renders-differently"]


def test_what_fails_on_one_side_only_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    content = item("Hi {{ lead.first_name or 'x' }}!")
    proof._PROVED.clear()

    def failing(self: Prepared, view: View) -> tuple[str, ...]:
        raise ValueError("no")

    monkeypatch.setattr(Prepared, "values", failing)
    assert found(content) == ["renders-differently"]


def test_mails_with_the_same_tokens_are_proved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = proof.prepare

    def counting(content: Content, letterhead: Letterhead, keep: bool) -> Prepared:
        made.append(content.id)
        return real(content, letterhead, keep)

    monkeypatch.setattr(proof, "prepare", counting)
    for body in ("One {{ lead.email }}", "Two {{ lead.email }}", "One {{ lead.email | upper }}"):
        assert item(body)
    assert len(made) == 2
    for link in ("https://a.example/x", "https://b.example/y/z", "https://b.example/y?z=1"):
        assert item(f'{{{{ link("name", "{link}", "words") }}}}')
    assert len(made) == 4, "an address with a query is put together in another way"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("'{{ lead.first_name or \"Hello\" }}'", []),
        ("'{% if lead.industry %}For you{% else %}For all{% endif %}'", []),
        ("'{% if lead.industry %}For you{% endif %}!'", []),
        ("'{% if lead.industry %}For you{% endif %}'", ["2:11 empty-subject"]),
        ("'{% if lead.industry %}For you{% endif %} {{ lead.industry or \"\" }}'", ["2:11 empty-subject"]),
    ],
)
def test_a_subject_is_never_empty(subject: str, expected: list[str]) -> None:
    assert problems("x", f"subject: {subject}") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{{ (lead.employees or 0) + 1 }}", []),
        ("{% if lead.employees %}{{ lead.employees + 1 }}{% endif %}", []),
        ("Hi\n\n{{ lead.employees + 1 }}", ["6:1 cannot-render"]),
        ("{% set n = lead.employees + 1 %}{{ n }}", ["4:33 cannot-render"]),
    ],
)
def test_a_mail_can_be_made_for_a_lead_of_whom_nothing_is_known(body: str, expected: list[str]) -> None:
    assert problems(body) == expected
