"""Which of several languages a reader gets."""

import pytest

from sequencer.core.content import Content, languages, narrowed


@pytest.mark.parametrize(
    ("language", "read"),
    [
        ("de", "de"),
        ("de_AT", "de-at de"),
        ("zh-Hant-TW", "zh-hant-tw zh-hant zh-tw zh-hk zh zh-hans zh-cn"),
        ("zh-TW", "zh-tw zh-hant zh-hk zh zh-hans zh-cn"),
        ("zh", "zh zh-hans zh-cn"),
        ("no", "no nb nn"),
        ("nb-NO", "nb-no nb no nn"),
        ("nn", "nn no nb"),
        ("de-x-formal", "de-x-formal de"),
        ("", ""),
    ],
)
def test_readers_of_a_language_read_what_is_near_it_the_nearest_first(language: str, read: str) -> None:
    assert languages(language) == tuple(read.split(" "))


def test_a_language_is_narrowed_no_further_than_it_is_written() -> None:
    assert narrowed("nb-NO") == ("nb-no", "nb")


@pytest.mark.parametrize(
    ("language", "gets"),
    [("nb", "no"), ("nn-NO", "no"), ("no", "no"), ("zh-TW", "zh-hant"), ("zh-CN", ""), ("da", ""), (None, "")],
)
def test_a_reader_gets_the_variant_of_their_language(language: str | None, gets: str) -> None:
    variants = {one: Content(one, "", "", "", "", "", "") for one in ("no", "zh-hant")}
    assert Content("", "", "", "", "", "", "", variants=variants).read_in(language).id == gets
