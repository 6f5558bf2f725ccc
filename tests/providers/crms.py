"""Three CRMs on loopback: each checks what it is asked as the real one documents it, and refuses in its own words.

`says` makes the next requests fail as told. The shapes of answers are those of the CRMs' documentation.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from sequencer.providers.crm import Crm
from sequencer.providers.hubspot import HubSpot
from sequencer.providers.outgoing import Outgoing
from sequencer.providers.pipedrive import Pipedrive
from sequencer.providers.salesforce import Salesforce
from tests.providers.chat import Chat, chatting

HOST: Final = "api.crm.example"
TOKEN: Final = "crm-T0K3N-canary"
Answer = tuple[int, Any]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Account:
    """What a CRM knows, and what it was asked."""

    chat: Chat
    handle: Callable[["Account", Asked], Answer]
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    says: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    dies: int = 0
    """So many of the next requests that create something take effect, and are never answered."""

    def answer(self, link: Any, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, address, _ = first.split(" ")
        parts = urlsplit(address)
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        said = {k: v[0] for k, v in parse_qs(body.decode()).items()} if form else json.loads(body or b"null")
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        one = Asked(method, parts.path, query, headers, said)
        self.asked.append(one)
        if self.says:
            status, more, found = self.says.pop(0)
        else:
            before = len(self.left)
            (status, found), more = self.handle(self, one), {}
            if self.dies and len(self.left) > before:
                self.dies -= 1
                return
        data = b"" if found is None else json.dumps(found).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", *(f"{k}: {v}" for k, v in more.items())]
        link.sendall("\r\n".join((*lines, "", "")).encode() + data)

    def contact(self, **values: Any) -> str:
        number = str(len(self.contacts) + 101)
        self.contacts[number] = values
        return number


def hubspot(account: Account, one: Asked) -> Answer:
    if one.headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, {"status": "error", "message": "…", "correlationId": "c", "category": "INVALID_AUTHENTICATION"}
    path = one.path.removeprefix("/crm/v3/objects/")
    if one.method == "GET" and path.startswith("contacts/") and one.query.get("idProperty") == "email":
        email = unquote(path.removeprefix("contacts/"))
        for number, values in account.contacts.items():
            if values["email"] == email:
                return 200, {"id": number, "properties": values}
        return 404, {"status": "error", "category": "OBJECT_NOT_FOUND"}
    if one.method == "POST" and path == "contacts":
        values = one.body["properties"]
        if any(known["email"] == values["email"] for known in account.contacts.values()):
            return 409, {"status": "error", "message": "Contact already exists.", "category": "CONFLICT"}
        return 201, {"id": account.contact(**values), "properties": values}
    if one.method == "POST" and path == "contacts/batch/update":
        known = [item for item in one.body["inputs"] if item["id"] in account.contacts]
        for item in known:
            account.contacts[item["id"]] |= item["properties"]
        found = {"status": "COMPLETE", "results": [{"id": item["id"]} for item in known]}
        return (200, found) if len(known) == len(one.body["inputs"]) else (207, {**found, "numErrors": 1, "errors": []})
    if one.method == "PATCH" and (number := path.removeprefix("contacts/")) in account.contacts:
        account.contacts[number] |= one.body["properties"]
        return 200, {"id": number}
    if one.method == "POST" and path in ("tasks", "notes"):
        values = one.body["properties"]
        [link] = one.body["associations"]
        needed = "hs_task_subject" if path == "tasks" else "hs_note_body"
        right = {"tasks": 204, "notes": 202}[path]
        if needed not in values or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", values["hs_timestamp"]):
            return 400, {"status": "error", "category": "VALIDATION_ERROR"}
        if link["to"]["id"] not in account.contacts or link["types"][0]["associationTypeId"] != right:
            return 400, {"status": "error", "category": "VALIDATION_ERROR"}
        account.left.append({"kind": path, "contact": link["to"]["id"], "subject": values[needed], **values})
        return 201, {"id": "9"}
    if one.method == "POST" and path in ("tasks/search", "notes/search"):
        sought, of = one.body["filterGroups"][0]["filters"]
        kind, name = path.removesuffix("/search"), sought["propertyName"]
        of_kind = [x for x in account.left if (x["kind"], x["contact"]) == (kind, of["value"])]
        words = set(re.findall(r"\w+", sought["value"]))
        found = [
            {"id": "9", "properties": {key: x[key] for key in one.body["properties"]}}
            for x in of_kind
            if (x[name] == sought["value"] if sought["operator"] == "EQ" else words & set(re.findall(r"\w+", x[name])))
        ]
        return 200, {"total": len(found), "results": found[: one.body["limit"]]}
    return 404, {"status": "error", "category": "OBJECT_NOT_FOUND"}


def salesforce(account: Account, one: Asked) -> Answer:
    if one.path == "/services/oauth2/token":
        if one.body != {"grant_type": "client_credentials", "client_id": "id", "client_secret": TOKEN}:
            return 400, {"error": "invalid_client"}
        return 200, {"access_token": f"00D!{TOKEN}", "instance_url": f"https://{HOST}", "token_type": "Bearer"}
    if one.headers.get("authorization") != f"Bearer 00D!{TOKEN}":
        return 401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    path = one.path.removeprefix("/services/data/v64.0/")
    if one.method == "GET" and path == "query":
        found = re.fullmatch(r"SELECT Id(?:, OwnerId)? FROM (\w+) WHERE (.*) LIMIT 1", one.query["q"])
        if found is None:
            return 400, [{"errorCode": "MALFORMED_QUERY", "message": one.query["q"]}]
        quoted = re.findall(r"(\w+) = '((?:[^'\\]|\\.)*)'", found[2])
        wanted = {name: re.sub(r"\\(.)", r"\1", value) for name, value in quoted}
        rows = account.left if found[1] == "Task" else [{"Id": k, **v} for k, v in account.contacts.items()]
        kinds = {"Contact": "003", "Lead": "00Q"}
        fits = [
            row
            for row in rows
            if all(row.get(name) == value for name, value in wanted.items())
            and (found[1] == "Task" or row["Id"].startswith(kinds[found[1]]))
        ]
        return 200, {"totalSize": len(fits[:1]), "done": True, "records": fits[:1]}
    if one.method == "POST" and path in ("sobjects/Lead", "sobjects/Task"):
        needed = ("LastName", "Company") if path.endswith("Lead") else ("Subject", "WhoId", "Status")
        missing = [name for name in needed if not one.body.get(name)]
        if missing:
            return 400, [{"message": "…", "errorCode": "REQUIRED_FIELD_MISSING", "fields": missing}]
        if path.endswith("Task"):
            account.left.append({"contact": one.body["WhoId"], "subject": one.body["Subject"], **one.body})
            return 201, {"id": "00T1", "success": True, "errors": []}
        number = f"00Q{len(account.contacts) + 101}"
        account.contacts[number] = {"OwnerId": "005x", **one.body}
        return 201, {"id": number, "success": True, "errors": []}
    if one.method == "PATCH" and (number := path.rpartition("/")[2]) in account.contacts:
        account.contacts[number] |= one.body
        return 204, None
    if one.method == "PATCH" and path == "composite/sobjects":
        results = []
        for record in one.body["records"]:
            known = record["id"] in account.contacts and record["attributes"]["type"] in ("Lead", "Contact")
            if known:
                account.contacts[record["id"]] |= {k: v for k, v in record.items() if k not in ("attributes", "id")}
            results.append({"id": record["id"], "success": known, "errors": []} if known else {"success": False})
        return 200, results
    return 404, [{"errorCode": "NOT_FOUND", "message": "…"}]


def pipedrive(account: Account, one: Asked) -> Answer:
    if one.headers.get("x-api-token") != TOKEN:
        return 401, {"success": False, "error": "unauthorized access", "errorCode": 401}
    path = one.path.removeprefix("/api/v2/")
    if one.method == "GET" and path == "persons/search":
        if one.query["fields"] != "email" or one.query["exact_match"] != "true":
            return 400, {"success": False, "error": "…"}
        found = [(k, v) for k, v in account.contacts.items() if v["emails"][0]["value"] == one.query["term"]]
        items = [{"result_score": 1, "item": {"id": int(k), "owner": {"id": v.get("owner_id")}}} for k, v in found]
        return 200, {"success": True, "data": {"items": items}}
    if one.method == "POST" and path == "persons":
        if not one.body.get("name"):
            return 400, {"success": False, "error": "name is required"}
        return 201, {"success": True, "data": {"id": int(account.contact(**one.body))}}
    if one.method == "PATCH" and path.startswith("persons/"):
        number = path.removeprefix("persons/")
        if number not in account.contacts:
            return 404, {"success": False, "error": "Person not found"}
        account.contacts[number] |= one.body
        return 200, {"success": True, "data": {"id": int(number)}}
    if one.method == "POST" and path == "activities":
        [person] = one.body["participants"]
        if not one.body.get("subject") or str(person["person_id"]) not in account.contacts:
            return 400, {"success": False, "error": "…"}
        account.left.append({"contact": str(person["person_id"]), **one.body})
        return 201, {"success": True, "data": {"id": 5}}
    if one.method == "GET" and path == "activities":
        found = [x for x in account.left if x["contact"] == one.query["person_id"]]
        return 200, {"success": True, "data": [{"subject": x["subject"]} for x in found]}
    return 404, {"success": False, "error": "…"}


HANDLERS: Final = {"hubspot": hubspot, "salesforce": salesforce, "pipedrive": pipedrive}


def client(name: str, outgoing: Outgoing, port: int) -> Crm:
    url = f"https://{HOST}:{port}"
    if name == "hubspot":
        return HubSpot(outgoing, TOKEN, url)
    if name == "salesforce":
        return Salesforce(outgoing, url, "id", TOKEN)
    return Pipedrive(outgoing, url, TOKEN)


@contextmanager
def account(name: str, folder: Path) -> Iterator[tuple[Account, Crm]]:
    """A CRM, and who speaks to it over TLS."""
    with chatting(folder, HOST) as chat:
        found = Account(chat, HANDLERS[name])
        chat.talk = found.answer
        yield found, client(name, chat.client(total=5.0), chat.port)
