"""Line breaks in what becomes a header: by SendGrid's API and by SMTP, from leads and from content."""

import email
import email.policy
from collections.abc import Iterator
from typing import Any

import pytest

from sequencer.core.mail import Batch, Skeleton
from sequencer.providers.smtp_message import compose
from tests.providers.servers import batch, build, recipient, substituted
from tests.rendering.mails import item, mail, view
from tests.services.conftest import World
from tests.services.conftest import world as world
from tests.workspaces import files

BREAKS = {
    "CR LF": "\r\n",
    "LF": "\n",
    "CR": "\r",
    "NUL": "\0",
    "vertical tab": "\x0b",
    "form feed": "\x0c",
    "file separator": "\x1c",
    "group separator": "\x1d",
    "record separator": "\x1e",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
}
"""What Python, JavaScript, or some mail program takes for the end of a line, or of the text."""
INJECTED = "x{0}Bcc: evil@example.com{0}{0}<b>body</b>"
HEADER_SEQUENCE = """
title: Headers
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: owner
steps:
  - email: one
  - id: tell
    tell: owner
    note: "{{ lead.first_name }}"
"""


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def headers_of(body: dict[str, Any]) -> list[str]:
    """Everything of a request that SendGrid makes headers of: all but the content, and what is substituted in it."""
    outside = {name: value for name, value in body.items() if name not in ("content", "personalizations")}
    found = list(strings(outside))
    for person in body["personalizations"]:
        found += strings({name: value for name, value in person.items() if name != "substitutions"})
        found += [value for tag, value in person.get("substitutions", {}).items() if tag in body["subject"]]
        found += [value for tag, value in person.get("substitutions", {}).items() if tag in str(body.get("reply_to"))]
    return found


def broken(texts: list[str]) -> list[str]:
    return [text for text in texts if any(sign in text for sign in BREAKS.values()) or len(text.splitlines()) > 1]


def hostile(sign: str, people: int) -> Batch:
    evil = INJECTED.format(sign)
    return batch(
        [
            recipient(
                number,
                f"{evil} {number}",
                f"{evil} {number}",
                to_name=evil,
                from_name=evil,
                headers={"List-Unsubscribe": evil, "Message-ID": evil},
                custom_args={"sq_step": evil},
            )
            for number in range(people)
        ],
        headers={"X-Note": evil},
        skeleton=Skeleton(subject=("Hello ", 0), html=("<p>", 1, "</p>"), text=("Hi ", 1, "\n")),
    )


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("sign", BREAKS)
def test_nothing_by_sendgrid_holds_a_line_break_where_a_header_is_made(sign: str, people: int) -> None:
    made = hostile(BREAKS[sign], people)
    body = build(made, made.recipients)
    for person in body["personalizations"]:
        del person["custom_args"]  # echoed in events, and no header of ours
    assert broken(headers_of(body)) == []
    assert BREAKS[sign] in substituted(body, 0), "in the text it is left as it is: escaping was rendering's task"


@pytest.mark.parametrize("sign", BREAKS)
def test_nothing_by_smtp_adds_a_header_or_ends_them(sign: str) -> None:
    (person,) = hostile(BREAKS[sign], 1).recipients
    raw = compose(hostile(BREAKS[sign], 1), person).as_bytes(policy=email.policy.SMTP)
    read = email.message_from_bytes(raw, policy=email.policy.compat32)
    assert read["Bcc"] is None
    assert set(read.keys()) <= {
        *("From", "To", "Subject", "Date", "X-Note", "List-Unsubscribe", "Message-ID"),
        *("X-SQ-Step", "MIME-Version", "Content-Type"),
    }
    assert all(raw.split(b"\r\n\r\n")[0].count(b"\n" + name) <= 1 for name in (b"Subject:", b"To:", b"From:"))
    assert broken([str(value).replace("\n ", "").replace("\r", "") for value in read.values()]) == []


@pytest.mark.parametrize("field", ["to_email", "from_email"])
@pytest.mark.parametrize("sign", BREAKS)
def test_an_address_with_a_break_is_no_address(sign: str, field: str) -> None:
    address = f"kim{BREAKS[sign]}Bcc: <evil@example.com>@example.com"
    made = batch([recipient(0, **{field: address})])
    with pytest.raises(ValueError, match="expected an email address"):
        compose(made, made.recipients[0])


@pytest.mark.parametrize("sign", BREAKS)
def test_a_leads_name_keeps_the_subject_on_one_line(sign: str) -> None:
    evil = INJECTED.format(BREAKS[sign])
    subject, _, _ = mail(item("x", "subject: 'Hi {{ lead.first_name }}'"), view(evil))
    assert broken([subject]) == []
    assert subject.startswith(("Hi x Bcc: evil@example.com", "Hi xBcc: evil@example.com"))


@pytest.mark.parametrize(
    "head",
    [
        'subject: "a\\r\\nBcc: evil@example.com"',
        'subject: "a\\nBcc: evil@example.com"',
        'subject: "a\\Lb\\Pc\\Nd"',
        "subject: |\n  a\n  Bcc: evil@example.com",
        "subject: \"{{ 'a\\r\\nBcc: x' }}\"",
        'subject: "{% for a in [1, 2] %}\\r\\nBcc: x{% endfor %}"',
        'subject: a\npreheader: "x\\r\\nBcc: y"',
    ],
)
def test_a_subject_in_a_file_is_one_line_too(head: str) -> None:
    assert broken([mail(item("x", head), view())[0]]) == []


@pytest.mark.parametrize("sign", BREAKS)
def test_from_a_leads_fields_to_the_request_no_break_becomes_a_header(world: World, sign: str) -> None:
    """By the whole way: the API's reader, the database, rendering, the mail and the alert to the rep."""
    evil = INJECTED.format("" if BREAKS[sign] == "\0" else BREAKS[sign])
    content = '---\nsubject: "To {{ lead.first_name }} {{ lead.title }} {{ company.name }}"\n---\nHello'
    world.deploy(files(headers=HEADER_SEQUENCE) | {"content/one.md": content})
    people = [
        world.lead(f"p{n}@mill.example", first_name=evil, last_name=evil, title=f"{evil}{n}", company=evil,
                   campaign=evil, country=evil, owner_email="ana@acme.example")
        for n in range(2)
    ]  # fmt: skip
    world.enter("headers", *people)
    world.pass_(hours=1)
    (made,) = world.provider.batches
    assert len(made.recipients) == 2
    assert broken(headers_of(build(made, made.recipients))) == []
    for one in made.recipients:
        assert compose(made, one)["Bcc"] is None
