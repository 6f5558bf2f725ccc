"""A small workspace for tests: everything that is needed around the sequence that a test is about."""

WORKSPACE = """
brand:
  name: Acme
  url: https://www.acme.example
  postal_address: Acme Ltd, 1 Street, London
stages: [subscriber, lead, mql, sql, customer]
statuses:
  working: Working
  idle-timing: Idle
fields:
  pains: {some_of: [cost, risk]}
  next_attempt: {date: true}
topics:
  guides: {label: Guides, default: on}
  news: {label: News, default: off}
senders:
  marketing: {name: Mara at Acme, email: mara@mail.acme.example, zone: Europe/London}
reps:
  ana@acme.example: {name: Ana Ruiz, zone: Europe/London, deputy: ben@acme.example}
  ben@acme.example: {name: Ben Okafor, zone: Europe/London}
zone: {owner_mail: rep, otherwise: Europe/London}
reply_domain: reply.acme.example
quiet: {days: [sat, sun]}
"""

LAYOUT = """<mjml><mj-body><mj-section><mj-column><mj-text>{{ content }}</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def content(subject: str, body: str = "Hello {{ lead.first_name or 'there' }}") -> str:
    return f"---\nsubject: {subject}\nkind: guide\n---\n{body}\n"


def files(**sequences: str) -> dict[str, str]:
    """A workspace with these sequences (by name, `_` for `-`)."""
    found = {
        "sequences/workspace.yaml": WORKSPACE,
        "content/layouts/default.mjml": LAYOUT,
        "content/one.md": content("One", 'See {{ link("price", "https://www.acme.example/price", "prices") }}'),
        "content/two.md": content("Two"),
        "content/three.md": content("Three"),
        "content/four.md": content("Four for {{ lead.first_name or 'you' }}"),
    }
    return found | {f"sequences/{name.replace('_', '-')}.yaml": text for name, text in sequences.items()}


def edited(files: dict[str, str], before: str, after: str) -> dict[str, str]:
    """The workspace with one text replaced, wherever it says it."""
    found = {name: text.replace(before, after) for name, text in files.items()}
    assert found != files, f"nothing says {before!r}"
    return found
