"""Fixtures of the tests of refreshes."""

from collections.abc import Iterator

import pytest

from models.engine import connect
from tests.fix_postgres import Server
from tests.refresher.refreshing.refreshed import Refreshed, populate


@pytest.fixture
def db(any_server: Server) -> Iterator[Refreshed]:
    url = any_server.create_prepared("refreshed", populate, any_server.template)
    with connect(url, "frontview-test") as connection:
        yield Refreshed(url, connection)
    any_server.drop(url)
