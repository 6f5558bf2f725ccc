"""The workspace of the chaos run, and its leads: few, short steps with a branch on a click."""

from datetime import datetime

from sqlalchemy import Connection, text

SEQUENCE = "chaos"
MAILS = 2.9
"""That a lead gets; some leave before the third."""

_WORKSPACE = """
brand:
  name: Acme
  url: https://www.acme.example
  postal_address: Acme Ltd, 1 Street, London
stages: [subscriber, lead, customer]
fields:
  pains: {some_of: [cost, risk]}
topics:
  guides: {label: Guides, default: on}
senders:
  marketing: {name: Mara at Acme, email: mara@mail.acme.example, zone: Europe/London}
zone: {owner_mail: rep, otherwise: Europe/London}
reply_domain: reply.acme.example
"""

_SEQUENCE = """
title: Chaos
state: live
topic: guides
enroll:
  when: manual
from: marketing
pressure: exempt
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: {within} seconds
    then:
      - email: two
    else:
      - email: three
  - wait: {wait} seconds
  - email: four
"""

_LAYOUT = """<mjml><mj-body><mj-section><mj-column><mj-text>{{ content }}</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""

_BODY = """Hi {{{{ lead.first_name or "there" }}}},

your team at {{{{ lead.campaign or "home" }}}} asked what this would cost. Put your numbers into
{{{{ link("price", "https://www.acme.example/price", "the calculator") }}}}, or read
{{{{ link("faq", "https://www.acme.example/faq", "what others asked") }}}} first. {text}
"""


def files(within: int, wait: int) -> dict[str, str]:
    """The workspace by file name. `within`: seconds that a click is awaited; `wait`: seconds before the last mail."""
    contents = {
        f"content/{name}.md": f"---\nsubject: {name.title()} for {{{{ lead.first_name or 'you' }}}}\nkind: guide\n---\n"
        + _BODY.format(text=f"This is mail number {name}. " * 20)
        for name in ("one", "two", "three", "four")
    }
    return {
        "sequences/workspace.yaml": _WORKSPACE,
        f"sequences/{SEQUENCE}.yaml": _SEQUENCE.format(within=within, wait=wait),
        "content/layouts/default.mjml": _LAYOUT,
        **contents,
    }


def enroll(conn: Connection, leads: int, spread: float) -> datetime:
    """Leads and their enrollments, by SQL; a third falls due at once, the others evenly over `spread` seconds.

    Returns when the last of them falls due, by the database's clock.
    """
    conn.execute(
        text(
            """
            INSERT INTO lead (email, first_name, last_name, campaign, stage, created_at, updated_at)
            SELECT 'lead' || n || '@c' || n % 5000 || '.example', 'Kim ' || n, 'Doe', 'campaign ' || n % 20, 'lead',
                   clock_timestamp(), clock_timestamp()
            FROM generate_series(1, :leads) n
            """
        ),
        {"leads": leads},
    )
    conn.execute(
        text(
            """
            INSERT INTO enrollment (
                id, lead_id, sequence, deployment, position, since, due_at, status, origin, entered_at)
            SELECT ((extract(epoch FROM t.at) * 1000)::bigint << 20) | (nextval('enrollment_number') & 1048575),
                   l.id, :sequence, (SELECT max(number) FROM deployment), 'one', t.at,
                   t.at + greatest(0, l.id % 997 / 997.0 - 0.33) / 0.67 * make_interval(secs => :spread),
                   'active', 'chaos', t.at
            FROM lead l CROSS JOIN (SELECT clock_timestamp() AS at) t
            """
        ),
        {"sequence": SEQUENCE, "spread": spread},
    )
    # So many rows at once are news to the planner, and its own look comes within a minute only.
    conn.execute(text("ANALYZE lead, enrollment"))
    last: datetime = conn.execute(text("SELECT max(due_at) FROM enrollment")).scalar_one()
    return last
