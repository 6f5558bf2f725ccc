"""Layouts, a lead, and short ways to compile and render, shared by the tests of rendering."""

import re
from typing import Any

from sequencer.core.content import Content
from sequencer.core.lead import Company, Lead, Rep, Sender
from sequencer.core.mail import join
from sequencer.core.mark import Problem
from sequencer.core.workspace import Brand
from sequencer.rendering.compile import Source, compile_content
from sequencer.rendering.names import TemplateNames
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import Letterhead, Pages, View

LAYOUTS = {
    "default": """<mjml>
  <mj-head>
    <mj-title>{{ subject }}</mj-title>
    <mj-attributes>
      <mj-all font-family="Arial, sans-serif" />
      <mj-text font-size="16px" line-height="1.5" />
      <mj-class name="small" font-size="12px" />
    </mj-attributes>
    <mj-style>.prose a { color: #123456; } @media print { #x { color: red } }</mj-style>
  </mj-head>
  <mj-body background-color="#f4f4f4">
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text css-class="prose">
{{ content }}
        </mj-text>
      </mj-column>
    </mj-section>
    {% include "footer" %}
  </mj-body>
</mjml>
""",
    "personal": """<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>
{{ content }}
        <p>{{ owner.name }}{% if owner.phone %}, {{ owner.phone }}{% endif %}</p>
        </mj-text>
      </mj-column>
    </mj-section>
    {% include "footer" %}
  </mj-body>
</mjml>
""",
    "sections": """<mjml>
  <mj-body>
{{ content }}
    {% include "footer" %}
  </mj-body>
</mjml>
""",
    "bare": "<mjml><mj-body><mj-section><mj-column><mj-text>\n{{ content }}\n"
    "</mj-text></mj-column></mj-section></mj-body></mjml>",
}
PARTIALS = {
    "footer": """<mj-section>
  <mj-column>
    <mj-text mj-class="small">
      <p>{{ brand.name }}, {{ brand.postal_address }}<br />
      <a href="{{ unsubscribe_url }}">Unsubscribe</a> · <a href="{{ preferences_url }}">Preferences</a></p>
    </mj-text>
  </mj-column>
</mj-section>
"""
}
NAMES = TemplateNames(frozenset({"pains", "industry", "current_tool", "employees", "site", "renewal_date", "items"}))
LETTERHEAD = Letterhead(
    Brand("Kestrel", "https://www.kestrel.example", "1 Example Street, London"),
    Pages("https://app.example/u/?a=1&b=", *[f"https://app.example/{page}/" for page in ("preferences", "c", "d")]),
)
TOKEN = "abcdefghijklmnopqrstuvwxyz234567"


def view(first_name: str | None = "Jo", **fields: Any) -> View:
    return View(
        lead=Lead(7, "jo@buyer.example", first_name=first_name, fields=fields),
        company=Company(1, "buyer.example", "Buyer & Sons"),
        owner=Rep("ana@kestrel.example", "Ana Ruiz"),
        sender=Sender("marketing", "Mara at Kestrel", "mara@mail.kestrel.example"),
        letterhead=LETTERHEAD,
        link_token=TOKEN,
        page_token="t0k",
    )


def compiled(
    body: str, head: str = "subject: Hello", kind: str = "md", **layouts: str
) -> tuple[Content | None, tuple[Problem, ...]]:
    text = f"---\n{head}\n---\n{body}"
    return compile_content(Source("guides/it", f"content/guides/it.{kind}", text), LAYOUTS | layouts, PARTIALS, NAMES)


def problems(body: str, head: str = "subject: Hello", kind: str = "md", **layouts: str) -> list[str]:
    """Each problem as `line:column code`."""
    found = compiled(body, head, kind, **layouts)[1]
    return [f"{problem.mark.line}:{problem.mark.column} {problem.code}" for problem in found]


def item(body: str, head: str = "subject: Hello", kind: str = "md") -> Content:
    content, found = compiled(body, head, kind)
    assert content is not None, "\n".join(map(str, found))
    return content


def mail(content: Content, seen: View) -> tuple[str, str, str]:
    """Subject, HTML and text for one lead."""
    prepared = prepare(content, seen.letterhead)
    values = prepared.values(seen)
    skeleton = prepared.skeleton
    return join(skeleton.subject, values), join(skeleton.html, values), join(skeleton.text, values)


def prose(html: str) -> str:
    """What stands inside the first text block of a mail."""
    inside = html.split('style="font-family:', 1)[1].split(">", 1)[1].split("</div>", 1)[0]
    return re.sub(r"\s*(</?(?:p|ul|li)>)\s*", r"\1", inside)
