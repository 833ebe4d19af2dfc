"""A dump of a database with an installed declaration can be read back whole, and capture goes on in the copy."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, project

PARTITIONED = """
CREATE TABLE "Shop".part_visit (LIKE "Shop".visit) PARTITION BY RANGE (day);
CREATE TABLE "Shop".part_visit_all PARTITION OF "Shop".part_visit DEFAULT;
"""
BINARIES = "SELECT setting FROM pg_config WHERE name = 'BINDIR'"
TRIGGERS = (
    "SELECT tgrelid::regclass::text, tgname::text, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
)
FUNCTIONS = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'frontview'::regnamespace ORDER BY 1"
WRITES = """
INSERT INTO "Shop"."User" (id) VALUES (1);
INSERT INTO "Shop"."Order" ("customerId", "createdAt", total) VALUES (1, '2026-01-01', 5);
UPDATE "Shop"."Order" SET total = 6;
UPDATE "Shop"."Order" SET total = 6.00;
"""
LOGGED = "SELECT user_id::text, day::text FROM frontview.change_log WHERE source LIKE 'orders%' ORDER BY 1, 2"


@pytest.mark.proof
def test_a_dump_is_read_back_whole_and_writes_are_captured(any_server: Server, tmp_path: Path) -> None:
    with project(any_server, tmp_path) as shop:
        shop.c.execute(PARTITIONED)
        visits = DECLARED.replace("Shop.visit", "Shop.part_visit")
        shop.declare(visits)
        shop.run("plan", "--write")
        shop.run("migrate")
        [(binaries,)] = shop.rows(BINARIES)
        dump = tmp_path / "dump"
        subprocess.run([f"{binaries}/pg_dump", "--format=custom", f"--file={dump}", shop.url], check=True)
        copy = any_server.create(None)
        restore = [f"{binaries}/pg_restore", "--exit-on-error", f"--dbname={copy}", str(dump)]
        done = subprocess.run(restore, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

        with psycopg.connect(copy, autocommit=True) as connection:
            for query in (TRIGGERS, FUNCTIONS):
                assert connection.execute(query).fetchall() == shop.rows(query)
            connection.execute(WRITES)
            assert connection.execute(LOGGED).fetchall() == [("1", "2026-01-01")] * 2
        any_server.drop(copy)
