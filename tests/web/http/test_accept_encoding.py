"""Who gets gzip: clients that take it and do not like the plain answer better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.http.accept_encoding import accepts_gzip


@pytest.mark.parametrize(
    "header",
    [
        "gzip",
        "gzip, deflate, br",
        "GZip;q=0.5",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "x-gzip",
        "*",
        "identity;q=0, *",
        "identity;q=0.5, gzip;q=0.5",
        "nonsense=;;, gzip ; q=1.000",
        "deflate,\tgzip",
    ],
)
def test_gzip_is_taken(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "identity",
        "br, deflate",
        "gzip;q=0",
        "gzip;q=0.000, *",
        "*;q=0",
        "gzip;q=0.5, identity",
        "gzip;q=high",
        "gzip;level=9",
        "gzipped",
        "gzip " * 100,
    ],
)
def test_gzip_is_not_taken(header: str | None) -> None:
    assert not accepts_gzip(header)


@given(st.text())
def test_any_text_is_a_header(header: str) -> None:
    assert accepts_gzip(header) in (True, False)
