"""What a template may see of one lead's mail."""

from typing import Final, NamedTuple

from markupsafe import escape

from sequencer.core.lead import Company, Lead, Rep, Sender
from sequencer.core.workspace import Brand
from sequencer.rendering.environment import clean, one_line
from sequencer.rendering.names import PAGES


class Pages:
    """Where the lead's own pages lie, each up to the token that ends its address: the same for everyone.

    `text` and `html` are by the page's name, as they stand in these parts of a mail.
    """

    def __init__(self, *addresses: str) -> None:
        """In the order of PAGES."""
        self.text: Final = {name: one_line(clean(one)) for name, one in zip(PAGES, addresses, strict=True)}
        self.html: Final = {name: str(escape(one)) for name, one in self.text.items()}

    @classmethod
    def below(cls, public_url: str) -> "Pages":
        """Those of our web process."""
        return cls(f"{public_url}/u/", f"{public_url}/preferences/", f"{public_url}/c/", f"{public_url}/d/")

    @classmethod
    def all_at(cls, address: str) -> "Pages":
        """One address in place of each."""
        return cls(*[address] * len(PAGES))


class View(NamedTuple):
    """Everything is as it stands at the moment of rendering; what is unknown is None and prints as nothing."""

    lead: Lead
    company: Company | None
    owner: Rep | None
    sender: Sender | Rep
    """Whose name is in From: a shared sender, or the owner."""
    brand: Brand
    link_token: str
    """Goes into every named link; a-z2-7 only, so it is the same in every part of the mail."""
    pages: Pages
    page_token: str = ""
    """Ends the address of each of the lead's own pages; a-z2-7 only, as the other."""
    previous_owner: Rep | None = None
    """Whom the owner followed, in the mail that says so."""
    download_token: str = ""
    """Ends the address of what a form gives access to, in a mail that leads there."""

    def page(self, name: str) -> str:
        """The whole address of one of PAGES."""
        token = self.download_token if name == "download_url" else ""
        return self.pages.text[name] + (token or self.page_token)
