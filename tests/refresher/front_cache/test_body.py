"""The framing of compressed answers: any gzip reader and any other client receive the same bytes."""

import gzip
import io
import random
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refresher.front_cache.body import MOST_STORED_BYTES, OPENING, Deflated, body_data, compressed, deflate

# Few draws make long texts, compressible ones and others; the lengths around a stored block's are named below.
TEXTS = st.builds(lambda seed, times, tail: seed * times + tail, st.binary(), st.integers(0, 5000), st.binary())


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, rest=TEXTS)
@example(b"", b"")
@example(b"a", b"x" * MOST_STORED_BYTES)
@example(b"a", b"x" * (MOST_STORED_BYTES + 1))
@example(b"", b"x" * (2 * MOST_STORED_BYTES))
@example(b"x" * 3 * MOST_STORED_BYTES, b"y" * (2 * MOST_STORED_BYTES + 1))
def test_what_a_gzip_reader_makes_of_it_is_what_others_get(text: bytes, rest: bytes) -> None:
    deflated = deflate(text)
    member = deflated.gzip(rest)
    assert gzip.decompress(member) == deflated.text() + rest == text + rest
    one = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert one.decompress(member) + one.flush() == text + rest
    assert (one.eof, one.unused_data) == (True, b""), "one member, and nothing behind it"
    with gzip.open(io.BytesIO(member)) as piecewise:
        assert piecewise.read(len(text)) == text


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, rest=st.binary(min_size=1), at=st.integers(0))
def test_damage_is_noticed(text: bytes, rest: bytes, at: int) -> None:
    member = bytearray(deflate(text).gzip(rest))
    member[-9 - at % len(rest)] ^= 1  # within the stored rest
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(bytes(member))


@settings(max_examples=100, deadline=None)
@given(data=TEXTS)
def test_the_data_comes_back_however_it_is_kept(data: bytes) -> None:
    body = compressed(data)
    assert body_data(body) == data
    assert len(body) <= len(data)
    if isinstance(body, Deflated):
        assert body.text() == OPENING + data


def test_text_is_compressed_well() -> None:
    text = b'{"loans":1},' * 2000
    kept = compressed(text)
    assert isinstance(kept, Deflated)
    assert len(kept) < len(text) / 20


def test_what_does_not_get_smaller_is_kept_as_it_is() -> None:
    noise = random.Random(1).randbytes(20_000)
    assert compressed(noise) is noise
