"""Mails in the language of who reads them."""

import re

import pytest

from sequencer.core.content import Content
from sequencer.core.mail import join
from tests.services.conftest import World
from tests.services.webhooks import event, post
from tests.workspaces import LAYOUT, files

SERIES = """
title: Languages
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 1 day
    then:
      - email: two
"""
GERMAN = """---
subject: Eins
---
Unten {{ link("demo", "https://www.acme.example/vorfuehrung", "eine Vorführung") }} und
{{ link("price", "https://www.acme.example/preise", "Preise") }}.
"""


def workspace() -> dict[str, str]:
    found = files(languages=SERIES)
    found["content/one.md"] += '\n{{ link("demo", "https://www.acme.example/demo", "a demo") }}\n'
    found["content/one.de.md"] = GERMAN
    found["content/one.de-AT.md"] = GERMAN.replace("Eins", "Oans")
    found["content/layouts/default.de.mjml"] = LAYOUT.replace("Unsubscribe", "Abmelden")
    return found


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", "b"), ("DE", "b"), ("de-CH", "b"), ("de_AT", "c"), ("fr", "a"), ("", "a"), (None, "a"), (7, "a")],
)
def test_the_variant_that_fits_best_is_read(language: object, expected: str) -> None:
    german, austrian = (Content(x, f"{x}.md", "", "", "", "", "") for x in "bc")
    content = Content("a", "a.md", "", "", "", "", "", variants={"de": german, "de-at": austrian})
    assert content.read_in(language).id == expected


def test_each_lead_is_mailed_in_their_language_with_its_layout_and_clicks_count_alike(world: World) -> None:
    world.deploy(workspace())
    people = {code: world.lead(f"{code.lower()}@harbor.example", language=code) for code in ("en", "de", "de-AT")}
    world.enter("languages", *people.values())
    world.work()
    got = {
        to.to_email: (join(batch.skeleton.subject, to.values), join(batch.skeleton.text, to.values))
        for batch in world.provider.batches
        for to in batch.recipients
    }
    assert {email: subject for email, (subject, *_) in got.items()} == {
        "en@harbor.example": "One",
        "de@harbor.example": "Eins",
        "de-at@harbor.example": "Oans",
    }
    assert ("Abmelden" in got["de@harbor.example"][1], "Abmelden" in got["en@harbor.example"][1]) == (True, False)
    assert {m["content"] for person in people.values() for m in world.view(person)["messages"]} == {"one"}
    number = next(n for n, b in enumerate(world.provider.batches) if b.recipients[0].to_email == "de@harbor.example")
    url = re.findall(r"https://www\.acme\.example/preise\?sq=[a-z0-9.]+", got["de@harbor.example"][1])[0]
    post(world, event(world, "click", number, url=url))
    world.work()
    assert world.view(people["de"])["messages"][0]["clicked"] == ["price"]
    assert ("de@harbor.example", "two") in world.provider.mails
