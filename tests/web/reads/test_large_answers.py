"""Large answers: kept compressed, the same to every client and through both ways in."""

import gzip

import pytest

from refresher.front_cache.body import compressed
from tests.web.web_fakes import NOW, FakeWorker, bearer, make_app, make_held
from web.reads.read_path import cached_reading

LOANS = "/api/v1/view/loans"
DATA = b'{"fees":9007199254740993,"series":[' + b",".join([b'{"day":1}'] * 3000) + b"]}"
LARGE = make_held(compressed(DATA))
VARYING = {"X-Request-Id", "Server-Timing"}


@pytest.fixture
def client():
    worker = FakeWorker()
    worker.read_path.held, worker.read_path.outcome = LARGE, cached_reading(LARGE, NOW)
    return make_app(worker, access_log=False).test_client()


@pytest.mark.parametrize("accepted", ["gzip, br", "identity", None])
def test_both_ways_in_answer_alike(client, accepted):
    headers = bearer() | ({"Accept-Encoding": accepted} if accepted else {})
    by_flask, by_front = (client.get(LOANS, headers=headers) for _ in range(2))
    assert by_front.data == by_flask.data
    assert {name: value for name, value in by_front.headers.items() if name not in VARYING} == {
        name: value for name, value in by_flask.headers.items() if name not in VARYING
    }


def test_who_takes_gzip_gets_the_same_text_as_who_does_not(client):
    plain = client.get(LOANS, headers=bearer() | {"Accept-Encoding": "gzip;q=0"})
    packed = client.get(LOANS, headers=bearer() | {"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert plain.data.startswith(b'{"data":' + DATA + b',"meta":{')
    assert len(packed.data) < len(plain.data) / 10
    assert ("Content-Encoding" in plain.headers, packed.headers["Content-Encoding"]) == (False, "gzip")
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Authorization, Accept-Encoding"


def test_a_small_answer_goes_out_as_it_is(client):
    worker = FakeWorker()
    answer = make_app(worker, access_log=False).test_client().get(LOANS, headers=bearer() | {"Accept-Encoding": "*"})
    assert answer.headers["Vary"] == "Authorization"
    assert "Content-Encoding" not in answer.headers
    assert answer.json["data"]["user_id"] == 7


def test_not_modified_says_what_it_varies_by_and_has_no_coding(client):
    headers = bearer() | {"Accept-Encoding": "gzip", "If-None-Match": LARGE.etag}
    for _ in range(2):
        answer = client.get(LOANS, headers=headers)
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["Vary"] == "Authorization, Accept-Encoding"
        assert "Content-Encoding" not in answer.headers


def test_head_tells_the_length_that_get_has(client):
    headers = bearer() | {"Accept-Encoding": "gzip"}
    head, got = client.head(LOANS, headers=headers), client.get(LOANS, headers=headers)
    assert head.headers["Content-Length"] == str(len(got.data))
    assert head.headers["Content-Encoding"] == "gzip"
