"""Sequences as Mermaid flowcharts."""

import html
import re
from pathlib import Path

from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from sequencer.cli import main
from sequencer.core.graph import mermaid
from sequencer.services.compile import compile_workspace
from sequencer.workspace.load import read_files
from tests.simulation.programs import Drawn, compiled, examples
from tests.workspaces import files

ROOT = Path(__file__).parents[2]

SERIES = """
title: Series
state: live
topic: guides
enroll:
  any:
    - when: became("stage", "mql")
    - when: manual
from: marketing
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 2 days
    then:
      - id: leave
        exit: enough
    else:
      - wait: 1 day
      - wait: until tue 10:00
      - email: two
      - wait: 3 hours
  - id: split
    test:
      a:
        share: 30
        steps:
          - email: three
      b:
        share: 70
        steps:
          - wait: 5 days
  - email: four
"""


def test_boxes_arrows_waits_and_arms() -> None:
    workspace = compile_workspace(files(series=SERIES)).workspace
    assert workspace is not None
    assert mermaid(workspace.sequences["series"]).splitlines() == [
        "flowchart TD",
        '  in(["became(#34;stage#34;, #34;mql#34;)<br>manual"])',
        '  s1["one<br>one"]',
        "  in --> s1",
        '  s2{{"looked<br>clicked(#34;one#34;, #34;price#34;)<br>within 2 days"}}',
        "  s1 --> s2",
        '  s3(["exit: enough"])',
        '  s2 -->|"then"| s3',
        '  s4["two<br>two"]',
        '  s2 -->|"else<br>1 day<br>until tue 10:00"| s4',
        '  s5{{"split<br>test"}}',
        '  s4 -->|"3 hours"| s5',
        '  s6["three<br>three"]',
        '  s5 -->|"a, 30 %"| s6',
        '  s7["four<br>four"]',
        "  s6 --> s7",
        '  s5 -->|"b, 70 %<br>5 days"| s7',
        '  out(["finished"])',
        "  s7 --> out",
    ]


# Mermaid's grammar, as far as we use it; 11.17 drew the shipped sequences and HARD in a browser. In quotes nothing ends
# a text or is markup but what stands here: no quote, bracket, pipe, backtick or backslash, and `#` in entities alone.
_TEXT = r'"(?:[^\W_]|[ .,:;/()=_!?%+*\'…-]|#\d+;|<br>)+"'
_BOX = re.compile(rf"  (in|out|s\d+)(?:\(\[{_TEXT}\]\)|\[{_TEXT}\]|\{{\{{{_TEXT}\}}\}})")
_ARROW = re.compile(rf"  (in|s\d+) -->(?:\|{_TEXT}\|)? (out|s\d+)")

HARD = """
title: Ünïcode "quoted" [brackets] end
state: live
topic: guides
enroll:
  any:
    - when: did("end")
    - when: submitted("a form")
from: marketing
steps:
  - email: one
  - id: end
    if: lead.first_name != "]} | `x` -- --> </b>" and company.name != "x"
    within: 2 days
    then:
      - id: subgraph
        test:
          default:
            share: 30
            steps:
              - id: click
                exit: end
          style:
            share: 70
            steps:
              - wait: 5 days
              - id: class
                choose:
                  o:
                    if: lead.title == "*a* __b__ 1. x 漢字 é 😀#59; %%"
                    steps:
                      - id: graph
                        set: {stage: mql}
                  otherwise:
                    steps:
                      - email: two
    else:
      - wait: until tue 10:00
      - email: three
  - wait: 2 days
  - email: four
"""


def parsed(chart: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Boxes and arrows; anything else is no flowchart of ours."""
    first, *lines = chart.splitlines()
    assert first == "flowchart TD"
    boxes = {found[1]: line for line in lines if (found := _BOX.fullmatch(line))}
    arrows = [(found[1], found[2]) for line in lines if (found := _ARROW.fullmatch(line))]
    assert len(boxes) + len(arrows) == len(lines)
    assert {node for arrow in arrows for node in arrow} <= set(boxes)
    return boxes, arrows


def test_nothing_that_a_marketer_writes_ends_a_text_or_is_taken_for_mermaid() -> None:
    workspace = compile_workspace(files(hard=HARD)).workspace
    assert workspace is not None
    boxes, _ = parsed(mermaid(workspace.sequences["hard"]))
    said = html.unescape(re.sub(r"#(\d+);", r"&#\1;", boxes["s2"]))
    assert 'end<br>lead.first_name != "]} | `x` -- --> </b>" and company.name …<br>' in said


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(examples())
def test_whatever_a_sequence_holds_every_step_is_drawn_and_can_be_come_to(drawn: Drawn) -> None:
    workspace = compiled(drawn).workspace
    assert workspace is not None
    for sequence in workspace.sequences.values():
        boxes, arrows = parsed(mermaid(sequence))
        assert len([box for box in boxes if box.startswith("s")]) == len(sequence.steps)
        if not any(type(step).__name__ == "Exit" for step in sequence.steps.values()):
            assert {to for _, to in arrows} == set(boxes) - {"in"}


def test_the_command_writes_markdown_that_shows_the_pictures() -> None:
    def run(*names: str) -> str:
        result = CliRunner().invoke(main, ["graph", *names], env={"WORKSPACE_DIR": str(ROOT)})
        return result.stdout if result.exit_code == 0 else result.stderr

    assert run("handbook-delivery").splitlines()[:3] == ["## Handbook delivery", "", "```mermaid"]
    shipped = compile_workspace(read_files(ROOT)).workspace
    assert shipped is not None
    assert run().count("```mermaid\nflowchart TD\n") == len(shipped.sequences)
    assert "did you mean `education`?" in run("educatio")
