"""The keys of sequences/forms.yaml."""

from collections.abc import Mapping
from typing import Final

from sequencer.workspace.shapes import Block, Choice, Count, Flag, Key, Named, Several, Words, either
from sequencer.workspace.words import ANY, CONTENT, ID, NAME

FORMS: Final[Mapping[str, tuple[Key, ...]]] = {
    "form": (
        Key("title", ANY, "What stands above the form.", "Get the planning handbook", True),
        Key("topic", ID, "Whoever sends it asks for mail about this topic.", "guides"),
        Key(
            "from",
            ID,
            "The sender of what the form mails; needed where there are several.",
            "marketing",
        ),
        Key("always", Several(NAME), "What everybody has to give; the address always.", "[email, first_name]"),
        Key("ask", Several(NAME), "What everybody has to answer, also who answered it before.", "[pains]"),
        Key("ask_up_to", Count(), "So many further questions at most, of those still to be answered.", "3"),
        Key(
            "order",
            either(Choice(("by value",)), Several(NAME)),
            "Which of them come first; `by value`, so unless you say otherwise: those whose answers decide most.",
            "[role, pains]",
        ),
        Key("message", ANY, "A question that is answered in one's own words.", "What would you like to know?"),
        Key(
            "work_mail",
            Flag(),
            "`on`: addresses of free mail and of other providers that anybody may use are not taken.",
            "on",
        ),
        Key(
            "magnet",
            Words("a file of `content/magnets/`, or an address"),
            "What it gives access to.",
            "content/magnets/handbook.pdf",
        ),
        Key("deliver", CONTENT, "The mail that goes at once to whoever sent it.", "education/handbook-delivery"),
        Key("confirm", CONTENT, "The mail by which an address is confirmed.", "education/confirm"),
        Key(
            "double_opt_in",
            either(Flag(), Block("double_opt_in")),
            "Whose address has to be confirmed before anything else happens: everybody's, or by country.",
            "{countries: [DE, AT]}",
        ),
        Key("event", NAME, "What happens besides, for `did(…)`.", "demo_requested"),
        Key("enroll", ID, "The sequence that whoever sent it enters.", "education"),
        Key("tell", Choice(("owner",)), "Alerts the lead's owner of what was sent, with the answers.", "owner"),
    ),
    "double_opt_in": (
        Key(
            "countries",
            Several(Words("a country's code as `GB`", "^[A-Za-z]{2}$")),
            "Leads of these countries, and those whose country nobody knows.",
            "[DE, AT]",
            True,
        ),
    ),
}

WHOLE: Final = Named(ID, Block("form"))
"""What the file holds."""
