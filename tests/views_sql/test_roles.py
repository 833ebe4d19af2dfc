"""What each role may do, and that it may do no more: every table, every function, and attacks on what runs as owner."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.leading import lead
from tests.neutral.application import fill
from tests.neutral.catalog import CATALOG
from tests.neutral.reads import READS
from tests.views_sql.roles_stage import Cast, Connection, cast

VERSION_TABLE = "public.frontview_alembic_version"
EVERYTHING = {"SELECT", "INSERT", "UPDATE", "DELETE"}
WEB_READS = (
    *(
        "alarm",
        "audit",
        "declaration",
        "drain",
        "feed",
        "invalidation",
        "operator_task",
        "refresh_attempt",
        "refresh_log",
        "released",
    ),
    *("leader_note", "role_right", "seal", "source", "traffic", "view_state", "warm_plan", "worker"),
)
WEB_TABLES = {f"frontview.{name}": {"SELECT"} for name in WEB_READS} | {VERSION_TABLE: {"SELECT"}}
REFRESHER_TABLES = {
    f"frontview.{name}": EVERYTHING
    for name in (
        *("access", "alarm", "audit", "capture_state", "change_log", "drain", "feed", "invalidation", "operator_task"),
        *("leader_note", "refresh_attempt", "refresh_log", "seal", "stale_key", "traffic", "warm_plan", "worker"),
    )
} | {f"frontview.{name}": {"SELECT"} for name in ("declaration", "ready_view", "role_right", "source", "view_state")}
REFRESHER_TABLES[VERSION_TABLE] = {"SELECT"}
REFRESHER_TABLES["frontview.sign_in_code"] = {"DELETE"}
for _view in CATALOG.views:
    for _part in (*_view.tiers, "live"):
        REFRESHER_TABLES[f"frontview.{_view.name}_{_part}"] = {"SELECT"}

BOTH = {"request_invalidation", "request_task", "missing_rights", "tier_holds", "rows_of_source"}
WEB_ALONE = {"report_worker", "report_accesses", "redeem_sign_in_code"}
WEB_FUNCTIONS = BOTH | WEB_ALONE | {"user_1_shown"} | {d.function.split(".")[1] for d in CATALOG.dashboards}
REFRESHER_FUNCTIONS = BOTH | {
    *(
        "begin_read",
        "find_stale_days",
        "storage_changed",
        "rewritten",
        "rows_added",
        "reset_drain",
        "drain_changes",
        "collect_stale_keys",
        "request_seal",
        "unseal",
        "seal_is_due",
        "prune_change_log",
    ),
    *(
        "forget_feed",
        "capture_coverage",
        "check_capture",
        "adopt_partitions",
        "load_zones",
        "refresh_tier",
        "analyze_tier",
        "activate_declaration",
        "drop_retired",
    ),
    *(f"{view.name}_merged" for view in CATALOG.views),
    *(
        f"{view.name}_{function}"
        for view in CATALOG.views
        if view.day_column
        for function in ("by_day_merged", "compact", "move_horizon", "rebuild", "seal", "compare_sealed", "erase")
    ),
}
ATTEMPTS = {
    "SELECT": "SELECT * FROM {table} LIMIT 0",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = {column} WHERE FALSE",
    "DELETE": "DELETE FROM {table} WHERE FALSE",
    "TRUNCATE": "TRUNCATE {table}",
}
RELATIONS = """
SELECT n.nspname || '.' || c.relname, (
    SELECT a.attname FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attidentity = '' ORDER BY a.attnum LIMIT 1
)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('frontview', 'public') AND c.relkind IN ('r', 'p', 'v', 'm')
"""
FUNCTIONS = """
SELECT p.proname, format('SELECT frontview.%I(%s)', p.proname, (
    -- A sub-select, since the planner replaces a strict function of NULLs without checking rights.
    SELECT string_agg(format('(SELECT NULL::%s)', t::regtype), ', ' ORDER BY n)
    FROM unnest(p.proargtypes) WITH ORDINALITY a (t, n)
))
FROM pg_proc p WHERE p.pronamespace = 'frontview'::regnamespace ORDER BY 1
"""
# No right; or a view, which takes no such thing; or an identity behind a view, of which PostgreSQL says so first.
REFUSED = {"42501", "42809", "0A000", "55000", "428C9"}


@pytest.fixture(scope="module")
def stage(any_server: Server) -> Iterator[Cast]:
    """A database with data and populated views; tests of this module only look, or roll back."""
    with cast(any_server) as found:
        with found.session("owner") as owner:
            fill(owner, members=2)
        with found.session("refresher") as connection:
            term = lead(connection)
            drain_once(connection, term)
            for view in CATALOG.views:
                assert refresh(connection, view, view.tiers, term.epoch).outcome == "populated"
        yield found


def outcome(connection: Connection, statement: str) -> str | None:
    """Return the SQLSTATE that a statement fails with, None when it succeeds; nothing of it stays."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


def allowed(connection: Connection) -> dict[str, set[str]]:
    """Return what the session may do with each table, by trying."""
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(RELATIONS).fetchall():
        for privilege, statement in ATTEMPTS.items():
            if outcome(connection, statement.format(table=table, column=column)) not in REFUSED:
                found.setdefault(table, set()).add(privilege)
    return found


def executable(connection: Connection) -> set[str]:
    """Return the functions that the session may call, by calling each with NULLs."""
    calls = connection.execute(FUNCTIONS).fetchall()
    return {name for name, call in calls if outcome(connection, call) != "42501"}


@pytest.mark.parametrize(("who", "tables"), [("web", WEB_TABLES), ("refresher", REFRESHER_TABLES), ("stranger", {})])
def test_what_a_role_may_do_with_every_table(stage: Cast, who: str, tables: dict[str, set[str]]) -> None:
    with stage.session(who) as connection:
        assert allowed(connection) == tables


@pytest.mark.parametrize(
    ("who", "functions"), [("web", WEB_FUNCTIONS), ("refresher", REFRESHER_FUNCTIONS), ("stranger", set())]
)
def test_which_functions_a_role_may_call(stage: Cast, who: str, functions: set[str]) -> None:
    with stage.session(who) as connection:
        assert executable(connection) == functions


def test_of_base_tables_the_refresher_reads_the_user_key_alone(stage: Cast) -> None:
    columns = {(s.table.replace('"', ""), s.user_column) for s in CATALOG.sources if s.user_column}
    query = (
        "SELECT c.relnamespace::regnamespace || '.' || c.relname, a.attname FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'frontview%' "
        "AND has_column_privilege(c.oid, a.attnum, 'SELECT, INSERT, UPDATE')"
    )
    with stage.session("refresher") as connection:
        assert set(connection.execute(query).fetchall()) == columns


@pytest.mark.parametrize(
    ("who", "statement"),
    [
        ("web", "SELECT user_id FROM frontview.change_log"),
        ("web", "SELECT user_id FROM frontview.stale_key"),
        ("web", "SELECT points FROM public.member"),
        ("web", "SELECT count(*) FROM frontview.sign_in_code"),
        ("web", "SELECT frontview.make_sign_in_code('x', 'x', 60)"),
        ("web", "SELECT * FROM frontview.loans_1_live"),
        ("web", "CREATE TABLE frontview.mine ()"),
        ("web", "CREATE FUNCTION frontview.mine() RETURNS int LANGUAGE sql RETURN 1"),
        ("web", "CREATE TABLE public.mine ()"),
        ("web", "CREATE SCHEMA mine"),
        ("web", "SET ROLE frontview_owner"),
        ("web", "SET ROLE frontview_refresher"),
        ("web", "ALTER FUNCTION frontview.request_task RESET search_path"),
        ("web", "CREATE OR REPLACE FUNCTION frontview.mark() RETURNS numeric RETURN 1"),
        ("web", "REFRESH MATERIALIZED VIEW frontview.loans_1_recent"),
        ("web", "COPY public.member TO PROGRAM 'cat'"),
        ("web", "ALTER TABLE public.loan DISABLE TRIGGER ALL"),
        ("refresher", "CREATE TABLE frontview.mine ()"),
        ("refresher", "SET ROLE frontview_owner"),
        ("refresher", "SET ROLE frontview_web"),
        ("refresher", "SELECT points FROM public.member"),
        ("refresher", "SELECT digest FROM frontview.sign_in_code"),
        ("refresher", "SELECT sealed FROM frontview.sign_in_code"),
        ("refresher", "SELECT frontview.make_sign_in_code('x', 'x', 60)"),
        ("refresher", "SELECT frontview.redeem_sign_in_code('x')"),
        ("refresher", "UPDATE public.loan SET day = day"),
        ("refresher", "UPDATE frontview.view_state SET relation = 'public.member'"),
        ("refresher", "INSERT INTO frontview.source SELECT * FROM frontview.source"),
        ("refresher", "UPDATE frontview.role_right SET role = 'frontview_web'"),
        ("refresher", "DROP MATERIALIZED VIEW frontview.loans_1_recent"),
        ("refresher", "ALTER TABLE public.loan DISABLE TRIGGER ALL"),
        ("refresher", "SELECT frontview.install_triggers('loans_1')"),
        ("refresher", f"SELECT * FROM {READS['loans'].format(user=1, base=False)}"),
    ],
)
def test_what_a_role_may_not_do(stage: Cast, who: str, statement: str) -> None:
    with stage.session(who) as connection:
        assert outcome(connection, statement) == "42501"


@pytest.mark.parametrize("call", ["refresh_tier('loans_1', 'x', TRUE)", "analyze_tier('member', 'recent')"])
def test_the_refresher_names_registered_tiers_only(stage: Cast, call: str) -> None:
    with stage.session("refresher") as connection:
        assert outcome(connection, f"SELECT frontview.{call}") == "42P01"


def test_nobody_becomes_the_owner(stage: Cast) -> None:
    owner = make_url(stage.owner).username
    for who in ("web", "refresher"):
        with stage.session(who) as connection:
            assert outcome(connection, f"SET ROLE {owner}") == "42501"
            assert outcome(connection, f"SET SESSION AUTHORIZATION {owner}") == "42501"


def test_what_runs_as_its_owner_has_the_fixed_search_path(stage: Cast) -> None:
    query = (
        "SELECT proname FROM pg_proc WHERE pronamespace = 'frontview'::regnamespace AND prosecdef "
        "AND COALESCE(array_position(proconfig, 'search_path=pg_catalog, pg_temp'), 0) = 0"
    )
    with stage.session("owner") as connection:
        assert connection.execute(query).fetchall() == []


EVIL = """
CREATE FUNCTION evil.catch() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
IF current_user OPERATOR(pg_catalog.<>) session_user THEN RAISE EXCEPTION 'caught' USING ERRCODE = 'EVIL1'; END IF;
RETURN TRUE; END $$;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
"""
EVIL_FUNCTIONS = ("now() RETURNS timestamptz", "length(text) RETURNS int", "isfinite(date) RETURNS boolean")
EVIL_TYPES = ("bigint", "text", "date", "boolean")


def lay_traps(connection: Connection) -> None:
    """Shadow functions, operators and tables that Frontview's functions use, wherever a web login could."""
    connection.execute(EVIL.encode())
    for signature in EVIL_FUNCTIONS:
        kind = signature.rpartition(" ")[2]
        body = f"BEGIN PERFORM evil.catch(); RETURN NULL::{kind}; END"
        connection.execute(f"CREATE FUNCTION evil.{signature} LANGUAGE plpgsql AS $$ {body} $$".encode())
    for kind in EVIL_TYPES:
        body = "BEGIN RETURN evil.catch(); END"
        arguments = f"{kind}, {kind}"
        connection.execute(
            f"CREATE FUNCTION evil.equals({arguments}) RETURNS boolean LANGUAGE plpgsql AS $$ {body} $$".encode()
        )
        for operator in ("=", "<", "<=", ">", ">=", "<>"):
            sides = f"LEFTARG = {kind}, RIGHTARG = {kind}"
            connection.execute(f"CREATE OPERATOR evil.{operator} ({sides}, FUNCTION = evil.equals)".encode())
    for name in ("member", "loan", "renewal", "pg_class", "pg_proc", "drain", "view_state"):
        connection.execute(f"CREATE TEMP TABLE {name} (trap boolean CHECK (evil.catch()))".encode())
    connection.execute("SET search_path = evil, pg_temp, pg_catalog, public")


@pytest.fixture
def trapped(any_server: Server) -> Iterator[Cast]:
    """A database where a web login has a schema of its own, with traps in it."""
    with cast(any_server) as found:
        with found.session("owner") as owner:
            fill(owner, members=1)
        with found.session("admin") as admin:
            admin.execute(sql.SQL("CREATE SCHEMA evil AUTHORIZATION {}").format(sql.Identifier(_name(found, "web"))))
        yield found


def _name(found: Cast, who: str) -> str:
    return str(make_url(found.of(who)).username)


def _caught_as_owner(found: Cast) -> bool:
    with found.session("web") as connection:
        lay_traps(connection)
        return "EVIL1" in _states(connection)


def _states(connection: Connection) -> set[str | None]:
    states: set[str | None] = set()
    calls = [
        *(
            read.format(user=1, base=f"pg_catalog.bool '{base}'").replace("CURRENT_DATE", "pg_catalog.date 'today'")
            for read in READS.values()
            for base in "ft"
        ),
        "request_invalidation('dashboard:*', 'somebody')",
        "request_task('refresh', '{}', 'somebody')",
        "report_worker(pg_catalog.gen_random_uuid(), 'h', 1, pg_catalog.now(), '{}')",
        "report_accesses(ARRAY[ROW (1, 'view.loans', 1)]::frontview.access_count[])",
    ]
    for call in calls:
        states.add(outcome(connection, f"SELECT * FROM frontview.{call.removeprefix('frontview.')}"))
    return states


def test_nothing_that_shadows_is_used_by_what_runs_as_its_owner(trapped: Cast) -> None:
    assert not _caught_as_owner(trapped)
    with trapped.session("web") as connection:
        assert _states(connection) == {None}


def test_the_traps_catch_a_function_without_the_fixed_search_path(trapped: Cast) -> None:
    with trapped.session("owner") as owner:
        owner.execute("ALTER FUNCTION frontview.loans_1_read RESET search_path")

    assert _caught_as_owner(trapped)
