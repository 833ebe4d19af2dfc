"""A project as a running system: a shop whose buyers have keys of one kind, declared, migrated, refreshed and served.

Invariant: the claim of a token that holds the key is no usual one, so a page that read ``sub`` would find nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from models.user_key import UserKey
from tests.fix_app import System, start_everything
from tests.fix_postgres import Server
from tests.web.declared.conftest import install

CLAIM = "account.id"
TYPES = {"integer": "bigint", "uuid": "uuid", "text": "text"}
KEYS: dict[str, tuple[UserKey, ...]] = {
    "integer": (7, 12, 2**53 + 1),
    "uuid": (
        "0b6e7bb2-7f0c-4b5e-8f0a-1c2d3e4f5a6b",
        "5d1c4d6e-0d5b-4a39-9f3e-8a1f6b2c7d80",
        "f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
    ),
    "text": ("ann", "Bob, the 2nd; --", "7"),
}
TABLES = """
CREATE SCHEMA "Shop";
CREATE TABLE "Shop"."Buyer" ("Id" {type} PRIMARY KEY, "fullName" text);
CREATE TABLE "Shop"."Sale" (
    "id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "buyer" {type} NOT NULL REFERENCES "Shop"."Buyer",
    "at" timestamptz NOT NULL, "total" numeric(12, 2) NOT NULL, "country" text
);
CREATE INDEX ON "Shop"."Sale" ("buyer", "at");
CREATE INDEX ON "Shop"."Sale" ("at");
"""
ROWS = """
INSERT INTO "Shop"."Sale" ("buyer", "at", "total", "country")
SELECT "Id", now() - n * interval '7 hours', n % 50 + 0.25, (ARRAY['DE', 'FR', NULL])[1 + n % 3]
FROM "Shop"."Buyer", generate_series(1, 300) n
"""
DECLARED = f"""
[user]
table = "Shop.Buyer"
claim = "{CLAIM}"
zone = "America/Bogota"

[view.sales]
table = "Shop.Sale"
time = "at"
dimensions = {{ country = "country" }}
[view.sales.measures]
sales = "count"
revenue = {{ sum = "total", unit = "currency:EUR", label = "Revenue <before tax>" }}
mean = {{ avg = "total", decimals = 2 }}
countries = {{ distinct = "country" }}
dearest_place = {{ max = "country" }}

[view.lifetime]
table = "Shop.Sale"
measures = {{ sales = "count", latest = {{ max = "at" }} }}
"""


@contextmanager
def running_project(server: Server, folder: Path, kind: str) -> Iterator[System]:
    """Yield the system on a database of its own."""
    url = server.create(None)
    with psycopg.connect(url, autocommit=True) as connection:
        _fill(connection, kind)
    install(url, folder, DECLARED)
    system = System(url, folder)
    system.claim = CLAIM
    try:
        yield start_everything(system)
    finally:
        try:
            system.close()
        finally:
            server.drop(url)


def _fill(connection: psycopg.Connection[Any], kind: str) -> None:
    connection.execute(TABLES.format(type=TYPES[kind]).encode())
    with connection.cursor() as cursor:
        cursor.executemany('INSERT INTO "Shop"."Buyer" ("Id") VALUES (%s)', [(key,) for key in KEYS[kind]])
    connection.execute(ROWS.encode())
