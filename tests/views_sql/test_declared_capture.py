"""What writers of a declared table log, whatever they do to it: every key that changed, and nothing that did not."""

import random
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.views_sql.declared_stage import COLUMNS, KINDS, MAKE, NOON, ORDERS, SCHEMA, Stage, T, captured, of_kind
from views_sql.declaration.proven import ProvenSource, ProvenTable, TableKind, Watched
from views_sql.generation.declared_capture import capture_declared, stop_declared
from web.doctor.schema import TRIGGERS

DAYLESS = "-infinity"
EVERY_KEY = (None, DAYLESS)
FIRST, SECOND = (1, "2026-03-01"), (2, "2026-03-01")


@pytest.fixture(scope="module")
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template)
    yield made
    any_server.drop(made)


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest, any_server: Server, url: str) -> Iterator[Stage]:
    with captured(any_server, url, MAKE[request.param], [of_kind(request.param)]) as opened:
        yield opened


@pytest.fixture
def plain(any_server: Server, url: str) -> Iterator[Stage]:
    with captured(any_server, url, MAKE["plain"], [ORDERS]) as opened:
        yield opened


@pytest.fixture
def parted(any_server: Server, url: str) -> Iterator[Stage]:
    with captured(any_server, url, MAKE["partitioned"], [of_kind("partitioned")]) as opened:
        yield opened


class TestKeys:
    def test_an_insert_logs_each_key_once_with_the_day_of_the_zone(self, stage: Stage) -> None:
        stage.run(f"""INSERT INTO {T} (id, "customerId", "createdAt") VALUES (1, 1, '2026-03-01 22:59Z'),
            (2, 1, '2026-03-01 12:00Z'), (3, 1, '2026-03-01 23:00Z'), (4, 2, '{NOON}')""")

        assert stage.logged() == [FIRST, (1, "2026-03-02"), SECOND]

    @pytest.mark.parametrize(
        ("user", "time"),
        [
            (None, NOON),
            (1, None),
            (1, "infinity"),
            (1, "-infinity"),
            (1, "0044-03-15 12:00+00 BC"),
            (1, "10000-01-01 00:00+00"),
            (1, "294276-12-31 23:59:59+00"),
        ],
    )
    def test_a_row_without_user_or_day_logs_nothing(self, stage: Stage, user: int | None, time: str | None) -> None:
        stage.insert((1, user, time))
        stage.run(f'UPDATE {T} SET "total %" = 2')
        stage.run(f"DELETE FROM {T}")

        assert stage.logged() == []

    def test_such_rows_hide_no_other_row_of_their_statement(self, stage: Stage) -> None:
        stage.run(f"""INSERT INTO {T} (id, "customerId", "createdAt") VALUES (1, NULL, '{NOON}'), (2, 1, NULL),
            (3, 1, '{NOON}')""")
        assert stage.logged() == [FIRST]
        stage.run(f'UPDATE {T} SET "total %" = 3')
        assert stage.logged() == [FIRST]
        stage.run(f"DELETE FROM {T}")
        assert stage.logged() == [FIRST]

    def test_a_row_that_gets_or_loses_user_or_day_logs_the_key_that_it_has(self, stage: Stage) -> None:
        stage.insert((1, None, NOON))
        stage.run(f'UPDATE {T} SET "customerId" = 1')
        assert stage.logged() == [FIRST]
        stage.run(f"UPDATE {T} SET \"createdAt\" = 'infinity'")
        assert stage.logged() == [FIRST]

    def test_a_move_logs_both_keys(self, stage: Stage) -> None:
        stage.insert((1, 1, NOON))
        stage.logged()
        stage.run(f'UPDATE {T} SET "customerId" = 2')
        assert stage.logged() == [FIRST, SECOND]
        stage.run(f"""UPDATE {T} SET "createdAt" = '2026-04-01 12:00Z'""")
        assert stage.logged() == [SECOND, (2, "2026-04-01")]

    def test_an_update_that_changes_nothing_watched_logs_nothing(self, stage: Stage) -> None:
        stage.run(f"""INSERT INTO {T} SELECT 10 * g, 1, '{NOON}', 1.5, '{{"a":1}}' FROM generate_series(1, 20) g""")
        stage.logged()

        stage.run(f"UPDATE {T} SET note = 'new'", f'UPDATE {T} SET "total %" = "total %", "raw" = "raw"')

        assert stage.logged() == []

    @pytest.mark.parametrize("change", ['"total %" = 1.50', "raw = '{\"a\": 1}'", "raw = NULL"])
    def test_an_update_that_changes_what_is_shown_logs_the_key_though_the_values_may_be_equal(
        self, stage: Stage, change: str
    ) -> None:
        stage.run(f"""INSERT INTO {T} VALUES (1, 1, '{NOON}', 1.5, '{{"a":1}}'), (2, 2, NULL, 1.5, '{{"a":1}}')""")
        stage.logged()

        stage.run(f"UPDATE {T} SET {change}")

        assert stage.logged() == [FIRST]

    def test_rows_that_exchange_values_within_a_key_log_nothing_they_need_not(self, parted: Stage) -> None:
        """As multisets: a sum by user and day is the same."""
        parted.run(f"""INSERT INTO {T} VALUES (1, 1, '{NOON}', 1), (2, 1, '{NOON}', 2)""")
        parted.logged()

        parted.run(f'UPDATE {T} SET "total %" = 3 - "total %"')

        assert parted.logged() == []

    def test_truncate_logs_every_key(self, stage: Stage) -> None:
        stage.run(f"TRUNCATE ONLY {T}" if stage.source.table.kind == "inherited" else f"TRUNCATE {T}")

        assert EVERY_KEY in stage.logged()

    def test_truncate_cascade_reaches_it(self, plain: Stage) -> None:
        plain.run(f'CREATE TABLE "{SCHEMA}".parent (id bigint PRIMARY KEY)')
        plain.run(f'ALTER TABLE {T} ADD FOREIGN KEY ("customerId") REFERENCES "{SCHEMA}".parent')

        plain.run(f'TRUNCATE "{SCHEMA}".parent CASCADE')

        assert plain.logged() == [EVERY_KEY]


class TestStatements:
    def test_an_upsert(self, stage: Stage) -> None:
        stage.insert((1, 1, NOON), (2, 1, "2026-05-05 12:00Z"))
        stage.logged()

        stage.run(f"""INSERT INTO {T} VALUES (1, 9, '{NOON}', 5), (3, 2, '{NOON}', 5)
            ON CONFLICT (id) DO UPDATE SET "total %" = excluded."total %" """)
        assert set(stage.logged()) == {FIRST, SECOND}

        stage.run(f"INSERT INTO {T} VALUES (1, 9, '{NOON}', 5) ON CONFLICT (id) DO UPDATE SET note = 'x'")
        assert stage.logged() == []

    def test_merge(self, stage: Stage) -> None:
        stage.insert((1, 1, NOON), (2, 2, NOON), (3, 3, NOON))
        stage.logged()
        returning = "RETURNING merge_action()" if stage.version >= 170000 else ""

        stage.run(f"""MERGE INTO {T} t USING (VALUES (1), (2), (3), (4)) v (id) ON t.id = v.id
            WHEN MATCHED AND v.id = 1 THEN DELETE
            WHEN MATCHED AND v.id = 2 THEN UPDATE SET "total %" = 7
            WHEN MATCHED THEN UPDATE SET note = 'seen'
            WHEN NOT MATCHED THEN INSERT VALUES (v.id, 4, '{NOON}') {returning}""")

        assert stage.logged() == [FIRST, SECOND, (4, "2026-03-01")]

    def test_copy(self, stage: Stage) -> None:
        with stage.c.cursor().copy(f'COPY {T} (id, "customerId", "createdAt") FROM STDIN'.encode()) as copy:
            for row in ((1, 1, NOON), (2, 1, NOON), (3, None, NOON)):
                copy.write_row(row)

        assert stage.logged() == [FIRST]

    @pytest.mark.parametrize("member", ["low", '"High"'])
    @pytest.mark.parametrize("kind", ["partitioned", "inherited"])
    def test_dml_straight_on_a_partition_or_child(self, any_server: Server, url: str, kind: str, member: str) -> None:
        leaf, first = f'"{SCHEMA}".{member}', 1 if member == "low" else 101
        with captured(any_server, url, MAKE[kind], [of_kind(kind)]) as stage:  # type: ignore[arg-type,index]
            stage.insert((first, 1, NOON), (first + 1, 2, NOON), table=leaf)
            assert stage.logged() == [FIRST, SECOND]
            stage.run(f"UPDATE {leaf} SET note = 'x'", f'UPDATE {leaf} SET "total %" = 3 WHERE id = {first}')
            assert stage.logged() == [FIRST]
            stage.run(f'UPDATE {T} SET "total %" = 4 WHERE id = {first + 1}')
            assert stage.logged() == [SECOND]
            stage.run(f"DELETE FROM {leaf} WHERE id = {first}")
            assert stage.logged() == [FIRST]
            stage.run(f"TRUNCATE {leaf}")
            assert stage.logged() == [EVERY_KEY]

    def test_a_row_that_moves_between_partitions(self, parted: Stage) -> None:
        parted.insert((1, 1, NOON))
        parted.logged()
        parted.run(f"UPDATE {T} SET id = 101")
        assert parted.logged() == []
        parted.run(f'UPDATE {T} SET id = 1, "customerId" = 2')
        assert parted.logged() == [FIRST, SECOND]

    def test_serializable_writers_of_other_rows_do_not_fail_for_it(self, plain: Stage) -> None:
        plain.insert((1, 1, NOON), (2, 2, NOON))
        with plain.other() as one, plain.other() as two:
            for c, row in ((one, 1), (two, 2)):
                c.execute("SET default_transaction_isolation = serializable; BEGIN")
                c.execute(f'UPDATE {T} SET "total %" = 5 WHERE id = {row}'.encode())
                c.execute(f"INSERT INTO {T} VALUES ({row + 10}, {row}, '{NOON}')".encode())
            one.execute("COMMIT")
            two.execute("COMMIT")
        assert set(plain.logged()) == {FIRST, SECOND}

    @pytest.mark.proof
    @pytest.mark.parametrize("change", ["note = 'x'", '"total %" = 2'])
    def test_an_update_of_any_number_of_rows_needs_no_temporary_file(self, plain: Stage, change: str) -> None:
        plain.run(f"INSERT INTO {T} SELECT g, 1, '{NOON}', 1 FROM generate_series(1, 60000) g")
        plain.logged()
        with plain.other() as c:
            c.execute("SET work_mem = '64kB'; SET temp_file_limit = 0")
            c.execute(f"UPDATE {T} SET {change}".encode())
        assert set(plain.logged()) == (set() if change.startswith("note") else {FIRST})


class TestWhatTheHostMayDo:
    @pytest.mark.parametrize(
        "rename",
        [
            f'ALTER TABLE {T} RENAME "customerId" TO buyer',
            f'ALTER TABLE {T} RENAME "createdAt" TO "placed at"',
            f'ALTER TABLE {T} RENAME "total %" TO amount',
            f'ALTER TABLE {T} RENAME "customerId" TO buyer; ALTER TABLE {T} RENAME id TO "customerId"',
        ],
    )
    def test_rename_a_column_while_writers_go_on(self, stage: Stage, rename: str) -> None:
        """What follows the rename logs the same keys; what cannot logs every key."""
        stage.insert((1, 1, NOON), (2, 2, NOON))
        with stage.other() as writer:
            writer.execute(f"PREPARE write AS INSERT INTO {T} VALUES ($1, 1, '{NOON}', 1)".encode())
            writer.execute("EXECUTE write (3)")
            stage.logged()
            stage.run(rename)
            writer.execute("EXECUTE write (4)")
            watched_only = "total" in rename and "createdAt" not in rename
            exact = stage.follows_renames or watched_only
            assert stage.logged() == ([FIRST] if exact else [EVERY_KEY])
            writer.execute(f"UPDATE {T} SET note = 'x'".encode())
            logged = set(stage.logged())
            assert logged <= {EVERY_KEY} if not stage.follows_renames else logged == set()
            amount = "amount" if watched_only else '"total %"'
            writer.execute(f"UPDATE {T} SET {amount} = 2".encode())
            logged = set(stage.logged())
            assert logged in ({FIRST, SECOND}, {EVERY_KEY})
            assert logged == {FIRST, SECOND} or not stage.follows_renames
            writer.execute(f"DELETE FROM {T}".encode())
            assert set(stage.logged()) == ({FIRST, SECOND} if exact else {EVERY_KEY})

    def test_rename_a_column_of_a_table_whose_partitions_are_written_to(self, parted: Stage) -> None:
        parted.run(f'ALTER TABLE {T} RENAME "customerId" TO buyer')
        for leaf in ("low", '"High"'):
            parted.run(f"""INSERT INTO "{SCHEMA}".{leaf} (id, buyer, "createdAt")
                VALUES ({1 if leaf == "low" else 101}, 1, '{NOON}')""")
            parted.run(f'UPDATE "{SCHEMA}".{leaf} SET buyer = 2', f'DELETE FROM "{SCHEMA}".{leaf}')

        assert set(parted.logged()) == {EVERY_KEY}

    @pytest.mark.parametrize(
        "rename", [f'ALTER TABLE {T} RENAME TO "Orders"', f'ALTER SCHEMA "{SCHEMA}" RENAME TO moved']
    )
    def test_rename_table_or_schema_while_writers_go_on(self, stage: Stage, rename: str) -> None:
        table = f'"{SCHEMA}"."Orders"' if 'TO "Orders"' in rename else 'moved."Order"'
        with stage.other() as writer:
            writer.execute(f"INSERT INTO {T} VALUES (1, 1, '{NOON}', 1)".encode())
            stage.logged()
            stage.run(rename)
            for statement in (
                f"INSERT INTO {{}} VALUES (2, 1, '{NOON}')",
                'UPDATE {} SET "total %" = 9',
                "DELETE FROM {}",
            ):
                writer.execute(statement.format(table).encode())
                assert set(stage.logged()) == {FIRST}, statement

    @pytest.mark.parametrize(
        "change",
        [
            "ADD COLUMN extra_one integer DEFAULT 7",
            "ADD COLUMN extra_one double precision DEFAULT random()",
            "ADD COLUMN extra_one bigint GENERATED ALWAYS AS (id + 1) STORED",
            "ALTER COLUMN note TYPE varchar(80)",
            "DROP COLUMN note",
        ],
    )
    def test_change_other_columns_while_writers_go_on(self, stage: Stage, change: str) -> None:
        with stage.other() as writer:
            writer.execute(f"INSERT INTO {T} VALUES (1, 1, '{NOON}', 1)".encode())
            stage.logged()
            stage.run(f"ALTER TABLE {T} {change}")
            for statement in (
                f"INSERT INTO {T} VALUES (2, 1, '{NOON}')",
                f'UPDATE {T} SET "total %" = 9',
                f"DELETE FROM {T}",
            ):
                writer.execute(statement.encode())
                assert set(stage.logged()) == {FIRST}, statement

    @pytest.mark.parametrize("column", ['"customerId"', '"createdAt"', '"total %"'])
    def test_drop_a_captured_column_with_cascade_while_writers_go_on(self, stage: Stage, column: str) -> None:
        """Every key is logged from then on; the UPDATE trigger whose WHEN had the column is a gap of the coverage."""
        leaf = T if stage.source.table.kind == "plain" else f'"{SCHEMA}".low'
        with stage.other() as writer:
            writer.execute(f"PREPARE write AS INSERT INTO {T} (id) VALUES ($1)".encode())
            writer.execute("EXECUTE write (1)")
            stage.logged()
            if stage.follows_renames:
                with pytest.raises(psycopg.errors.DependentObjectsStillExist):
                    stage.run(f"ALTER TABLE {T} DROP COLUMN {column}")
            stage.run(f"ALTER TABLE {T} DROP COLUMN {column} CASCADE")
            writer.execute("EXECUTE write (2)")
            of_key = "total" not in column
            for table in (T, leaf):
                for statement in (f"INSERT INTO {table} (id) VALUES (3)", f"DELETE FROM {table}"):
                    writer.execute(statement.encode())
                    assert stage.logged()[-1:] == (
                        [EVERY_KEY] if of_key or (stage.follows_renames and table == T) else []
                    )
                writer.execute(f"INSERT INTO {table} (id) VALUES (3)".encode())
                writer.execute(f"UPDATE {table} SET note = 'x'".encode())
                writer.execute(f"TRUNCATE {table}".encode())
                assert EVERY_KEY in stage.logged()
        gaps = stage.c.execute("SELECT gaps FROM frontview.capture_coverage() WHERE source = 'orders_1'").fetchall()
        by_when = stage.source.table.kind != "partitioned" and not stage.follows_renames
        assert any("update missing" in (gap or "") for (gap,) in gaps) or not by_when

    def test_without_its_columns_a_transaction_logs_every_key_once(self, stage: Stage) -> None:
        """Also where what was logged first is undone: what comes after it is not."""
        stage.run(f'ALTER TABLE {T} DROP COLUMN "customerId" CASCADE')
        stage.run(f"INSERT INTO {T} (id) SELECT generate_series(3, 9)")
        stage.logged()
        with stage.c.transaction():
            stage.run(f"UPDATE {T} SET note = 'x'", f"DELETE FROM {T} WHERE id = 3")
        assert stage.logged() in ([EVERY_KEY], [])  # Nothing watched was changed, and a WHEN may have seen that.
        with stage.c.transaction():
            stage.run("SAVEPOINT first", f"DELETE FROM {T} WHERE id = 4", "ROLLBACK TO first")
            stage.run(*(f"DELETE FROM {T} WHERE id = {n}" for n in (5, 6, 7)))
        assert stage.logged() == [EVERY_KEY]

    def test_drop_a_partition(self, parted: Stage) -> None:
        parted.run(f'DROP TABLE "{SCHEMA}"."High"')

    def test_detach_a_partition_and_change_it(self, parted: Stage) -> None:
        leaf = f'"{SCHEMA}"."High"'
        parted.run(f"ALTER TABLE {T} DETACH PARTITION {leaf}")
        parted.insert((101, 1, NOON), table=leaf)
        parted.run(f"ALTER TABLE {leaf} ADD COLUMN own integer", f"ALTER TABLE {leaf} DROP COLUMN note")
        parted.run(f"UPDATE {leaf} SET own = 1", f"DELETE FROM {leaf}")

    def test_add_a_column_to_a_child_alone(self, any_server: Server, url: str) -> None:
        with captured(any_server, url, MAKE["inherited"], [of_kind("inherited")]) as stage:
            leaf = f'"{SCHEMA}"."High"'
            stage.run(f"ALTER TABLE {leaf} ADD COLUMN own integer")
            stage.insert((1, 1, NOON), table=leaf)
            assert stage.logged() == [FIRST]


HOSTILE = ('a"b', "it's 100%", "back\\slash", "$body$ $capture$", "{{user}} {{day}}", "%s %I", "é" * 31 + "x")


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_may_be_captured(any_server: Server, url: str, name: str) -> None:
    q = '"' + name.replace('"', '""') + '"'
    source = ProvenSource(
        "names_1", ProvenTable(SCHEMA, name, "plain"), name, f"t{name[:20]}", "timestamp", "Asia/Tokyo", "UTC",
        (Watched(f"w{name[:20]}", as_text=True),),
    )  # fmt: skip
    time, watched = (f'"{it}{name[:20].replace(chr(34), chr(34) * 2)}"' for it in "tw")
    make = f'CREATE TABLE "{SCHEMA}".{q} ({q} integer, {time} timestamp, {watched} point)'
    with captured(any_server, url, make, [source]) as stage:
        stage.run(f"INSERT INTO \"{SCHEMA}\".{q} VALUES (1, '2026-03-01 20:00', '(1,1)'), (2, 'infinity', NULL)")
        assert stage.logged() == [(1, "2026-03-02")]
        stage.run(f"UPDATE \"{SCHEMA}\".{q} SET {watched} = '(1,2)'")
        assert stage.logged() == [(1, "2026-03-02")]


OWN_NAMES = """
n o r k c s v changed user_key user_id day digest difference source new_rows old_rows old new old_user new_user old_day
new_day tg_op tg_level tg_argv tg_relid captured_user_names_1 capture_names_1 named_capture_names_1 change_log
"""


@pytest.mark.parametrize("kind", ["plain", "partitioned"])
def test_columns_may_be_called_as_the_names_in_the_trigger_function_are(
    any_server: Server, url: str, kind: TableKind
) -> None:
    table = f'"{SCHEMA}".o'
    names = OWN_NAMES.split()[2:]
    watched = tuple(map(Watched, names))
    source = ProvenSource("names_1", ProvenTable(SCHEMA, "o", kind), "n", "o", "date", None, "UTC", watched)
    columns = ", ".join(f'"{name}" integer' for name in names)
    make = f"CREATE TABLE {table} (n integer, o date, {columns})"
    if kind == "partitioned":
        make += f' PARTITION BY LIST (n); CREATE TABLE "{SCHEMA}".part PARTITION OF {table} DEFAULT'
    day = "2026-03-01"
    with captured(any_server, url, make, [source]) as stage:
        stage.run(f"INSERT INTO {table} (n, o) VALUES (1, '{day}')")
        assert stage.logged() == [(1, day)]
        for name in names:
            stage.run(f'UPDATE {table} SET "{name}" = 7')
            assert stage.logged() == [(1, day)], name
        stage.run(f"INSERT INTO {table} (n, o) VALUES (2, '{day}'), (3, '{day}')")
        assert stage.logged() == [(2, day), (3, day)]
        stage.run(f"DELETE FROM {table} WHERE n = 1", f"DELETE FROM {table}")
        assert stage.logged() == [(1, day), (2, day), (3, day)]


def test_triggers_of_the_longest_names_are_not_cut_off(any_server: Server, url: str) -> None:
    longest = [replace(ORDERS, name=f"{'v' * 39}{last}_1001") for last in "ab"]
    with captured(any_server, url, MAKE["plain"], longest) as stage:
        gaps = stage.c.execute(
            "SELECT source, gaps FROM frontview.capture_coverage() WHERE source LIKE '%_1001'"
        ).fetchall()
        assert sorted(gaps) == [(source.name, None) for source in longest]
        assert [enabled for _, enabled in stage.c.execute(TRIGGERS).fetchall() if enabled is None] == []


def test_each_consumer_of_a_table_has_a_source_of_its_own(any_server: Server, url: str) -> None:
    users = replace(ORDERS, name="list_1", time_column=None, time_kind=None, zone=None, watched=(Watched("note"),))
    dates = ProvenSource(
        "dates_1", ProvenTable(SCHEMA, "Order", "plain"), "customerId", "due", "date", None, "UTC", ()
    )  # fmt: skip
    make = f"CREATE TABLE {T} (id bigint, {COLUMNS}, due date)"
    with captured(any_server, url, make, [ORDERS, users, dates]) as stage:

        def by_source() -> set[tuple[str, str]]:
            rows = stage.c.execute("SELECT source, day::text FROM frontview.change_log").fetchall()
            stage.c.execute("DELETE FROM frontview.change_log")
            return set(rows)

        stage.run(f"INSERT INTO {T} (id, \"customerId\", due) VALUES (1, 1, '2026-01-01')")
        assert by_source() == {("list_1", DAYLESS), ("dates_1", "2026-01-01")}
        stage.run(f"UPDATE {T} SET note = 'x'")
        assert by_source() == {("list_1", DAYLESS)}
        stage.run(f"UPDATE {T} SET \"createdAt\" = '{NOON}'")
        assert by_source() == {("orders_1", "2026-03-01")}
        stage.run(f"UPDATE {T} SET due = 'infinity'")
        assert by_source() == {("dates_1", "2026-01-01")}


def test_stopping_leaves_the_table_as_it_was(any_server: Server, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as c:
        what = (
            "SELECT (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger), "
            "(SELECT count(*) FROM pg_depend), (SELECT count(*) FROM frontview.source)"
        )
        c.execute(f'CREATE SCHEMA "{SCHEMA}"'.encode())
        c.execute(MAKE["partitioned"].encode())
        before = c.execute(what).fetchone()
        for statement in [*capture_declared(of_kind("partitioned")), *stop_declared("orders_1")]:
            c.execute(statement.encode())
        assert c.execute(what).fetchone() == before
        c.execute(f'DROP SCHEMA "{SCHEMA}" CASCADE'.encode())


def test_the_end_of_capture_is_logged_as_a_change_of_every_key(plain: Stage) -> None:
    # A web worker that was started before keeps no answer that it would never hear about again.
    plain.run("BEGIN", *stop_declared(plain.source.name))
    assert plain.logged() == [(None, "-infinity")]
    plain.run("ROLLBACK")


CHANGED = f"""
WITH wrong AS (
    (SELECT * FROM before EXCEPT ALL SELECT "customerId", "createdAt", "total %"::text, raw::text FROM {T})
    UNION ALL
    (SELECT "customerId", "createdAt", "total %"::text, raw::text FROM {T} EXCEPT ALL SELECT * FROM before)
)
SELECT DISTINCT u, (t AT TIME ZONE 'Europe/Berlin')::date::text FROM wrong
WHERE u IS NOT NULL AND t > '0001-01-04 00:00+00' AND t < '9999-12-29 00:00+00'
"""
KEEP = f"""
CREATE TEMP TABLE before AS
SELECT "customerId" AS u, "createdAt" AS t, "total %"::text AS total, raw::text AS raw FROM {T}
"""


def test_random_statements_log_every_key_that_they_changed(stage: Stage) -> None:
    chance = random.Random(f"{stage.version} {stage.source.table.kind}")
    for _ in range(60):
        stage.run("DROP TABLE IF EXISTS pg_temp.before", KEEP)
        statement = _statement(chance)
        stage.run(statement)
        changed = set(stage.c.execute(CHANGED.encode()).fetchall())
        logged = set(stage.logged())
        assert changed <= logged, statement
        assert stage.source.table.kind != "partitioned" or logged == changed, statement


def _statement(chance: random.Random) -> str:
    def value() -> str:
        user = chance.choice(["NULL", "1", "2", "3"])
        times = ["NULL", "'infinity'", "'-infinity'", "'20000-01-01Z'", "'0300-01-01Z BC'"]
        days = [f"'2026-03-{chance.randint(1, 5)} {chance.randint(0, 23)}:30Z'" for _ in range(8)]
        return (
            f"{user}, {chance.choice(times + days)}, {chance.choice(['1', '1.0', '2', 'NULL'])}, {chance.choice(raws)}"
        )

    raws = ["NULL", "'{}'", "'{ }'"]
    low, high = sorted((chance.randint(0, 199), chance.randint(0, 199)))
    user, time, total, raw = value().split(", ")
    some = f"WHERE id BETWEEN {low} AND {high}"
    return chance.choice(
        [
            f"INSERT INTO {T} SELECT g, {value()} FROM generate_series({low}, {high}, 7) g ON CONFLICT (id) DO UPDATE "
            f'SET "total %" = excluded."total %", note = \'n\'',
            f"INSERT INTO {T} VALUES ({low}, {value()}) ON CONFLICT DO NOTHING",
            f'UPDATE {T} SET "customerId" = {user} {some}',
            f'UPDATE {T} SET "createdAt" = {time} {some}',
            f'UPDATE {T} SET "total %" = {total}, raw = {raw} {some}',
            f"UPDATE {T} SET note = 'x' {some}",
            f'UPDATE {T} SET "total %" = "total %" + id % 3 {some}',
            f"DELETE FROM {T} {some} AND id % 5 = 0",
        ]
    )


def test_a_writer_needs_no_right_beyond_its_table(plain: Stage) -> None:
    role = f"writer_{plain.c.info.dbname}"
    plain.run(f"CREATE ROLE {role}", f'GRANT USAGE ON SCHEMA "{SCHEMA}" TO {role}', f"GRANT ALL ON {T} TO {role}")
    try:
        plain.run(f"SET ROLE {role}")
        plain.insert((1, 1, NOON))
        plain.run(f'UPDATE {T} SET "total %" = 2', f"DELETE FROM {T}")
        for call in ("frontview.capture_orders_1()", f"frontview.captured_user_orders_1(NULL::{T})"):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction)):
                plain.run(f"SELECT {call}")
    finally:
        plain.run("RESET ROLE", f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert plain.logged() == [FIRST] * 3
