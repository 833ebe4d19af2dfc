"""New partitions and children: the leader gives them triggers, and marks at most once what came before."""

from collections.abc import Iterator

import pytest

from refresher.watch.coverage import adopt_partitions, check_coverage
from tests.fix_postgres import Server
from tests.views_sql.declared_stage import MAKE, NOON, SCHEMA, Stage, T, captured, of_kind
from views_sql.declaration.proven import TableKind

LEAF = f'"{SCHEMA}"."New 1%"'
PARTITION = f"CREATE TABLE {LEAF} PARTITION OF {T} FOR VALUES FROM (1000) TO (2000)"
CHILD = f"CREATE TABLE {LEAF} (own integer) INHERITS ({T})"
MARKS = "SELECT count(*) FROM frontview.change_log WHERE source = 'orders_1' AND user_id IS NULL"
ALARMS = "SELECT kind FROM frontview.alarm ORDER BY kind"


@pytest.fixture(scope="module")
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template)
    yield made
    any_server.drop(made)


@pytest.fixture(params=["partitioned", "inherited"])
def stage(request: pytest.FixtureRequest, any_server: Server, url: str) -> Iterator[Stage]:
    with captured(any_server, url, MAKE[request.param], [of_kind(request.param)]) as opened:
        look(opened)
        yield opened


def look(stage: Stage) -> int:
    """Look as the leader does; return how many every-key marks that made, and forget them."""
    adopt_partitions(stage.c)
    check_coverage(stage.c)
    row = stage.c.execute(MARKS).fetchone()
    stage.c.execute("DELETE FROM frontview.change_log")
    assert row is not None
    return int(row[0])


def alarms(stage: Stage) -> list[str]:
    return [kind for (kind,) in stage.c.execute(ALARMS)]


def make(stage: Stage) -> None:
    stage.run(PARTITION if stage.source.table.kind == "partitioned" else CHILD)


def test_an_empty_one_is_adopted_without_a_mark(stage: Stage) -> None:
    make(stage)

    assert [look(stage), look(stage)] == [0, 0]
    assert alarms(stage) == []
    stage.insert((1000, 1, NOON), table=LEAF)
    assert stage.logged() == [(1, "2026-03-01")]


def test_one_that_holds_rows_is_marked_once(stage: Stage) -> None:
    make(stage)
    stage.insert((1000, 1, NOON), table=LEAF)
    stage.logged()

    assert [look(stage), look(stage)] == [1, 0]
    assert alarms(stage) == ["capture_changed"]
    stage.run(f"DELETE FROM {LEAF}")
    assert stage.logged() == [(1, "2026-03-01")]


@pytest.mark.parametrize("kind", ["partitioned", "inherited"])
def test_one_that_joins_before_anybody_looked_is_marked(any_server: Server, url: str, kind: TableKind) -> None:
    with captured(any_server, url, MAKE[kind], [of_kind(kind)]) as stage:
        make(stage)
        stage.insert((1000, 1, NOON), table=LEAF)
        stage.logged()

        assert [look(stage), look(stage)] == [1, 0]


@pytest.mark.parametrize(
    "empty", ["DELETE FROM {}", "DELETE FROM {}; VACUUM {}", "TRUNCATE {}", "DELETE FROM {}; ANALYZE {}"]
)
def test_one_that_held_rows_is_marked_once(stage: Stage, empty: str) -> None:
    """A refresh in between may have seen them."""
    make(stage)
    stage.insert((1000, 1, NOON), table=LEAF)
    stage.run(*empty.format(LEAF, LEAF).split("; "))
    stage.logged()

    assert [look(stage), look(stage)] == [1, 0]


def test_one_whose_writer_is_under_way_is_adopted_later_and_nobody_waits(stage: Stage) -> None:
    make(stage)
    with stage.other() as writer:
        writer.execute(
            f'BEGIN; INSERT INTO {LEAF} (id, "customerId", "createdAt") VALUES (1000, 1, \'{NOON}\')'.encode()
        )
        assert look(stage) == 1
        assert "uncaptured" in alarms(stage)
        writer.execute("COMMIT")
    assert look(stage) == 1
    assert look(stage) == 0
    assert alarms(stage) == ["capture_changed"]


def test_a_trigger_that_somebody_disabled_is_left_alone(stage: Stage) -> None:
    leaf = f'"{SCHEMA}".low'
    stage.run(f"ALTER TABLE {leaf} DISABLE TRIGGER USER")

    look(stage)

    assert stage.c.execute(
        "SELECT bool_and(tgenabled = 'D') FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", (leaf,)
    ).fetchone() == (True,)
    assert "uncaptured" in alarms(stage)


@pytest.mark.parametrize("state", ["ENABLE", "ENABLE REPLICA"])
def test_triggers_that_are_not_always_become_it_again_and_every_key_is_marked_once(stage: Stage, state: str) -> None:
    """As after ENABLE TRIGGER ALL: a session with session_replication_role = replica was not captured."""
    stage.run(f"ALTER TABLE {T} {state} TRIGGER {'ALL' if state == 'ENABLE' else 'frontview_capture_orders_1_insert'}")
    with stage.other() as replica:
        replica.execute("SET session_replication_role = replica")
        replica.execute(f'INSERT INTO {T} (id, "customerId", "createdAt") VALUES (1, 1, \'{NOON}\')'.encode())
        stage.logged()

        assert [look(stage), look(stage)] == [1, 0]
        assert alarms(stage) == ["capture_changed"]
        replica.execute(f"DELETE FROM {T}".encode())
        assert stage.logged() == [(1, "2026-03-01")]


def test_a_trigger_that_somebody_disabled_stays_so_and_is_an_alarm(stage: Stage) -> None:
    stage.run(f"ALTER TABLE {T} ENABLE TRIGGER ALL", f"ALTER TABLE {T} DISABLE TRIGGER ALL")

    assert [look(stage), look(stage)] == [1, 1]
    assert "uncaptured" in alarms(stage)


def test_a_renamed_column_does_not_keep_one_from_being_adopted(stage: Stage) -> None:
    stage.run(f'ALTER TABLE {T} RENAME "customerId" TO buyer')
    make(stage)

    assert look(stage) == 0
    stage.run(f"INSERT INTO {LEAF} (id, buyer, \"createdAt\") VALUES (1000, 1, '{NOON}')")
    assert set(stage.logged()) == {(None, "-infinity")}


def test_the_refreshers_role_may_adopt_and_nothing_else(stage: Stage) -> None:
    make(stage)
    stage.run("SET ROLE frontview_refresher")
    try:
        adopt_partitions(stage.c)
        with pytest.raises(Exception, match="permission denied"):
            stage.run("SELECT frontview.install_triggers('orders_1')")
    finally:
        stage.run("RESET ROLE")
    assert look(stage) == 0


@pytest.mark.parametrize(
    "damage",
    [
        f"DROP TRIGGER frontview_capture_orders_1_update ON {T}",
        f"ALTER TABLE {T} DISABLE TRIGGER frontview_capture_orders_1_update",
        "CREATE OR REPLACE TRIGGER frontview_capture_orders_1_update AFTER UPDATE OF note "
        f"ON {T} FOR EACH STATEMENT EXECUTE FUNCTION {{}}()",
    ],
)
def test_a_damage_of_the_table_itself_is_left_to_the_operator(stage: Stage, damage: str) -> None:
    function = "frontview.capture_orders_1" if stage.follows_renames else "frontview.named_capture_orders_1"
    stage.run(damage.format(function))

    assert [look(stage), look(stage)] == [1, 1]
    assert "uncaptured" in alarms(stage)


@pytest.mark.parametrize(
    "join",
    [
        f"""CREATE TABLE "{SCHEMA}".root (LIKE {T}) PARTITION BY LIST (id);
        ALTER TABLE "{SCHEMA}".root ATTACH PARTITION {T} DEFAULT""",
        f'CREATE TABLE "{SCHEMA}".root (LIKE {T}); ALTER TABLE {T} INHERIT "{SCHEMA}".root',
    ],
)
def test_a_table_that_gets_a_parent_is_a_gap_while_it_has_one(any_server: Server, url: str, join: str) -> None:
    """A statement of the parent that inserts or deletes rows of the table fires none of its triggers."""
    with captured(any_server, url, MAKE["plain"], [of_kind("plain")]) as stage:
        look(stage)
        stage.run(join)

        assert [look(stage), look(stage)] == [1, 1]

        assert alarms(stage) == ["capture_changed", "uncaptured"]
        [(detail,)] = stage.c.execute("SELECT detail FROM frontview.alarm WHERE kind = 'uncaptured'").fetchall()
        assert detail.endswith("declare the root")
        part_of = f'ALTER TABLE "{SCHEMA}".root DETACH PARTITION {T}'
        stage.run(part_of if "ATTACH" in join else f'ALTER TABLE {T} NO INHERIT "{SCHEMA}".root')
        assert [look(stage), look(stage)] == [1, 0]
        assert alarms(stage) == ["capture_changed"]


def test_a_replaced_key_function_is_seen(stage: Stage) -> None:
    if not stage.follows_renames:
        pytest.skip("PostgreSQL 15 has none")
    name = f"frontview.captured_user_orders_1({T})"
    stage.run(f"CREATE OR REPLACE FUNCTION {name} RETURNS frontview.user_key LANGUAGE sql STABLE RETURN 1")

    assert [look(stage), look(stage)] == [1, 0]
