"""The fuzzing target `workspace`: whatever a file holds, `check`, its formats and `fmt` say what is wrong and where."""

import random
from pathlib import PurePosixPath
from typing import Any, Final

from benchmarks.chaos_workspace import files as workspace_files
from sequencer.cli.problems import as_github, as_object, as_sarif, as_text
from sequencer.services.compile import compile_workspace
from sequencer.workspace.format import FORMAT
from sequencer.workspace.load import LARGEST
from sequencer.workspace.source import CannotKeep
from sequencer.workspace.style import styled

_SEQUENCE: Final = """title: Fuzzed   # a comment
state: live
topic: guides
goal: did("meeting_booked")
enroll:
  any:
    - when: became("stage", "lead")
      if: has(lead.pains, "cost") and lead.stage != "customer"
    - when: submitted("demo")
  again: after 180 days
from: marketing
hours: {days: mon-fri, between: "09:00-17:00"}
exit_on: [replied()]
max_lateness: 2 days
steps:
  - wait: until tue 10:00
  - email: one

  # what they looked at
  - id: track
    choose:
      cost:
        if: clicked("one", "price")
        steps:
          - id: tell
            tell: owner
            note: "{{ lead.first_name }} looked"
      otherwise:
        steps: [{wait: 2 hours}]
  - id: split
    test: {a: {share: 50, steps: [{email: two}]}, b: {share: 50, steps: [{email: three}]}}
  - id: park
    set: {stage: customer, pains: [cost]}
  - id: leave
    exit: done
"""

_MJML: Final = """---
subject: "Hi {{ lead.first_name or 'you' }}"
preheader: A table
kind: guide
stage: [lead]
---
<mjml><mj-body><mj-section><mj-column>
<mj-image src="https://www.acme.example/x.png" alt="" href="{{ link("x", "https://www.acme.example/x") }}" />
{% if lead.pains %}<mj-text>{% for pain in lead.pains or [] %}<p>{{ pain | upper }}</p>{% endfor %}</mj-text>{% endif %}
<mj-text>{{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""

_FILES: Final = {
    **workspace_files(within=20, wait=5),
    "sequences/fuzzed.yaml": _SEQUENCE,
    "content/table.mjml": _MJML,
}
_NAMES: Final = sorted(_FILES)


class WorkspaceFiles:
    """An input is the number of a file, a line break, and what it holds."""

    words: tuple[bytes, ...] = (
        *(f"{key.name}: ".encode() for keys in FORMAT.values() for key in keys),
        *(
            b"- ",
            b"\n  ",
            b"\n- ",
            b"{",
            b"}",
            b"[",
            b"]",
            b", ",
            b": ",
            b"#",
            b"'",
            b'"',
            b"|\n",
            b">-\n",
            b"&a ",
            b"*a",
        ),
        *(
            b"---\n",
            b"? ",
            b"!!",
            b"%",
            b"\t",
            b"{{ ",
            b" }}",
            b"{% if ",
            b" %}",
            b"{% endif %}",
            b"{% for x in ",
            b"{#",
        ),
        *(
            b"{% endfor %}",
            b"{% set x = ",
            b"{% include 'x' %}",
            b"lead.",
            b" or ",
            b" | ",
            b"link(",
            b"range(9)",
            b"**",
        ),
        *(b"<mj-text>", b"</mj-text>", b"<mj-section>", b"<p>", b"</p>", b"<a href='", b"<!--", b"-->", b"]]>", b"<"),
        *(b"style='", b"javascript:", b"http://", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xff", b"\x00", b"sqtk00001e", b"\\"),
    )

    def make(self, draw: random.Random) -> bytes:
        number = draw.randrange(len(_NAMES))
        return f"{number}\n{_FILES[_NAMES[number]]}".encode()

    def run(self, data: bytes, draw: random.Random) -> str:
        number, _, held = data.partition(b"\n")
        name = _NAMES[int(number) % len(_NAMES) if number.isdigit() and len(number) < 9 else 0]
        text = held[:LARGEST].decode("utf-8", "replace")
        files = {**_FILES, name: text}
        compiled = compile_workspace(files)
        folder = PurePosixPath("workspace")
        for shown in (as_text(compiled, files), as_object(compiled, files), as_github(compiled, files, folder)):
            assert shown
        assert as_sarif(compiled, folder)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for problem in compiled.problems:
            assert problem.mark.file != name or 1 <= problem.mark.line <= len(lines) + 1, (
                f"no such line: {problem.mark}"
            )
        return f"{name} {_styled(name, text)} {sorted({problem.code for problem in compiled.problems})}"

    def serve(self, world: Any, data: bytes) -> None:
        """Nothing of it is in the database."""


def _styled(name: str, text: str) -> str:
    if not name.endswith(".yaml"):
        return ""
    try:
        once = styled(name, text)
    except CannotKeep:
        return "left"
    assert styled(name, once) == once, "fmt changes its own result"
    return "styled"
