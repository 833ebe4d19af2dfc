"""Where no project is installed, nothing that is missing can be of another declaration: it is a defect."""

import psycopg
import pytest

from models.engine import make_engine
from models.errors import StatementFailed
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.limits import RegionLimits
from views_sql.voice.catalog import CATALOG
from web.reads.read_path import ReadPath

REPLACED = """
CREATE OR REPLACE FUNCTION frontview.dashboard_overview(p_user frontview.user_key, p_base boolean)
RETURNS frontview.answer LANGUAGE plpgsql STABLE AS $$ BEGIN {} END $$
"""


@pytest.mark.parametrize(
    ("damage", "sqlstate"),
    [
        (REPLACED.format("PERFORM a_table_that_was_dropped.id FROM a_table_that_was_dropped;"), "42P01"),
        (REPLACED.format("PERFORM a_function_that_was_dropped(1);"), "42883"),
        ("DROP FUNCTION frontview.dashboard_overview", "42883"),
    ],
)
def test_a_missing_object_is_a_defect(
    connection: psycopg.Connection, database_url: str, damage: str, sqlstate: str
) -> None:
    connection.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")
    connection.execute(damage.encode())
    engine = make_engine(database_url, "frontview-test")
    cache = FrontCache([RegionLimits(region.name, 10, 10_000) for region in CATALOG.regions])
    try:
        with pytest.raises(StatementFailed) as caught:
            ReadPath(engine, cache, CATALOG).read("overview", 1, {})
        assert caught.value.sqlstate == sqlstate
    finally:
        engine.dispose()
