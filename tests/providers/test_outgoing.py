"""The client of outgoing webhooks: what it sends, and what it makes of answers. Attacks are in tests/attacks."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sequencer.core.mail import Answer, Outcome
from sequencer.providers.outgoing import Outgoing
from tests.providers.chat import NAME, OK, SECRET, Chat, Talk, answer, chatting, to
from tests.providers.servers import Api

BODY = b'{"text":"Kim asked for a demo"}'


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with chatting(tmp_path) as found:
        yield found


def head(status: str, *headers: str) -> Talk:
    return answer("\r\n".join((f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", "")).encode())


def test_json_arrives_whole_over_tls_at_the_path_of_the_webhook(chat: Chat) -> None:
    assert Outcome(Answer.ACCEPTED) == chat.client().post(chat.url + "?thread=1", BODY)
    [request] = chat.requests
    top, _, body = request.partition(b"\r\n\r\n")
    first, *headers = top.decode().split("\r\n")
    assert f"POST /services/{SECRET}?thread=1 HTTP/1.1" == first
    assert {
        f"Host: {NAME}:{chat.port}",
        "User-Agent: sequencer",
        "Content-Type: application/json",
        f"Content-Length: {len(BODY)}",
        "Connection: close",
    } == set(headers)
    assert (BODY, [NAME]) == (body, chat.connections)


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (head("201 Created"), Outcome(Answer.ACCEPTED)),
        (head("204 No Content"), Outcome(Answer.ACCEPTED)),
        (answer(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK), Outcome(Answer.ACCEPTED)),
        (head("429 Slow Down", "retry-after: 90"), Outcome(Answer.RETRY, detail="429", retry_after=90.0)),
        (head("429 Slow Down", "Retry-After: soon"), Outcome(Answer.RETRY, detail="429")),
        (head("400 invalid_payload"), Outcome(Answer.REFUSED, detail="400")),
        (head("404 no_service"), Outcome(Answer.REFUSED, detail="404")),
        (head("410 gone"), Outcome(Answer.REFUSED, detail="410")),
        (head("500 oops"), Outcome(Answer.UNKNOWN, detail="500")),
        (head("503 later", "Retry-After: 5"), Outcome(Answer.UNKNOWN, detail="503")),
        (answer(b""), Outcome(Answer.UNKNOWN, detail="no whole answer")),
        (answer(b"HTTP/1.1 200 OK\r\n"), Outcome(Answer.UNKNOWN, detail="no whole answer")),
        (answer(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), Outcome(Answer.UNKNOWN, detail="no whole answer")),
        (answer(b"HTTP/1.1 2000 OK\r\n\r\n"), Outcome(Answer.UNKNOWN, detail="no whole answer")),
    ],
)
def test_what_an_answer_means(chat: Chat, talk: Talk, expected: Outcome) -> None:
    chat.talk = talk
    assert (expected, 1) == (chat.client().post(chat.url, BODY), len(chat.requests))


def test_a_connection_that_breaks_after_the_request_leaves_it_open_whether_it_was_taken(chat: Chat) -> None:
    def reset(link: socket.socket, request: bytes) -> None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        socket.socket.close(link)

    chat.talk = reset
    outcome = chat.client().post(chat.url, BODY)
    assert (Answer.UNKNOWN, 1) == (outcome.answer, len(chat.requests))


def test_what_was_surely_not_posted_may_go_again(chat: Chat) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    nobody = Outgoing(frozenset({("127.0.0.1", closed)}), resolve=to("127.0.0.1"))
    assert Outcome(Answer.RETRY, detail="no connection: ConnectionRefusedError") == nobody.post(
        f"https://{NAME}:{closed}/", BODY
    )

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"nobody knows {host}")

    for resolve in (unknown, to()):
        outcome = chat.client(resolve).post(chat.url, BODY)
        assert (Answer.RETRY, []) == (outcome.answer, chat.connections)


def test_the_next_address_is_tried_when_one_does_not_answer(chat: Chat) -> None:
    allowed = frozenset({("127.0.0.1", chat.port), ("127.0.0.2", chat.port)})
    client = Outgoing(allowed, resolve=to("127.0.0.2", "127.0.0.1"), trust=chat.trust)
    assert (Outcome(Answer.ACCEPTED), 1) == (client.post(chat.url, BODY), len(chat.requests))


def test_an_answer_that_drips_is_cut_off_when_the_time_is_up(chat: Chat) -> None:
    cut = threading.Event()

    def drip(link: socket.socket, request: bytes) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        try:
            for _ in range(100):
                link.sendall(b"x")
                cut.wait(0.05)  # the pace of the dripping: no single wait is long
            link.sendall(b"\r\n\r\n")
        except OSError:
            cut.set()
            raise

    chat.talk = drip
    assert Answer.UNKNOWN == chat.client(total=0.4).post(chat.url, BODY).answer
    assert cut.wait(30)


def test_a_handshake_that_hangs_is_cut_off_and_surely_nothing_was_posted(raw: Callable[..., int]) -> None:
    left = threading.Event()

    def silent(link: socket.socket) -> None:
        while link.recv(65536):
            pass
        left.set()

    port = raw(silent)
    client = Outgoing(frozenset({("127.0.0.1", port)}), resolve=to("127.0.0.1"), total=0.3)
    assert Answer.RETRY == client.post(f"https://{NAME}:{port}/", BODY).answer
    assert left.wait(30)


def test_a_look_up_that_hangs_is_not_waited_for(chat: Chat) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang(host: str, port: int) -> list[str]:
        hanging.set()
        release.wait(60)
        return ["127.0.0.1"]

    outcome = chat.client(hang, total=0.2).post(chat.url, BODY)
    waited = release.is_set()
    release.set()
    assert hanging.is_set() and not waited
    assert (Outcome(Answer.RETRY, detail="the host's name was not found: TimeoutError"), []) == (
        outcome,
        chat.connections,
    )


def test_in_development_everything_goes_to_the_one_address_on_this_machine(api: Api) -> None:
    port = int(api.url.rpartition(":")[2])
    client = Outgoing(
        frozenset({("127.0.0.1", port)}), instead=f"http://127.0.0.1:{port}/sandbox/webhooks", resolve=to("1.1.1.1")
    )
    for url in (f"https://{NAME}/services/x", "https://other.example.com/", "http://10.0.0.1/"):
        assert Outcome(Answer.ACCEPTED) == client.post(url, BODY)
    assert ["/sandbox/webhooks"] * 3 == [path for path, _ in api.requests]
    assert [json.loads(BODY)] * 3 == api.bodies
