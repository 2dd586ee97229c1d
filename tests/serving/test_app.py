"""The routes: what they answer, what they say about themselves, and that the answers are those of the verbs."""

import asyncio
import json
import re
import sys
from importlib.resources import files

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

import cellmark
from cellmark.data.images import decode_image
from cellmark.files import write_image
from cellmark.reading.weights import DEFAULT
from cellmark.serving.app import ROUTES
from cellmark.serving.batcher import Picture
from cellmark.serving.engines import load
from cellmark.serving.limits import Limits
from cellmark.serving.page import PAGE
from cellmark.serving.service import Service
from cellmark.tasks.checkpoint import RECIPE
from tests.integration.commands import run
from tests.reading.drawn import picture
from tests.serving.clients import DOT, connected, encoded, metric, post, service, talk

LIMITS = Limits(concurrency=32, max_bytes=10**7, max_pixels=10**7, body_timeout=20, timeout=60)
SCALES = [1, 0.5]


@pytest.fixture(scope="module")
def engines():
    return load(None, "both", "cpu", SCALES, None, 20, 1)


@pytest.fixture
def whole(engines):
    """The service as ``cellmark serve`` makes it, with the weights of the package."""
    return Service(engines, LIMITS, 8, 0.3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The weights of the package as a training would have left them."""
    with safe_open(DEFAULT, framework="pt") as file:
        recipe = json.loads(file.metadata()[RECIPE])
        state = {f"network.{name}": file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    recipe["visibility_to_class"] = {int(v): name for v, name in recipe["visibility_to_class"].items()}
    path = tmp_path_factory.mktemp("weights") / "default.ckpt"
    torch.save({"state_dict": state, RECIPE: recipe}, path)
    return path


def code(*texts, size=None):
    drawn = picture(texts)
    return drawn if size is None else cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)


def same(entries, others, **differing):
    """Whether entries are equal, numbers to a hundredth, but for the keys that are named."""
    assert len(entries) == len(others)
    for entry, other in zip(entries, others, strict=True):
        assert list(entry) == list(other)
        for key in set(entry) - set(differing):
            if isinstance(entry[key], list | float):
                np.testing.assert_allclose(entry[key], other[key], atol=0.01)
            else:
                assert entry[key] == other[key], key
        assert {key: entry[key] for key in differing} == differing


@pytest.mark.parametrize("engine", ["classical", "network"])
def test_read_answers_with_the_lines_of_cellmark_read(engine, tmp_path, capsys):
    write_image(tmp_path / "a.png", code("one", "two"))
    run("read", str(tmp_path / "a.png"), f"engine={engine}")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    to = Service(load(None, engine, "cpu", [1], None, 20, 1), LIMITS, 1, 0)
    answer = post(to, "/read", (tmp_path / "a.png").read_bytes())
    assert answer.status_code == 200 and len(lines) == 2
    got = [{key: value for key, value in entry.items() if key != "seconds"} for entry in answer.json()]
    same(got, [{key: value for key, value in line.items() if key != "seconds"} for line in lines], file="-")
    assert list(answer.json()[0]) == list(lines[0])


def test_predict_answers_with_the_entries_of_predictions_json(whole, checkpoint, tmp_path):
    write_image(tmp_path / "a.png", code("one", "two"))
    keys = [f"scales={SCALES}".replace(" ", ""), "overlays=false", "heatmaps=false"]
    run("predict", f"input={tmp_path / 'a.png'}", f"ckpt={checkpoint}", f"output_dir={tmp_path / 'out'}", *keys)
    expected = json.loads((tmp_path / "out/predictions.json").read_text())
    answer = post(whole, "/predict", (tmp_path / "a.png").read_bytes())
    assert answer.status_code == 200 and len(expected) == 2
    same(answer.json(), expected, file_name="-")
    assert all(isinstance(v, int) for v in answer.json()[0]["keypoints"][2::3])


def test_a_named_checkpoint_is_served(checkpoint, engines):
    named = load(str(checkpoint), "both", "cpu", SCALES, None, 20, 2)
    assert named.model == "default.ckpt" and len(named.read) == 2
    content = encoded(code("one"))
    both = [post(Service(each, LIMITS, 8, 0), "/predict", content).json() for each in (named, engines)]
    same(*both, image_id=1)


def test_the_threshold_is_kept_to():
    strict = load(None, "classical", "cpu", [1], 0.999, 1, 1)
    assert post(Service(strict, LIMITS, 1, 0), "/predict", encoded(code("one"))).json() == []


def test_nothing_read_is_an_answer_with_a_reason(whole):
    (entry,) = post(whole, "/read", DOT).json()
    assert entry["text"] is None and entry["reason"] == "no code was found" and "engine" not in entry


def test_codes_stops_after_so_many(whole):
    content = encoded(code("one", "two"))
    assert len(post(whole, "/read?codes=1", content).json()) == 1
    assert len(post(whole, "/read", content).json()) == 2
    for wrong in ("0", "x", "1.5"):
        answer = post(whole, f"/read?codes={wrong}", content)
        assert answer.status_code == 422 and answer.json()["detail"].startswith("codes: ")


@pytest.mark.parametrize("route", ["/predict", "/read"])
def test_coordinates_count_in_the_picture_that_is_shown_where_that_is_asked_for(whole, route):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    content = encoded(code("one", "two"), exif=exif)
    stored, turned = (post(whole, f"{route}{query}", content).json() for query in ("", "?upright=true"))
    places = [np.reshape(e["keypoints"], (-1, 3))[:, :2] if route == "/predict" else e["corners"] for e in stored]
    wide = np.concatenate(places)
    places = [np.reshape(e["keypoints"], (-1, 3))[:, :2] if route == "/predict" else e["corners"] for e in turned]
    high = np.concatenate(places)
    assert np.ptp(wide[:, 0]) > 150 > np.ptp(wide[:, 1]) and np.ptp(high[:, 1]) > 150 > np.ptp(high[:, 0])


def test_a_picture_gets_the_same_answer_in_company_as_alone(whole, engines):
    shown = [code("one"), code("two", "3"), code("4", size=(90, 90)), code("5", "6", "7"), code("8", size=(200, 200))]
    contents = [encoded(each) for each in shown]
    alone = [post(Service(engines, LIMITS, 1, 0), "/predict", content).json() for content in contents]

    async def main():
        async with connected(whole) as client:
            answers = await asyncio.gather(*(client.post("/predict", content=content) for content in contents))
            return [answer.json() for answer in answers], (await client.get("/metrics")).text

    together, text = asyncio.run(main())
    assert metric(text, 'cellmark_batch_size_count{route="/predict"}') < len(contents)
    assert metric(text, 'cellmark_batch_size_sum{route="/predict"}') == len(contents)
    for one, other in zip(alone, together, strict=True):
        assert one
        for entry, company in zip(one, other, strict=True):  # cells of equal scores may change places
            first, second = (np.reshape(e["keypoints"], (-1, 3)) for e in (entry, company))
            order = [np.lexsort(cells.round(1).T) for cells in (first, second)]
            np.testing.assert_allclose(first[order[0]], second[order[1]], atol=0.01)
            assert entry["score"] == pytest.approx(company["score"], abs=1e-3)


def test_a_broken_picture_leaves_its_batch_to_the_others(engines):
    predict = engines.predict
    content = encoded(code("one"))
    sound, broken = Picture(content, 1), Picture(b"BM" + bytes(30), 1)
    first, wrong, last = predict([sound, broken, sound])
    assert len(first) == len(last) == 1 and "does not decode" in str(wrong)


def test_health_and_metrics():
    def asks(path):
        return lambda client: client.get(path)

    to = service()
    answer, missing = talk(to, asks("/health"), asks("/nowhere"))
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": cellmark.__version__, "model": "a.ckpt", "device": "cpu"}
    assert missing.status_code == 404
    post(to, "/read", DOT)
    post(to, "/read", b"x")
    (answer,) = talk(to, asks("/metrics"))
    assert answer.headers["content-type"].startswith("text/plain; version=")
    count = 'cellmark_requests_total{route="%s",status="%s"}'
    expected = {count % ("/health", 200): 1, count % ("other", 404): 1, count % ("/read", 200): 1}
    expected |= {count % ("/read", 422): 1, 'cellmark_refused_total{reason="no picture"}': 1}
    expected |= {'cellmark_pixels_total{route="/read"}': 16, 'cellmark_request_seconds_count{route="/read"}': 2}
    assert {name: metric(answer.text, name) for name in expected} == expected


@pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("PUT", "/predict"), ("POST", "/health")])
def test_another_method_is_refused(method, path):
    (answer,) = talk(service(), lambda client: client.request(method, path))
    assert answer.status_code == 405 and answer.json() == {"detail": "Method Not Allowed"}


def test_openapi_describes_every_route_and_takes_nothing_by_name():
    (answer,) = talk(service(), lambda client: client.get("/openapi.json"))
    paths = answer.json()["paths"]
    assert set(paths) == {"/predict", "/read", "/health", "/metrics"}
    named = {p["name"] for path in paths.values() for method in path.values() for p in method.get("parameters", [])}
    assert named == {"upright", "codes"}
    for path in ("/predict", "/read"):
        assert "image/*" in paths[path]["post"]["requestBody"]["content"]
        assert {"200", "408", "413", "415", "422", "503"} == set(paths[path]["post"]["responses"])


def test_nothing_is_loaded_from_elsewhere():
    texts = [file.read_text() for file in files("cellmark.serving.page").iterdir() if file.is_file()]
    addresses = {found for text in texts for found in re.findall(r"https?://[^\s\"']+", text)}
    assert addresses <= {"http://www.w3.org/2000/svg"}
    for path in ("/docs", "/redoc"):  # FastAPI's own pages load scripts from other hosts
        (answer,) = talk(service(), lambda client, p=path: client.get(p))
        assert answer.status_code == 404


def test_every_answer_tells_browsers_what_not_to_do():
    paths = [*PAGE, "/health", "/nowhere", "/openapi.json"]
    for answer in talk(service(), *(lambda client, p=path: client.get(p) for path in paths)):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
    assert set(paths) - {"/nowhere"} <= ROUTES


def test_no_path_and_no_address_that_a_client_names_is_opened(whole, tmp_path):
    secret = tmp_path / "secret.png"
    write_image(secret, code("one"))
    opened = []
    sys.addaudithook(lambda event, arguments: opened.append((event, arguments)) if watching else None)
    names = [str(secret), f"file://{secret}", "http://127.0.0.1:9/secret.png", "-", "/etc/passwd"]

    async def main():
        async with connected(whole) as client:
            for name in names:
                for key in ("input", "path", "file", "url", "image", "ckpt"):
                    answer = await client.post("/read", content=name.encode(), params={key: name})
                    assert answer.status_code == 422
                assert (await client.post("/read", content=DOT, params={"input": name})).status_code == 200
                assert (await client.get(f"/{name}")).status_code == 404

    watching = True
    try:
        asyncio.run(main())
    finally:
        watching = False
    touched = [str(arguments[0]) for event, arguments in opened if event in ("open", "os.listdir", "os.scandir")]
    assert not [name for name in touched if "secret" in name or "passwd" in name], touched
    assert not [each for each in opened if each[0] in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen")]
    watching = True
    assert decode_image(secret.read_bytes()).ndim == 3  # the hook would have seen it
    watching = False
    assert any("secret" in str(arguments[0]) for event, arguments in opened if event == "open")
