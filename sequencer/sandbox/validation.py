"""What SendGrid refuses, by its documented rules for `v3/mail/send`. Pure.

Limits: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations, fields and their errors:
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors. The names of fields are SendGrid's
(`personalizations.3.to.0.email`), the sentences are ours.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sequencer.sandbox import schema

MAX_BYTES: Final = 30 * 1024 * 1024
MAX_RECIPIENTS: Final = 1000
MAX_SUBSTITUTIONS: Final = 10_000
MAX_CUSTOM_ARGS: Final = 10_000
MAX_AHEAD: Final = timedelta(hours=72)
MAX_REFUSALS: Final = 100

HELP: Final = "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+\Z")
_HEADER_NAME = re.compile(r"[!-9;-~]+\Z")
_CONTROL = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry of `errors` in the answer."""

    message: str
    field: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"message": self.message, "field": self.field, "help": HELP if self.field else None}


def authorized(authorization: str | None) -> bool:
    """A bearer key is there. The sandbox knows no keys, so any will do."""
    scheme, _, key = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and bool(key.strip())


def is_address(text: object) -> bool:
    """Whether SendGrid would take it as an email address: ASCII, a dotted domain, no quoted local part."""
    return isinstance(text, str) and _EMAIL.match(text) is not None


def check(body: object, now: datetime) -> list[Refusal]:
    """Every reason to refuse the parsed request; empty when it is valid. At most 100 are listed."""
    if not isinstance(body, dict):
        return [Refusal("Bad Request: expected a JSON object")]
    rules = _Rules(now)
    rules.root(body)
    return rules.refusals[:MAX_REFUSALS]


class _Rules:
    """Collects refusals while walking one request."""

    def __init__(self, now: datetime) -> None:
        self.latest = int((now + MAX_AHEAD).timestamp())
        self.refusals: list[Refusal] = []
        self.seen: set[str] = set()

    def no(self, field: str, message: str) -> None:
        self.refusals.append(Refusal(message, field))

    def root(self, body: dict[str, Any]) -> None:
        self.known(body, schema.ROOT, "")
        self.text_fields(body)
        sender = body.get("from")
        if sender is None:
            self.no("from.email", "The from object must be provided, with an email address that is yours.")
        else:
            self.address(sender, "from")
        self.reply_to(body)
        self.personalizations(body)
        if "template_id" not in body or "content" in body:
            self.content(body.get("content"))
        self.headers(body.get("headers"), "headers")
        self.strings(body.get("custom_args"), "custom_args")
        self.categories(body.get("categories"))
        self.send_at(body.get("send_at"), "send_at")
        self.attachments(body.get("attachments"))
        self.settings(body)

    def known(self, value: Mapping[str, Any], names: Iterable[str], where: str) -> None:
        for name in value.keys() - names:
            self.no(f"{where}.{name}" if where else name, f"The property {name!r} is not known here. Remove it.")

    def text_fields(self, body: dict[str, Any]) -> None:
        for name in ("template_id", "batch_id", "ip_pool_name"):
            if name in body and not isinstance(body[name], str):
                self.no(name, f"{name} must be a string.")
        pool = body.get("ip_pool_name")
        if isinstance(pool, str) and not 2 <= len(pool) <= 64:
            self.no("ip_pool_name", "ip_pool_name must have 2 to 64 characters.")

    def address(self, value: object, where: str, listed: bool = False) -> None:
        """`listed`: a recipient, whose name the mail's To line holds among others."""
        if not isinstance(value, dict):
            self.no(where, "Expected an object with an email address and, if you like, a name.")
            return
        if not value.keys() <= schema.ADDRESS:
            self.known(value, schema.ADDRESS, where)
        if not is_address(value.get("email")):
            self.no(f"{where}.email", "Does not contain a valid address.")
        name = value.get("name")
        if name is None:
            if "name" in value:
                self.no(f"{where}.name", "The name must be a string.")
        elif not isinstance(name, str):
            self.no(f"{where}.name", "The name must be a string.")
        elif listed and (";" in name or "," in name):
            self.no(f"{where}.name", "The name must not contain the characters ; and ,")

    def reply_to(self, body: dict[str, Any]) -> None:
        if "reply_to" in body and "reply_to_list" in body:
            self.no("reply_to", "Give either reply_to or reply_to_list, not both.")
        if "reply_to" in body:
            self.address(body["reply_to"], "reply_to")
        if "reply_to_list" in body:
            several = body["reply_to_list"]
            if not isinstance(several, list) or len(several) > MAX_RECIPIENTS:
                self.no("reply_to_list", "reply_to_list must be a list of at most 1000 addresses.")
                return
            for number, value in enumerate(several):
                self.address(value, f"reply_to_list.{number}")
                if value in several[:number]:
                    self.no("reply_to_list", "Each address in reply_to_list must be unique.")

    def personalizations(self, body: dict[str, Any]) -> None:
        several = body.get("personalizations")
        if not isinstance(several, list) or not several:
            self.no("personalizations", "There must be a list of at least one personalization.")
            return
        if len(several) > MAX_RECIPIENTS:
            self.no(
                "personalizations",
                f"A request is limited to 1000 personalizations. You have provided {len(several)}.",
            )
            return
        before = len(self.seen)
        shared = _bytes(body.get("custom_args"))
        for number, one in enumerate(several):
            where = f"personalizations.{number}"
            if isinstance(one, dict):
                self.personalization(one, where, body, shared)
            else:
                self.no(where, "Expected an object.")
        if len(self.seen) - before > MAX_RECIPIENTS:
            self.no("personalizations", "A request is limited to 1000 recipients over to, cc and bcc.")
        self.subject(body, several)

    def personalization(self, one: dict[str, Any], where: str, body: dict[str, Any], shared: int) -> None:
        if not one.keys() <= schema.PERSONALIZATION:
            self.known(one, schema.PERSONALIZATION, where)
        to = one.get("to")
        if not isinstance(to, list) or not to:
            self.no(f"{where}.to", "The to list is required and must hold at least one address.")
        for name in ("to", "cc", "bcc"):
            if name in one:
                self.recipients(one[name], where, name)
        if "from" in one:
            self.sender(one["from"], body.get("from"), where)
        if "headers" in one:
            self.headers(one["headers"], f"{where}.headers")
        if "substitutions" in one:
            self.strings(one["substitutions"], f"{where}.substitutions")
            if _bytes(one["substitutions"]) > MAX_SUBSTITUTIONS:
                self.no(f"{where}.substitutions", "Substitutions are limited to 10000 bytes in each personalization.")
        if "custom_args" in one:
            self.strings(one["custom_args"], f"{where}.custom_args")
        if shared + _bytes(one.get("custom_args")) > MAX_CUSTOM_ARGS:
            self.no(f"{where}.custom_args", "custom_args are limited to 10000 bytes in each personalization.")
        if "send_at" in one:
            self.send_at(one["send_at"], f"{where}.send_at")
        if "dynamic_template_data" in one and not isinstance(one["dynamic_template_data"], dict):
            self.no(f"{where}.dynamic_template_data", "dynamic_template_data must be an object.")

    def recipients(self, several: object, where: str, name: str) -> None:
        if not isinstance(several, list):
            self.no(f"{where}.{name}", "Expected a list of addresses.")
            return
        for number, value in enumerate(several):
            self.address(value, f"{where}.{name}.{number}", listed=True)
            email = value.get("email") if isinstance(value, dict) else None
            if isinstance(email, str):
                folded = email.lower()
                if folded in self.seen:
                    self.no(where, f"Each email address may stand in a request once. [{email}] stands there again.")
                self.seen.add(folded)

    def sender(self, value: object, root: object, where: str) -> None:
        self.address(value, f"{where}.from")
        if isinstance(value, dict) and isinstance(root, dict) and _domain(value) != _domain(root):
            self.no(f"{where}.from.email", "The domain must be the same as that of the root's from address.")

    def subject(self, body: dict[str, Any], several: list[Any]) -> None:
        subjects = [("subject", body)] + [
            (f"personalizations.{number}.subject", one) for number, one in enumerate(several) if isinstance(one, dict)
        ]
        for where, holder in subjects:
            if "subject" in holder and (not isinstance(holder["subject"], str) or not holder["subject"]):
                self.no(where, "The subject must be a string of at least one character.")
        everywhere = all(isinstance(one, dict) and "subject" in one for one in several)
        if "subject" not in body and "template_id" not in body and not everywhere:
            self.no("subject", "A subject is required, at the root or in every personalization.")

    def content(self, parts: object) -> None:
        if not isinstance(parts, list) or not parts:
            self.no("content", "Unless there is a template, at least one content part is required.")
            return
        order = {"text/plain": 0, "text/html": 1}
        last = 0
        for number, part in enumerate(parts):
            where = f"content.{number}"
            if not isinstance(part, dict):
                self.no(where, "Expected an object with type and value.")
                continue
            self.known(part, ("type", "value"), where)
            kind = part.get("type")
            if not isinstance(kind, str) or not kind or _CONTROL.search(kind):
                self.no(f"{where}.type", "The content type must be a string of at least one character.")
                continue
            rank = order.get(kind.partition(";")[0].strip().lower(), 2)
            if rank < last:
                self.no("content", "text/plain must come first, then text/html, then any other type.")
            last = max(last, rank)
            if not isinstance(part.get("value"), str) or not part["value"]:
                self.no(f"{where}.value", "The content value must be a string of at least one character.")

    def headers(self, headers: object, where: str) -> None:
        if headers is None:
            return
        self.strings(headers, where)
        if isinstance(headers, dict):
            for name, value in headers.items():
                folded = name.lower()
                if folded in schema.FORBIDDEN_HEADERS or folded.startswith("x-sg-"):
                    self.no(f"{where}.{name}", f"The header {name} is reserved and may not be set.")
                elif not _HEADER_NAME.match(name):
                    self.no(f"{where}.{name}", "A header's name must be printable ASCII without spaces and colons.")
                if isinstance(value, str) and _CONTROL.search(value):
                    self.no(f"{where}.{name}", "A header's value must not contain line breaks.")

    def strings(self, values: object, where: str) -> None:
        if values is None:
            return
        if not isinstance(values, dict):
            self.no(where, "Expected an object whose values are strings.")
            return
        for name, value in values.items():
            if not isinstance(value, str):
                self.no(f"{where}.{name}", "The value must be a string.")

    def categories(self, names: object) -> None:
        if names is None:
            return
        if not isinstance(names, list) or len(names) > 10:
            self.no("categories", "categories must be a list of at most 10.")
            return
        for number, name in enumerate(names):
            if not isinstance(name, str) or not 1 <= len(name) <= 255:
                self.no(f"categories.{number}", "A category must be a string of 1 to 255 characters.")
            elif name in names[:number]:
                self.no("categories", "Categories must be unique.")

    def send_at(self, moment: object, where: str) -> None:
        if moment is None:
            return
        if not isinstance(moment, int) or isinstance(moment, bool):
            self.no(where, "send_at must be a unix timestamp, a whole number.")
        elif moment > self.latest:
            self.no(where, "A mail can be scheduled at most 72 hours ahead.")

    def attachments(self, several: object) -> None:
        if several is None:
            return
        if not isinstance(several, list):
            self.no("attachments", "attachments must be a list.")
            return
        for number, one in enumerate(several):
            where = f"attachments.{number}"
            if not isinstance(one, dict):
                self.no(where, "Expected an object.")
                continue
            self.known(one, schema.ATTACHMENT, where)
            for name in ("content", "filename"):
                if not isinstance(one.get(name), str) or not one[name]:
                    self.no(f"{where}.{name}", f"An attachment needs {name}, a string of at least one character.")
            if one.get("disposition", "attachment") not in ("inline", "attachment"):
                self.no(f"{where}.disposition", "The disposition must be inline or attachment.")

    def settings(self, body: dict[str, Any]) -> None:
        asm = body.get("asm")
        if asm is not None and not (isinstance(asm, dict) and type(asm.get("group_id")) is int):
            self.no("asm.group_id", "asm must be an object with a group_id, a whole number.")
        for group, settings in schema.SETTINGS.items():
            given = body.get(group, {})
            if not isinstance(given, dict):
                self.no(group, "Expected an object.")
                continue
            self.known(given, settings, group)
            for name, switches in settings.items():
                values = given.get(name, {})
                if not isinstance(values, dict):
                    self.no(f"{group}.{name}", "Expected an object.")
                    continue
                self.known(values, switches, f"{group}.{name}")
                for key, kind in switches.items():
                    if key in values and type(values[key]) is not kind:
                        wanted = "true or false" if kind is bool else "a string"
                        self.no(f"{group}.{name}.{key}", f"Expected {wanted}.")


def _bytes(values: object) -> int:
    """Keys and values in UTF-8."""
    if not isinstance(values, dict):
        return 0
    together = "".join([*values, *(value for value in values.values() if isinstance(value, str))])
    return len(together) if together.isascii() else len(together.encode())


def _domain(address: dict[str, Any]) -> str:
    return str(address.get("email")).rpartition("@")[2].lower()
