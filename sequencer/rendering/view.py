"""What a template may see of one lead's mail."""

from typing import NamedTuple

from sequencer.core.lead import Company, Lead, Rep, Sender
from sequencer.core.workspace import Brand
from sequencer.rendering.environment import clean, one_line
from sequencer.rendering.names import PAGES


class Pages(NamedTuple):
    """Where the lead's own pages lie, by their names, each up to the token that ends its address."""

    unsubscribe_url: str
    preferences_url: str
    confirm_url: str
    download_url: str

    @classmethod
    def below(cls, public_url: str) -> "Pages":
        """Those of our web process."""
        return cls(f"{public_url}/u/", f"{public_url}/preferences/", f"{public_url}/c/", f"{public_url}/d/")

    @classmethod
    def all_at(cls, address: str) -> "Pages":
        """One address in place of each."""
        return cls(*[address] * len(PAGES))


class Letterhead(NamedTuple):
    """What stands on every mail of a workspace, whoever gets it: so it is part of the skeleton."""

    brand: Brand
    pages: Pages
    reply_domain: str | None = None
    """Where answers arrive, each at an address with the token of the mail that it answers; None: nowhere of ours."""

    def page(self, name: str) -> str:
        """The address of one of PAGES, up to the token that ends it, as it stands in text."""
        address: str = getattr(self.pages, name)
        return one_line(clean(address))


class View(NamedTuple):
    """Everything is as it stands at the moment of rendering; what is unknown is None and prints as nothing."""

    lead: Lead
    company: Company | None
    owner: Rep | None
    sender: Sender | Rep
    """Whose name is in From: a shared sender, or the owner."""
    letterhead: Letterhead
    link_token: str
    """Goes into every named link; a-z2-7 only, so it is the same in every part of the mail."""
    page_token: str = ""
    """Ends the address of each of the lead's own pages; a-z2-7 only, as the other."""
    reply_token: str = ""
    """Stands in the address of answers, as the others."""
    previous_owner: Rep | None = None
    """Whom the owner followed, in the mail that says so."""
    download_token: str = ""
    """Ends the address of what a form gives access to, in a mail that leads there."""

    @property
    def brand(self) -> Brand:
        return self.letterhead.brand

    def page(self, name: str) -> str:
        """The whole address of one of PAGES."""
        token = self.download_token if name == "download_url" else ""
        return self.letterhead.page(name) + (token or self.page_token)
