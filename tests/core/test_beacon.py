"""What a stranger's browser tells, read without trusting it."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core import beacon

V = "0123456789abcdef" * 2
TOKEN = "abcdefgh234567aa" * 2


def told(**more: Any) -> beacon.Beacon | None:
    return beacon.read(orjson.dumps({"v": V, **more}), {"www.acme.example"})


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/pricing", "/pricing"),
        ("/pricing/", "/pricing"),
        ("/", "/"),
        ("/a?sq=secret#x", "/a"),
        ("/%C3%BCber", "/über"),
        ("/" + "x" * 500, "/" + "x" * 199),
        ("pricing", None),
        ("", None),
        ("/a%00b", None),
        ("/a%0Ab", None),
    ],
)
def test_a_path_is_kept_as_conditions_name_it(path: str, page: str | None) -> None:
    found = told(p=[[path, 5]])
    assert found is not None
    assert [one for one, _ in found.pages] == ([page] if page else [])


def test_what_is_odd_in_a_beacon_is_left_out() -> None:
    found = told(p=[["/a", -5], ["/c", 10**12], ["/d"], "x", None, [1, 2], ["/e", True]], s="no", q=7)
    assert found == beacon.Beacon(V, None, (("/a", timedelta(0)), ("/c", beacon.LATEST)))
    found = told(p=[["/a", 1]] * 1000, s=f"{TOKEN}.3", a=["role"])
    assert found is not None and (len(found.pages), found.token, found.answered) == (beacon.MOST_PAGES, TOKEN, ())


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 5000, b'{"v": 1}', b'{"v": "ABC"}'])
def test_what_is_no_beacon_is_none(body: bytes) -> None:
    assert beacon.read(body) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just("v"), inner, max_size=1),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("vspqra"), JSON | st.just(V)))
def test_nothing_in_a_beacon_makes_reading_it_fail(value: Any) -> None:
    beacon.read(orjson.dumps(value))


def test_where_people_read_our_mail_did_not_lead_them_here() -> None:
    told = {"v": V, "q": "utm_campaign=autumn", "r": "https://mail.google.com/"}
    by_itself, by_link = beacon.read(orjson.dumps(told)), beacon.read(orjson.dumps({**told, "s": f"{'a' * 32}.1"}))
    assert by_itself is not None and by_link is not None
    assert (by_itself.touch.get("referrer"), dict(by_link.touch)) == ("mail.google.com", {"campaign": "autumn"})
