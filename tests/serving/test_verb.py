"""``cellmark serve`` over real sockets: limits, overload, and how it ends."""

import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest

from cellmark.cli import serve
from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed
from tests.integration.commands import wait_for
from tests.reading.drawn import picture
from tests.serving.clients import DOT, encoded, metric
from tests.serving.processes import PATIENCE, served

MAX_BYTES = 400_000
SETTINGS = ["scales=[1]", "concurrency=4", "body_timeout=1.5", f"max_bytes={MAX_BYTES}"]
# Nothing is read in it, and looking for it takes a while
NOISE = encoded(np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service"), *SETTINGS) as one:
        yield one


@pytest.fixture
def client(service):
    with httpx2.Client(base_url=service.address, timeout=PATIENCE) as client:
        yield client


def talk(service, data, more=b"", pause=0.0):
    """Status and body of the answer to raw bytes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        if more:
            time.sleep(pause)
            connection.sendall(more)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def head(*lines):
    return "\r\n".join(["POST /read HTTP/1.1", "Host: here", *lines, "", ""]).encode()


def at_work(client):
    return metric(client.get("/metrics").text, "cellmark_requests_at_work")


@pytest.mark.slow
def test_a_picture_is_read_and_its_cells_are_found(service, client):
    content = encoded(picture(["one", "two"]))
    assert [code["text"] for code in client.post("/read", content=content).json()] == ["one", "two"]
    cells = [len(code["keypoint_scores"]) for code in client.post("/predict", content=content).json()]
    assert len(cells) == 2 and all(95 <= number <= 105 for number in cells)
    assert client.get("/health").json()["status"] == "ok"
    assert "<title>" in client.get("/").text
    assert service.address.startswith("http://127.0.0.1:")


@pytest.mark.slow
def test_bodies_beyond_the_limits_get_a_clear_answer(service):
    large = bytes(MAX_BYTES + 1)
    status, body = talk(service, head(f"Content-Length: {len(large)}") + large)
    assert status == 413 and f"{MAX_BYTES} bytes" in json.loads(body)["detail"]
    status, _ = talk(service, head("Content-Length: 9999999999999"))
    assert status == 413
    status, _ = talk(service, head(f"Content-Length: {len(large)}", "Expect: 100-continue"))  # nothing was sent in vain
    assert status == 413
    chunks = b"%x\r\n%b\r\n" % (len(large), large)
    status, _ = talk(service, head("Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert status == 413
    status, body = talk(service, head("Content-Length: 999") + DOT[:50])
    assert status == 408 and "within 1.5 seconds" in json.loads(body)["detail"]
    assert talk(service, b"\x16\x03\x01 this is no HTTP\r\n\r\n")[0] == 400
    status, body = talk(service, head(f"Content-Length: {len(DOT)}", "Connection: close") + DOT[:20], DOT[20:], 0.2)
    assert status == 200


@pytest.mark.slow
def test_overload_is_told_and_no_request_is_lost(service, client):
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: client.post("/read", content=NOISE), range(32)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503} and len(statuses) == 32
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1" and "come again" in answer.json()["detail"]
        else:
            assert answer.json()[0]["reason"]
    assert client.post("/read", content=DOT).status_code == 200 and at_work(client) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_lets_it_finish_what_it_has_begun(sent, status, tmp_path):
    answers = []
    with served(tmp_path, "scales=[1]") as service, httpx2.Client(base_url=service.address, timeout=PATIENCE) as client:

        def ask():
            answers.append(httpx2.post(f"{service.address}/read", content=NOISE, timeout=PATIENCE))

        asked = [threading.Thread(target=ask) for _ in range(3)]  # one is read, two wait in line
        for thread in asked:
            thread.start()
        wait_for(lambda: at_work(client) == len(asked))
        service.process.send_signal(sent)
        for thread in asked:
            thread.join(PATIENCE)
        code, said = service.end()
        assert [answer.status_code for answer in answers] == [200] * len(asked)
        assert code == status and "cellmark serve: interrupted" in said and "Traceback" not in said, said
        with pytest.raises(httpx2.ConnectError):
            client.get("/health")


@pytest.mark.slow
def test_a_port_that_is_taken_is_told(service):
    with pytest.raises(CellmarkError, match=f"host=127.0.0.1 port={service.port}: Address already in use"):
        run_verb("serve", composed("serve", f"port={service.port}"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("port=70000", "port=70000: a whole number from 0 to 65535"),
        ("workers=0", "workers=0: a whole number from 1 up"),
        ("timeout=0", "timeout=0: a number above 0"),
        ("batch_wait_ms=-1", "batch_wait_ms=-1: a number from 0 up"),
        ("body_timeout=inf", "body_timeout=inf: a number above 0"),
        ("host=no.such.host.invalid", "host=no.such.host.invalid port=0: "),
        ("ckpt=none.ckpt", "none.ckpt: no such checkpoint"),
        ("engine=magic", "engine=magic: one of classical, network, both is needed"),
        ("scales=[]", "at least one is needed"),
    ],
)
def test_a_wrong_key_is_refused_before_anything_is_served(wrong, message):
    with pytest.raises(CellmarkError, match=message):
        run_verb("serve", composed("serve", "port=0", wrong))


def test_without_the_extra_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "uvicorn" else object())
    with pytest.raises(CellmarkError, match=r"needs more: pip install 'cellmark\[serve\]'"):
        run_verb("serve", composed("serve"))
