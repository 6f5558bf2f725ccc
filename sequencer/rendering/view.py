"""What a template may see of one lead's mail."""

from typing import NamedTuple

from sequencer.core.lead import Company, Lead, Rep, Sender
from sequencer.core.workspace import Brand


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
    unsubscribe_url: str
    preferences_url: str
    previous_owner: Rep | None = None
    """Whom the owner followed, in the mail that says so."""
    download: str = ""
    """Where a mail that goes out leads to what a form gives access to."""

    @property
    def confirm_url(self) -> str:
        """Where the lead says that the address is theirs."""
        return self.preferences_url.replace("/preferences/", "/c/", 1)

    @property
    def download_url(self) -> str:
        """Where the lead gets what a form gives access to."""
        return self.download or self.preferences_url.replace("/preferences/", "/d/", 1)
