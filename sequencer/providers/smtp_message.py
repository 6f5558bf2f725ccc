"""One recipient's email as a MIME message. Nothing that a lead wrote can add a header."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate
from typing import Any

from sequencer.core.mail import Batch, Recipient, join

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS = re.compile(r"""([^\s@<>()\[\]\\,;:"\x00-\x1f\x7f]+)@([^\s@<>()\[\]\\,;:"\x00-\x1f\x7f]+)""")
"""A local part without quotes, and a domain: RFC 5321's Mailbox, less what nobody has."""
_LONGEST_LINE = 998
"""Octets before CR LF (RFC 5321 §4.5.3.1.6)."""


class _Policy(EmailPolicy):
    """CR LF line ends and 7-bit bodies. ASCII headers stay on one line.

    The library would fold a long URL without spaces (List-Unsubscribe) into encoded words, which nobody decodes there.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        line = f"{name}: {value}"
        if line.isascii() and len(line) <= _LONGEST_LINE:
            return line.encode() + b"\r\n"
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep="\r\n", cte_type="7bit")


def compose(batch: Batch, recipient: Recipient, unicode_addresses: bool = False) -> EmailMessage:
    """Raises ValueError when an address is none."""
    message = EmailMessage(policy=_POLICY.clone(utf8=True) if unicode_addresses else _POLICY)
    skeleton = batch.skeleton
    message["From"] = _address(recipient.from_name, recipient.from_email)
    message["To"] = _address(recipient.to_name, recipient.to_email)
    message["Subject"] = clean(join(skeleton.subject, recipient.values))
    # The moment of handing over: operating time, as any mail client would write.
    message["Date"] = formatdate()
    if skeleton.reply_to:
        message["Reply-To"] = _address("", clean(join(skeleton.reply_to, recipient.values)))
    for name, value in (*batch.headers.items(), *recipient.headers.items()):
        message[name] = clean(value)
    for name, value in recipient.custom_args.items():
        message[custom_header(name)] = clean(value)
    text, html = join(skeleton.text, recipient.values), join(skeleton.html, recipient.values)
    if text or not html:
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")
    return message


def custom_header(name: str) -> str:
    """`sq_enrollment` → `X-SQ-Enrollment`."""
    return "X-SQ-" + name.removeprefix("sq_").replace("_", "-").title()


def clean(value: str) -> str:
    return _CONTROL.sub(" ", value).strip()


def _address(name: str, address: str) -> Address:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError("expected an email address")
    return Address(display_name=clean(name), username=found[1], domain=found[2])
