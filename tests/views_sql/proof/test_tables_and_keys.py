"""Tables that cannot be captured and columns that are no keys, each refused with its reason and the way out."""

from typing import Any

import psycopg
import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import UserTable
from views_sql.proof.zones import Zones, rails_zones


def faults_of(court: Court, table: str, **view: Any) -> dict[str, str]:
    """Judge a view of a table of app whose user is its column id, without a table of users."""
    return court.faults(UserTable(), **{"table": table, "user": "id", "time": "at", **view})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("public.order", "there is no table public.order; did you mean public.Order?"),
        ("public.Customers", "did you mean public.Customer?"),
        ("Order", None),
        ("app.order_view", "app.order_view is a view: changes are captured of tables only; declare the table"),
        ("app.order_stored", "is a materialized view"),
        ("pg_catalog.pg_class", "is a system table"),
        ("app.unlogged", "is unlogged: a crash empties it"),
        ("app.event_2026_01", "is a part of app.event, whose statements fire no trigger of a part: declare app.event"),
        ("app.child", "is a part of app.parent"),
    ],
)
def test_a_table(court: Court, table: str, sentence: str | None) -> None:
    faults = court.faults(table=table)
    assert sentence in faults["table"] if sentence else faults == {}


@pytest.fixture
def inside(court: Court) -> Any:
    """A transaction that is rolled back: what it makes, the next test does not see."""
    with court.connection.transaction(force_rollback=True):
        yield court.connection


def test_a_foreign_table(court: Court, inside: psycopg.Connection[Any]) -> None:
    inside.execute("CREATE FOREIGN DATA WRAPPER nowhere")
    inside.execute("CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere")
    inside.execute("CREATE FOREIGN TABLE app.remote (id bigint, at date) SERVER elsewhere")
    assert "is a foreign table" in faults_of(court, "app.remote")["table"]
    inside.execute("CREATE FOREIGN TABLE app.far () INHERITS (app.parent) SERVER elsewhere")
    assert "has the foreign table app.far as a part" in faults_of(court, "app.parent")["table"]


def test_a_part_that_a_crash_empties(court: Court, inside: psycopg.Connection[Any]) -> None:
    inside.execute("CREATE UNLOGGED TABLE app.fast () INHERITS (app.parent)")
    assert "has the part app.fast, which a crash" in faults_of(court, "app.parent")["table"]


def test_a_part_of_another_owner_is_warned_of(court: Court, inside: psycopg.Connection[Any]) -> None:
    inside.execute("GRANT USAGE ON SCHEMA app TO proof_stranger")
    inside.execute("GRANT SELECT ON app.event, app.account TO proof_stranger")
    inside.execute("ALTER TABLE app.event OWNER TO proof_stranger")
    inside.execute("SET LOCAL ROLE proof_stranger")
    view = order_view(table="app.event", time="occurred_at")
    (warning,) = court.judge(view, user=UserTable(table="app.account")).warnings
    assert warning.sentence.startswith("app.event_2026_0")


def test_a_hypertable(court: Court, inside: psycopg.Connection[Any]) -> None:
    inside.execute("CREATE SCHEMA _timescaledb_catalog")
    inside.execute("CREATE TABLE _timescaledb_catalog.hypertable (schema_name name, table_name name)")
    assert court.faults() == {}
    inside.execute("INSERT INTO _timescaledb_catalog.hypertable VALUES ('public', 'Order')")
    assert "public.Order is a hypertable" in court.faults()["table"]


def test_a_table_that_logical_replication_fills(court: Court, inside: psycopg.Connection[Any]) -> None:
    inside.execute("SET LOCAL allow_system_table_mods = on")
    inside.execute("INSERT INTO pg_subscription_rel VALUES (1, 'app.event_2026_01'::regclass, 'r', NULL)")
    faults = court.faults(UserTable(table="app.account"), table="app.event", time="occurred_at")
    assert "is filled by logical replication" in faults["table"]


def test_row_level_security_that_binds_us(court: Court, inside: psycopg.Connection[Any]) -> None:
    inside.execute('ALTER TABLE public."Order" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
    assert court.faults() == {}  # A superuser is not bound.
    _become_owner(inside)
    assert "has row level security that binds this role" in court.faults()["table"]
    inside.execute('ALTER TABLE public."Order" NO FORCE ROW LEVEL SECURITY')
    assert court.faults() == {}


def _become_owner(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE ROLE proof_owner")
    connection.execute("GRANT CREATE ON SCHEMA public TO proof_owner")
    for table in ('public."Order"', 'public."Customer"'):
        connection.execute(f"ALTER TABLE {table} OWNER TO proof_owner")
    connection.execute("SET LOCAL ROLE proof_owner")


class TestRights:
    def test_a_role_that_may_not_read_the_table_is_given_the_grant(
        self, court: Court, inside: psycopg.Connection[Any]
    ) -> None:
        inside.execute("SET LOCAL ROLE proof_stranger")
        sentence = court.faults()["table"]
        assert 'run GRANT SELECT ON "public"."Order" TO "proof_stranger";' in sentence
        sentence = court.faults(table="app.event")["table"]
        assert 'GRANT USAGE ON SCHEMA "app" TO "proof_stranger"; GRANT SELECT ON "app"."event"' in sentence

    def test_a_role_that_is_not_the_owner_may_judge_and_is_warned(
        self, court: Court, inside: psycopg.Connection[Any]
    ) -> None:
        inside.execute('GRANT SELECT ON public."Order", public."Customer" TO proof_stranger')
        inside.execute("SET LOCAL ROLE proof_stranger")
        verdict = court.judge(order_view())
        assert verdict.proven
        assert "only its owner may install the triggers" in verdict.warnings[0].sentence
        statements = [advice.statement for advice in verdict.advice]
        assert 'GRANT "postgres" TO "proof_stranger";' in statements
        assert any(statement.startswith("GRANT CREATE ON DATABASE") for statement in statements)

    def test_a_role_without_temporary_tables_is_given_the_grant(
        self, court: Court, inside: psycopg.Connection[Any]
    ) -> None:
        database = court.connection.info.dbname
        inside.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")
        inside.execute("SET LOCAL ROLE proof_stranger")
        assert list(court.faults().values()) == [
            "proof_stranger may make no temporary table, in which expressions are judged; "
            f'run GRANT TEMPORARY ON DATABASE "{database}" TO "proof_stranger";'
        ]

    def test_a_read_only_session_can_judge(self, court: Court) -> None:
        with psycopg.connect(court.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = on")
            assert Court(connection, court.url).faults() == {}


def test_a_table_that_others_hold_locked_is_a_fault(court: Court) -> None:
    with psycopg.connect(court.url) as other:
        other.execute('LOCK TABLE public."Order" IN ACCESS EXCLUSIVE MODE')
        assert "another session holds it locked" in court.faults(user="customerId")["table"]
    assert court.faults() == {}


def test_nothing_stays(court: Court) -> None:
    court.judge(order_view(where="status = 'PAID'"), order_view(where="nope"), priced=True)
    assert court.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'frontview%'"
    assert court.connection.execute(left).fetchone() == (0,)
    assert court.connection.execute("SHOW TimeZone").fetchone() != ("Etc/GMT-14",)


class TestUserKey:
    @pytest.mark.parametrize(
        ("table", "key", "sentence"),
        [
            ("app.no_unique", "id", "has no unique index of its own: a user twice would double every number"),
            ("app.nullable_key", "id", "id may be NULL: a user key never is"),
            ("app.deferrable_key", "id", "is deferrable: a user could be there twice"),
            ("app.partial_key", "id", "holds a part of the rows: a user could be there twice"),
            ("app.two_columns", "a", "a has no unique index of its own"),
            ("app.two_columns", None, "has no primary key of one column"),
            ("app.parent", None, "has children by inheritance, over which no unique index reaches"),
            ("app.other_keys", "mail", "is of type public.citext: a user key is an integer, a uuid, or text of a"),
            ("app.other_keys", "code", "is of type character(3): a user key is"),
            ("app.other_keys", "amount", "is of type numeric(10,0): a user key is"),
            ("app.other_keys", "folded", "its collation is nondeterministic: several spellings of one key"),
            ("public.Customer", "eMail", "there is no column eMail in public.Customer; did you mean email?"),
        ],
    )
    def test_it_is_refused(self, court: Court, table: str, key: str | None, sentence: str) -> None:
        assert sentence in court.faults(UserTable(table=table, key=key), user="customerId")["user.key"]

    def test_the_index_that_is_missing_is_advised(self, court: Court) -> None:
        verdict = court.judge(order_view(user="priority"), user=UserTable(table="app.no_unique", key="id"))
        assert 'CREATE UNIQUE INDEX CONCURRENTLY ON "app"."no_unique" ("id");' in [a.statement for a in verdict.advice]

    def test_another_unique_column_may_be_the_key(self, court: Court) -> None:
        assert court.faults(UserTable(table="public.Customer", key="email"), user="customerId") == {}

    def test_a_view_holds_keys_of_the_same_kind(self, court: Court) -> None:
        sentence = court.faults(UserTable(table="public.auth_user"), user="customerId")["user"]
        assert "customerId is a key of kind text, but the other user keys are of the kind integer" in sentence

    def test_the_kind_is_that_which_was_installed(self, court: Court, inside: psycopg.Connection[Any]) -> None:
        inside.execute("CREATE SCHEMA frontview")
        inside.execute("CREATE DOMAIN frontview.user_key AS text")
        assert court.faults() == {}
        inside.execute("DROP DOMAIN frontview.user_key")
        inside.execute("CREATE DOMAIN frontview.user_key AS bigint")
        assert "Frontview was installed here with the kind integer" in court.faults()["user"]

    def test_a_not_null_constraint_that_is_not_validated_proves_nothing(
        self, court: Court, inside: psycopg.Connection[Any]
    ) -> None:
        if court.connection.info.server_version < 180000:
            pytest.skip("such constraints are there from PostgreSQL 18 on")
        inside.execute("ALTER TABLE app.nullable_key ADD CONSTRAINT n NOT NULL id NOT VALID")
        assert "may be NULL" in court.faults(UserTable(table="app.nullable_key", key="id"), user="priority")["user.key"]


class TestUserOfAView:
    @pytest.mark.parametrize(
        ("view", "sentence"),
        [
            (
                {"table": "public.blog_post"},
                "has several foreign keys to public.auth_user.id; name one of author_id",
            ),
            ({"table": "public.blog_note"}, "has no foreign key of one column to public.auth_user.id; name the column"),
            ({"table": "public.blog_note", "user": "writr"}, "did you mean writer?"),
            ({"table": "public.Order", "user": "raw"}, "raw is of type json: a user key is"),
        ],
    )
    def test_it_is_refused(self, court: Court, view: dict[str, str], sentence: str) -> None:
        faults = court.faults(UserTable(table="public.auth_user"), **{"time": None, **view})
        assert sentence in faults["user"]

    def test_the_only_foreign_key_is_meant(self, court: Court) -> None:
        view = order_view(table="public.blog_comment", time="at")
        verdict = court.judge(view, user=UserTable(table="public.auth_user"))
        assert verdict.proven is not None
        assert verdict.proven.views[0].source.user_column == "author_id"

    def test_of_the_table_of_users_itself_its_key_is_meant(self, court: Court) -> None:
        verdict = court.judge(order_view(table="public.Customer", time=None))
        assert verdict.proven is not None
        assert verdict.proven.views[0].source.user_column == "id"

    def test_without_a_table_of_users_it_is_named(self, court: Court) -> None:
        assert "name the column of public.Order that holds the user key" in court.faults(UserTable())["user"]

    def test_a_virtual_generated_column_is_refused(self, court: Court) -> None:
        if court.connection.info.server_version < 180000:
            pytest.skip("virtual generated columns are there from PostgreSQL 18 on")
        assert "is a virtual generated column, which triggers see as NULL" in court.faults(user="buyer")["user"]


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        ("createdAt::date", "name the column createdAt, its day is taken in Asia/Tokyo"),
        ("date(\"createdAt\")", "name the column createdAt"),
        ("created", "there is no column created in public.Order; did you mean createdAt?"),
        ("status", 'status is of type public."OrderStatus": a time is a date, timestamp or timestamptz'),
        ("took", "a time is a date"),
    ],
)  # fmt: skip
def test_a_time(court: Court, time: str, sentence: str) -> None:
    assert sentence in court.faults(time=time, zone="Asia/Tokyo")["time"]


@pytest.mark.parametrize("zone", ["UTC", "GMT", "Europe/Paris", "America/Argentina/Buenos_Aires", "EST5EDT"])
def test_a_zone_that_is_a_place(court: Court, zone: str) -> None:
    assert court.faults(zone=zone, stored_zone=zone) == {}


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ("europe/paris", "there is no time zone europe/paris in pg_timezone_names (capitals count); did you mean Euro"),
        ("America/NewYork", "did you mean America/New_York"),
        (
            "Eastern Time (US & Canada)",
            "is Rails' own name of a time zone; write the one of pg_timezone_names, America/New_York",
        ),
        ("International Date Line West", "there is no time zone International Date Line West"),
        *((name, "is no place with rules of its own") for name in ("CET", "EST", "MET", "HST", "Factory", "PST")),
        *(
            (name, "is no place with rules of its own")
            for name in ("Etc/GMT+5", "posix/Europe/Paris", "right/Europe/Paris", "localtime")
        ),
        ("'; SELECT 1", "there is no time zone"),
    ],
)
def test_a_zone_that_is_none(court: Court, zone: str, sentence: str) -> None:
    faults = court.faults(UserTable(table="public.Customer", zone=zone), zone=zone, stored_zone=zone)
    assert set(faults) == {"user.zone", "zone", "stored_zone"}
    assert all(sentence in fault for fault in faults.values())


def test_a_database_without_an_encoding_is_refused(court: Court) -> None:
    name = "proof_ascii"
    court.connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with psycopg.connect(court.url, dbname=name, autocommit=True) as connection:
            connection.execute("CREATE TABLE public.ascii (id bigint PRIMARY KEY, at date)")
            faults = faults_of(Court(connection, court.url), "public.ascii")
        assert "has the encoding SQL_ASCII" in faults["user"]
    finally:
        court.connection.execute(f"DROP DATABASE {name}")


def test_what_rails_calls_zones_are_zones_of_the_server(court: Court) -> None:
    known = Zones(court.connection)
    unknown = {zone for name, zone in rails_zones().items() if not known.known(zone)}
    assert unknown == {"Etc/GMT+12"}  # A fixed offset.
    assert len(rails_zones()) > 140


@pytest.mark.parametrize("name", ["email", "coalesce(name, email)", "left(name, 1)"])
def test_a_user_is_called_by_a_column_or_an_expression(court: Court, name: str) -> None:
    verdict = court.judge(order_view(), user=UserTable(table="public.Customer", name=name))
    assert verdict.proven is not None
    assert verdict.proven.users_select is not None
    assert {it.column for it in verdict.proven.users_watched} <= {"name", "email"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("createdAt", "createdAt is of type timestamp(3) without time zone: a name is a text; write one, with || for"),
        ("nmae", "there is no column nmae in public.Customer; did you mean name?"),
        ("name || now()", "depends on the moment"),
        ("name) FROM app.parent; SELECT (1", "PostgreSQL says: syntax error"),
    ],
)
def test_a_name_that_is_none(court: Court, name: str, sentence: str) -> None:
    verdict = court.judge(order_view(), user=UserTable(table="public.Customer", name=name))
    assert any(fault.path == "user.name" and sentence in fault.sentence for fault in verdict.faults), verdict.faults
