"""Outgoing webhooks turned against our own network: by address, by name, by rebinding, by redirect, by proxy."""

import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.mail import Answer, Outcome
from sequencer.core.target import Target, parse, public
from sequencer.providers.outgoing import HEAD, Outgoing
from sequencer.workspace.settings import load_settings
from tests.providers.chat import NAME, Chat, answer, chatting, to
from tests.providers.servers import Api
from tests.providers.servers import api as api
from tests.workspaces import files

BODY = b'{"text":"hello"}'
PRIVATE = Outcome(Answer.REFUSED, detail="not posted: the host's name leads into a private network")


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with chatting(tmp_path) as found:
        yield found


# --- the address alone

IP_LITERALS = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "8.8.8.8",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "0",
    "0x0",
    "127.0.0.1.",
    "0127.0.0.0x1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[fd00::1]",
    "[2606:4700:4700::1111]",
]

OTHER_FORMS = [
    "http://hooks.chat.example/x",
    "HTTP://hooks.chat.example/x",
    "ftp://hooks.chat.example/x",
    "file:///etc/passwd",
    "gopher://hooks.chat.example/x",
    "//hooks.chat.example/x",
    "hooks.chat.example/x",
    "https:hooks.chat.example/x",
    "https:/hooks.chat.example/x",
    "https:///x",
    "https://",
    "",
    "https://user:password@hooks.chat.example/x",
    "https://hooks.chat.example@127.0.0.1/x",
    "https://127.0.0.1\\@hooks.chat.example/x",
    "https://hooks.chat.example:22/x",
    "https://hooks.chat.example:8443/x",
    "https://hooks.chat.example:0/x",
    "https://hooks.chat.example:/x",
    "https://hooks.chat.example:443:443/x",
    "https://hooks.chat.example:-1/x",
    "https://hooks.chat.example/x#fragment",
    "https://hooks.chat.example/ü",
    "https://hooks.chat.example/a b",
    " https://hooks.chat.example/x",
    "https://hooks.chat.example/x\n",
    "https://hooks.chat.example/x\r\nHost: internal.example",
    "https://hooks.chat.example/x\0",
    "https://localhost/x",
    "https://LOCALHOST/x",
    "https://localhost./x",
    "https://www.localhost/x",
    "https://printer.local/x",
    "https://metadata.google.internal/x",
    "https://metadata/x",
    "https://hooks.chat.example./x",
    "https://hooks..example/x",
    "https://-hooks.example/x",
    "https://hooks_chat.example/x",
    "https://hooks%2echat.example/x",
    "https://%31%32%37.0.0.1/x",
    "https://[fe80::1%25eth0]/x",
    "https://[::1/x",
    "https://::1/x",
    f"https://{'a' * 64}.example/x",
    f"https://{'a.' * 130}example/x",
    # What lower-casing or IDNA (NFKC) would turn into 127.0.0.1, localhost, or another host.
    "https://１２７.0.0.1/x",
    "https://①②⑦.⓪.⓪.①/x",
    "https://127。0。0。1/x",
    "https://loc\u00adalhost/x",
    "https://ⓛocalhost/x",
    "https://münchen.example/x",
    "https://hooks.chat.example／@127.0.0.1/x",
]


@pytest.mark.parametrize("url", [f"https://{host}/x" for host in IP_LITERALS] + OTHER_FORMS)
def test_an_address_of_another_form_is_refused_before_anybody_is_asked(url: str) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["1.1.1.1"]

    with pytest.raises(ValueError, match=r"^expected "):
        parse(url)
    outcome = Outgoing(resolve=resolve).post(url, BODY)
    assert (Answer.REFUSED, []) == (outcome.answer, asked)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.chat.example/a/b?c=d", Target("hooks.chat.example", 443, "/a/b?c=d")),
        ("https://HOOKS.Chat.Example:443/x", Target("hooks.chat.example", 443, "/x")),
        ("https://hooks.chat.example", Target("hooks.chat.example", 443, "/")),
        ("https://hooks.chat.example?c=d", Target("hooks.chat.example", 443, "/?c=d")),
        ("https://xn--mnchen-3ya.example/x", Target("xn--mnchen-3ya.example", 443, "/x")),
        ("https://1.hooks-2.chat.example/@x", Target("1.hooks-2.chat.example", 443, "/@x")),
    ],
)
def test_a_plain_address_of_a_public_host_is_taken(url: str, expected: Target) -> None:
    assert expected == parse(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.chat.example/x", "expected an address that begins with `https://`"),
        ("https://192.168.1.1/x", "expected a host's name, got an IP address"),
        ("https://ana:pw@hooks.chat.example/x", "expected no user name or password"),
        ("https://hooks.chat.example:8443/x", "expected port 443"),
        ("https://printer.local/x", "expected a host on the public Internet"),
    ],
)
def test_check_refuses_it_at_its_place_and_does_not_quote_it(url: str, said: str) -> None:
    workspace = files()
    old = "name: Ana Ruiz, "
    settings = workspace["sequences/workspace.yaml"].replace(old, f"{old}webhook: '{url}', ")
    line = next(n for n, row in enumerate(settings.split("\n"), 1) if "webhook" in row)
    column = settings.split("\n")[line - 1].index("webhook") + 1
    found, problems = load_settings(workspace | {"sequences/workspace.yaml": settings})
    [problem] = problems
    assert ("bad-webhook", f"sequences/workspace.yaml:{line}:{column}") == (problem.code, str(problem.mark))
    assert problem.message.startswith(said) and url.partition("://")[2] not in problem.message
    assert found is not None and found.reps["ana@acme.example"].webhook is None


# --- what a name leads to

NOT_PUBLIC = [
    # IPv4: this host, private, CGNAT (with Alibaba's metadata), loopback, link-local with metadata, protocol
    # assignments (with Oracle's metadata), documentation, 6to4 relays, benchmarking, multicast, reserved, broadcast
    "0.0.0.0",
    "0.1.2.3",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    # IPv6: unspecified, loopback, mapped, compatible, translated, local NAT64, discard, Teredo, ORCHID, documentation,
    # 6to4, unique local (with AWS's metadata), link-local, site-local, multicast, nothing that was given out
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "5f00::1",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_not_posted_to(text: str) -> None:
    assert not public(ip_address(text))
    assert PRIVATE == Outgoing(resolve=to(text)).post(f"https://{NAME}/x", BODY)


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "223.255.255.254", "2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8"]
)
def test_a_public_address_is(text: str) -> None:
    assert public(ip_address(text))


@given(st.ip_addresses(v=4).filter(lambda address: not public(address)))
def test_no_ipv6_address_that_embeds_a_private_ipv4_address_is_public(inner: IPv4Address) -> None:
    number = int(inner)
    embedding = {
        "mapped": 0xFFFF << 32 | number,
        "compatible": number,
        "6to4": 0x2002 << 112 | number << 80 | 1,
        "NAT64": 0x0064FF9B << 96 | number,
        "Teredo server": 0x20010000 << 96 | number << 64,
        "Teredo client": 0x20010000 << 96 | number ^ 0xFFFFFFFF,
    }
    assert [] == [kind for kind, value in embedding.items() if public(IPv6Address(value))]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    for addresses in (("1.1.1.1", "10.0.0.1"), ("10.0.0.1", "1.1.1.1"), ("2606:4700:4700::1111", "::1")):
        assert PRIVATE == Outgoing(resolve=to(*addresses)).post(f"https://{NAME}/x", BODY)


def test_a_listener_on_this_machine_is_not_even_connected_to(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port alone is allowed; the address that the name leads to is not."""
    port = int(api.url.rpartition(":")[2])
    connected = connections(monkeypatch)
    outgoing = Outgoing(frozenset({("127.0.0.2", port)}), resolve=to("127.0.0.1"))
    assert (PRIVATE, [], []) == (outgoing.post(f"https://{NAME}:{port}/x", BODY), connected, api.requests)


def test_plain_http_goes_to_nothing_but_an_allowed_address_of_this_machine(api: Api) -> None:
    port = int(api.url.rpartition(":")[2])
    allowed = Outgoing(frozenset({("127.0.0.1", port)}), resolve=to("127.0.0.1"))
    assert Answer.REFUSED == Outgoing(resolve=to("127.0.0.1")).post(api.url, BODY).answer
    assert Answer.REFUSED == allowed.post(f"http://{NAME}:{port}/x", BODY).answer
    assert [] == api.requests
    assert Answer.ACCEPTED == allowed.post(f"{api.url}/x", BODY).answer


# --- rebinding


def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that sockets are connected to from now on."""
    seen: list[str] = []
    connect = socket.create_connection

    def spied(address: tuple[str, int], *args: object, **options: object) -> socket.socket:
        seen.append(address[0])
        return connect(address, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", spied)
    return seen


def test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again, the name's server and this machine's resolver both say the inner service."""
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]
    system: list[str] = []
    look_up = socket.getaddrinfo

    def rebound(host: str, *args: object, **options: object) -> list[object]:
        system.append(host)
        return look_up("127.0.0.2" if host == NAME else host, *args, **options)  # type: ignore[arg-type,return-value]

    with socket.create_server(("127.0.0.2", chat.port)) as inner:
        inner.setblocking(False)
        monkeypatch.setattr(socket, "getaddrinfo", rebound)
        client = chat.client(lambda host, port: answers.pop(0))
        assert Outcome(Answer.ACCEPTED) == client.post(chat.url, BODY)
        with pytest.raises(BlockingIOError):
            inner.accept()
    assert (2, 1) == (len(answers), len(chat.requests))
    assert NAME not in system


def test_each_post_asks_anew_so_that_no_old_permission_lasts(chat: Chat) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    client = chat.client(lambda host, port: answers.pop(0))
    assert [Outcome(Answer.ACCEPTED), PRIVATE] == [client.post(chat.url, BODY) for _ in range(2)]
    assert 1 == len(chat.requests)


# --- who answers


def test_a_server_with_another_hosts_certificate_gets_nothing(tmp_path: Path) -> None:
    with chatting(tmp_path, name="internal.example") as other:
        outcome = other.client().post(other.url, BODY)
        assert (Answer.RETRY, "no secure connection: SSLCertVerificationError") == (outcome.answer, outcome.detail)
        assert ([NAME], []) == (other.connections, other.requests)


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(chat: Chat) -> None:
    outgoing = Outgoing(frozenset({("127.0.0.1", chat.port)}), resolve=to("127.0.0.1"))
    assert (Answer.RETRY, []) == (outgoing.post(chat.url, BODY).answer, chat.requests)


# --- redirects, proxies, answers without end


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(chat: Chat, api: Api, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connected = connections(monkeypatch)
    chat.talk = answer(f"HTTP/1.1 {status} Go\r\nLocation: {api.url}/inner\r\nContent-Length: 0\r\n\r\n".encode())
    outcome = chat.client().post(chat.url, BODY)
    assert Answer.REFUSED == outcome.answer
    assert f"{status}: redirects are not followed, the webhook must be the final address" == outcome.detail
    assert (["127.0.0.1"], 1, []) == (connected, len(chat.requests), api.requests)


def test_proxies_of_the_environment_are_not_used(chat: Chat, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, api.url)
        monkeypatch.setenv(name.upper(), api.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert Outcome(Answer.ACCEPTED) == chat.client().post(chat.url, BODY)
    assert ([], 1) == (api.requests, len(chat.requests))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", Answer.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\n\r\n", Answer.ACCEPTED),
        (b"", Answer.UNKNOWN),
    ],
)
def test_of_an_answer_without_end_no_more_is_taken_than_a_head_may_have(
    chat: Chat, head: bytes, expected: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    receive = ssl.SSLSocket.recv

    def counted(link: ssl.SSLSocket, size: int = 1024, flags: int = 0) -> bytes:
        data = receive(link, size, flags)
        if not link.server_side:
            taken.append(len(data))
        return data

    def flood(link: ssl.SSLSocket, request: bytes) -> None:
        link.sendall(head)
        for _ in range(64):
            link.sendall(b"a" * 65536)

    monkeypatch.setattr(ssl.SSLSocket, "recv", counted)
    chat.talk = flood
    assert expected == chat.client(total=60).post(chat.url, BODY).answer
    assert sum(taken) <= HEAD + 4096


def test_interim_answers_without_end_are_cut_off_when_the_time_is_up(chat: Chat) -> None:
    gone = threading.Event()

    def interim(link: ssl.SSLSocket, request: bytes) -> None:
        try:
            for _ in range(100):
                link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                gone.wait(0.05)  # the pace of it
            link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        except OSError:
            gone.set()
            raise

    chat.talk = interim
    assert Answer.UNKNOWN == chat.client(total=0.4).post(chat.url, BODY).answer
    assert gone.wait(30)


def test_what_a_name_leads_to_is_asked_for_once_however_many_addresses_fail() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1", "127.0.0.1", "127.0.0.1"]

    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    Outgoing(frozenset({("127.0.0.1", closed)}), resolve=resolve).post(f"https://{NAME}:{closed}/", BODY)
    assert [NAME] == asked
