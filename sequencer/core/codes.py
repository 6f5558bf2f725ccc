"""The codes of problems: stable names, so that people can look them up and scripts can count them.

docs/problems.md explains each, with what `check` really says of an example; a test holds the two together, and the type
checker sees to it that no problem has a code that is not here.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Code: TypeAlias = Literal[
    # How files are written
    "character",
    "duplicate-key",
    "empty",
    "flow-style",
    "missing-file",
    "missing-key",
    "not-in-this-version",
    "quotes",
    "syntax",
    "tab",
    "too-deep",
    "too-large",
    "unknown-key",
    "wrong-type",
    # Values
    "bad-date",
    "bad-duration",
    "bad-email",
    "bad-id",
    "bad-step",
    "bad-trigger",
    "bad-value",
    "bad-webhook",
    "bad-zone",
    # Names that are declared nowhere
    "unknown-choice",
    "unknown-content",
    "unknown-field",
    "unknown-form",
    "unknown-kind",
    "unknown-link",
    "unknown-rep",
    "unknown-sender",
    "unknown-sequence",
    "unknown-stage",
    "unknown-step",
    "unknown-topic",
    # Sequences
    "asked-too-early",
    "bad-arm",
    "bad-shares",
    "circle",
    "duplicate-id",
    "goal-in-exit",
    "mailed-twice",
    "missing-id",
    "never-open",
    "no-emails",
    "no-wait",
    "opens-are-guesses",
    "starts-itself",
    "unreachable",
    "unused-content",
    # Conditions
    "always-false",
    "always-true",
    "condition-argument",
    "condition-name",
    "condition-syntax",
    "condition-type",
    # Content
    "bad-address",
    "bad-link",
    "cannot-render",
    "crossed-structure",
    "duplicate-content",
    "duplicate-link",
    "empty-subject",
    "forbidden-expression",
    "forbidden-statement",
    "front-matter",
    "html",
    "include-depth",
    "insecure-link",
    "layout-mismatch",
    "layout-place",
    "local-address",
    "long-subject",
    "missing-layout",
    "missing-partial",
    "mjml",
    "no-alt",
    "no-default",
    "no-postal-address",
    "no-unsubscribe",
    "renders-differently",
    "template-syntax",
    "token-doubled",
    "token-in-style",
    "token-lost",
    "too-heavy",
    "unknown-filter",
    "unknown-name",
    "unknown-test",
    "yaml",
]

Declared: TypeAlias = Literal[
    "content", "field", "form", "kind", "link", "rep", "sender", "sequence", "stage", "step", "topic"
]
"""What a name may be one of."""

UNKNOWN: Final[Mapping[Declared, Code]] = {
    "content": "unknown-content",
    "field": "unknown-field",
    "form": "unknown-form",
    "kind": "unknown-kind",
    "link": "unknown-link",
    "rep": "unknown-rep",
    "sender": "unknown-sender",
    "sequence": "unknown-sequence",
    "stage": "unknown-stage",
    "step": "unknown-step",
    "topic": "unknown-topic",
}
