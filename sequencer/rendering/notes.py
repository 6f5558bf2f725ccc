"""Short text templates outside of content: the notes of `tell` and `handoff` steps."""

from collections.abc import Callable
from functools import lru_cache

from sequencer.core.mark import Mark, Problem
from sequencer.rendering.environment import Mode, capped
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.names import VALUES, TemplateNames
from sequencer.rendering.origin import Scalar
from sequencer.rendering.scope import Scope
from sequencer.rendering.slots import split
from sequencer.rendering.template_check import check_template
from sequencer.rendering.tokens import scan
from sequencer.rendering.view import Letterhead, View


def check_text(template: str, mark: Mark, names: TemplateNames) -> tuple[Problem, ...]:
    """Everything wrong with a note that stands at this place."""
    pieces, problems = scan(template, Scalar(mark))
    findings = check_template(pieces, names, links=False, warnings=False)
    own = [
        Problem(mark, "unknown-name", f"“{name}” belongs to a mail; a note has none")
        for name in sorted(VALUES & set(findings.used))
    ]
    return (*problems, *findings.problems, *own)


def render_text(template: str, view: View) -> str:
    """A note about one lead. Raises RenderingFailed."""
    try:
        return capped(_compiled(template, view.letterhead)(Scope(view, {}, {})))
    except Exception as error:
        raise RenderingFailed("note", str(error) or type(error).__name__) from error


@lru_cache(maxsize=256)
def _compiled(template: str, letterhead: Letterhead) -> Callable[[Scope], str]:
    parts = split(template, Mode.TEXT, letterhead, {}, {})
    return lambda scope: "".join([part if isinstance(part, str) else part.fill(scope) for part in parts])
