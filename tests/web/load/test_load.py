"""``frontview load``: what it loads, and what it says about faults."""

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from tests.fix_postgres import Server
from tests.voice_stage import VOICE, voice_application  # noqa: F401  what is installed in database_url
from web.cli import main
from web.load import LoadError, load_csv
from web.load.csv_file import CsvFile
from web.load.tables import find_table

pytestmark = pytest.mark.proof  # a hundred files, each into a database of its own

HEADER = "user_id,agent_id,started_at,status,duration_seconds,cost_cents\n"
GOOD = "1,1,2026-03-01 10:00:00+00,completed,60,20\n"


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    return _fill(connection)


@pytest.fixture
def on_any_server(any_server: Server) -> Iterator[psycopg.Connection]:
    url = any_server.create(any_server.template_of(VOICE))
    with psycopg.connect(url, autocommit=True) as opened:
        yield _fill(opened)
    any_server.drop(url)


def _fill(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute("INSERT INTO users (email, name, timezone) VALUES ('a@b.c', 'A', 'Asia/Tokyo')")
    connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Ava')")
    return connection


def load(connection: psycopg.Connection, table: str, content: str | bytes) -> int:
    data = content.encode() if isinstance(content, str) else content
    return load_csv(connection, find_table(connection, table), CsvFile(io.BytesIO(data), "f.csv"))


def fault(connection: psycopg.Connection, table: str, content: str | bytes) -> LoadError:
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    with pytest.raises(LoadError) as caught:
        load(connection, table, content)
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == rows, "all or nothing"
    return caught.value


def count(connection: psycopg.Connection, table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


class TestWhatGoesIn:
    def test_columns_in_any_order_and_defaults_for_the_rest(self, filled: psycopg.Connection) -> None:
        assert load(filled, "calls", "status,agent_id,user_id\ncompleted,1,1\n") == 1
        row = filled.execute("SELECT status, duration_seconds, cost_cents FROM calls").fetchone()
        assert row == ("completed", 0, 0)

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_every_line_end_with_and_without_byte_order_mark(
        self, filled: psycopg.Connection, end: str, mark: str
    ) -> None:
        content = mark + (HEADER + GOOD + GOOD).replace("\n", end)
        assert load(filled, "calls", content) == 2

    def test_last_line_without_an_end(self, filled: psycopg.Connection) -> None:
        assert load(filled, "calls", HEADER + GOOD.strip()) == 1

    def test_quotes_newlines_and_unicode(self, filled: psycopg.Connection) -> None:
        load(filled, "agents", 'user_id,"name"\n1,"Zoë ""Z"",\nsecond line"\n')
        names = filled.execute("SELECT name FROM agents ORDER BY id").fetchall()
        assert names[1] == ('Zoë "Z",\nsecond line',)

    def test_a_header_alone_is_no_rows(self, filled: psycopg.Connection) -> None:
        assert load(filled, "calls", HEADER) == 0
        assert load(filled, "calls", HEADER.strip()) == 0

    @pytest.mark.parametrize("separator", [";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_semicolons_and_tabs_of_spreadsheets(
        self, filled: psycopg.Connection, tmp_path: Path, end: str, separator: str
    ) -> None:
        rows = [
            "\ufeff" + '"user_id",name,created_at',
            '1,"Zoë, ""Z""\nand Leo",2026-03-01T10:00:00Z',
            "1,Mia,2026-03-02",
        ]
        content = end.join([*rows, ""]).replace(",", separator).replace(f"Zoë{separator}", f"{separator}Zoë,")
        assert load(filled, "agents", content) == 2
        loaded = filled.execute("SELECT name, created_at::text FROM agents WHERE id > 1 ORDER BY id").fetchall()
        assert loaded == [
            (f'{separator}Zoë, "Z"\nand Leo', "2026-03-01 10:00:00+00"),
            ("Mia", "2026-03-02 00:00:00+00"),
        ]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_empty_lines_at_the_end_are_no_rows(self, filled: psycopg.Connection, end: str) -> None:
        assert load(filled, "calls", (HEADER + GOOD + "\n\n").replace("\n", end)) == 1
        assert load(filled, "calls", (HEADER + "\n\n").replace("\n", end)) == 0

    def test_one_statement_captures_each_key_once(self, filled: psycopg.Connection) -> None:
        filled.execute("DELETE FROM frontview.change_log")
        load(filled, "calls", HEADER + GOOD * 500)
        logged = filled.execute(
            "SELECT source, user_id::bigint, day::text FROM frontview.change_log ORDER BY 1"
        ).fetchall()
        assert logged == [("calls_1", 1, "2026-03-01"), ("recent_calls_1_list", 1, "-infinity")]


class TestIdentity:
    HEADER = "id,user_id,name\n"

    @pytest.mark.parametrize("largest", [2, 7, 100_050, 5_000_000_000])
    def test_later_rows_get_ids_beyond_those_given(self, filled: psycopg.Connection, largest: int) -> None:
        load(filled, "agents", self.HEADER + f"{largest},1,Leo\n")
        row = filled.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Mia') RETURNING id").fetchone()
        assert row == (largest + 1,)

    def test_a_sequence_never_goes_back(self, filled: psycopg.Connection) -> None:
        filled.execute("SELECT setval(pg_get_serial_sequence('agents', 'id'), 50)")
        load(filled, "agents", self.HEADER + "7,1,Leo\n")
        row = filled.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Mia') RETURNING id").fetchone()
        assert row == (51,)

    def test_the_first_ids_of_an_unused_sequence(self, filled: psycopg.Connection) -> None:
        row = "1,1,1,completed,2026-03-01 10:00:00+00\n"
        load(filled, "calls", "id,user_id,agent_id,status,started_at\n" + row)
        content = "INSERT INTO calls (user_id, agent_id, status) VALUES (1, 1, 'busy') RETURNING id"
        assert filled.execute(content).fetchone() == (2,)


class TestHeader:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "the file is empty"),
            (b"\xef\xbb\xbf", "the file is empty"),
            (b"\n1,2\n", "the file is empty"),
            ("user_id,agent_id,status\n".encode("utf-16"), "UTF-16"),
            ("user_id,agent_id,status\n".encode("utf-16-le"), "UTF-16"),
            (b"user_id,caf\xe9\n", "0xe9 is not UTF-8"),
            (b"user_id,agent_id,status,colour,size\n", "no column 'colour', 'size'"),
            (b"user_id|agent_id|status\n", "separator must be a comma, a semicolon or a tab"),
            (b"user_id;agent_id;colour\n", "no column 'colour'"),
            (b"user_id,agent_id,status,status\n", "column status: the header names a column twice"),
            (b"status\n", "columns user_id, agent_id: calls needs it"),
            (b"user_id,,status\n", "no column ''"),
            (b'user_id,"agent_id\n', "header is not CSV"),
        ],
    )
    def test_an_unusable_header_is_explained(self, filled: psycopg.Connection, content: bytes, words: str) -> None:
        assert words in str(fault(filled, "calls", content))

    @pytest.mark.parametrize("table", ["pg_class", "pg_catalog.pg_class", "frontview.declaration", "Calls", ""])
    def test_a_table_of_no_application_is_refused_with_those_that_are(
        self, filled: psycopg.Connection, table: str
    ) -> None:
        with pytest.raises(LoadError, match=r"there are public\.agent_analytics, public\.agents, public\.calls"):
            load(filled, table, "a\n1\n")


class TestValues:
    @pytest.mark.parametrize(
        ("row", "column", "words"),
        [
            ("x,1,2026-03-01,completed,60,20", "user_id", '"x" is not a whole number'),
            ("1,1,yesterday-ish,completed,60,20", "started_at", '"yesterday-ish" is not a time'),
            ("1,1,03/04/2026,completed,60,20", "started_at", '"03/04/2026" is not a time such as 2026-01-31T09:30'),
            ("1,1,today,completed,60,20", "started_at", '"today" is not a time'),
            ("1,1,2026-02-30,completed,60,20", "started_at", '"2026-02-30" is not a time'),
            (
                "1,1,2026-03-01,exploded,60,20",
                "status",
                "\"exploded\" is not allowed: status = ANY (ARRAY['completed'",
            ),
            (
                "1,1,2026-03-01,completed,-1,20",
                "duration_seconds",
                '"-1" is not allowed: duration_seconds >= 0',
            ),
            ("1,1,2026-03-01,completed,3000000000,20", "duration_seconds", "out of range (-2147483648"),
            ("1,1,2026-03-01,,60,20", "status", "a value is needed"),
            ("1,1,2026-03-01,completed,,20", "duration_seconds", "a value is needed"),
            ("99,1,2026-03-01,completed,60,20", "user_id", 'users has no row "99"'),
            ("1,98,2026-03-01,completed,60,20", "agent_id", 'agents has no row "98"'),
        ],
    )
    def test_a_bad_value_is_named_by_line_and_column(
        self, on_any_server: psycopg.Connection, row: str, column: str, words: str
    ) -> None:
        error = fault(on_any_server, "calls", HEADER + GOOD * 3 + row + "\n" + GOOD)
        assert (error.line, error.columns) == (5, (column,))
        assert words in error.problem

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("1,1", "2 values, where the header names 6 columns"),
            ("1,1,2026-03-01,completed,60,20,7", "7 values, where"),
            ("1;1;2026-03-01;completed;60;20", "1 value, where the header names 6 columns, separated by commas"),
            ("", "the line is empty"),
            ('1,1,"2026-03-01,completed,60,20', "a quotation mark opens here and is never closed"),
            # Up to PostgreSQL 17 the end of the data, silently; then a value.
            ("\\.", ""),
        ],
    )
    def test_a_malformed_line_is_named(self, on_any_server: psycopg.Connection, row: str, words: str) -> None:
        error = fault(on_any_server, "calls", HEADER + GOOD * 3 + row + "\n" + GOOD)
        assert error.line == 5
        assert words in error.problem

    def test_a_byte_that_is_not_utf8(self, filled: psycopg.Connection) -> None:
        error = fault(filled, "agents", b"user_id,name\n1,Ava\n1,Caf\xe9\n1,Leo\n")
        assert (error.line, error.columns) == (3, ("name",))
        assert "0xe9 is not UTF-8" in error.problem

    def test_a_zero_byte(self, filled: psycopg.Connection) -> None:
        error = fault(filled, "agents", b"user_id,name\n1,Ava\n1,Ca\0fe\n")
        assert error.line == 3

    def test_a_duplicate_within_the_file(self, on_any_server: psycopg.Connection) -> None:
        rows = "".join(f"u{n}@b.c,U\n" for n in range(40))
        error = fault(on_any_server, "users", "email,name\n" + rows + "u7@b.c,U\nlast@b.c,U\n")
        assert (error.line, error.columns) == (42, ("email",))
        assert '"u7@b.c" is there already' in error.problem

    def test_a_duplicate_of_a_row_in_the_table(self, filled: psycopg.Connection) -> None:
        error = fault(filled, "users", "name,email\nU,u@b.c\nA,a@b.c\n")
        assert (error.line, error.columns) == (3, ("email",))

    def test_a_duplicate_of_two_columns(self, filled: psycopg.Connection) -> None:
        error = fault(filled, "agent_analytics", "agent_id,user_id,day\n1,1,2026-03-01\n1,1,2026-03-01\n")
        assert (error.line, error.columns) == (3, ("agent_id", "day"))

    def test_the_first_of_several_missing_references(self, filled: psycopg.Connection) -> None:
        rows = GOOD + GOOD.replace("1,1", "1,77", 1) + GOOD.replace("1,1", "66,1", 1)
        error = fault(filled, "calls", HEADER + rows)
        assert (error.line, error.columns) == (3, ("agent_id",))

    def test_a_fault_early_in_a_large_file(self, filled: psycopg.Connection) -> None:
        error = fault(filled, "calls", HEADER + GOOD + "x" + GOOD + GOOD * 300_000)
        assert (error.line, error.columns) == (3, ("user_id",))


class TestLinesOfRecordsWithLineBreaks:
    """A record of several lines is named by its first line, whatever COPY itself counts."""

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("inner", ["\n", "\r\n", "\r", "\n\n"])
    @pytest.mark.parametrize("broken_at", [0, 1, 2])
    def test_the_line_counts_breaks_inside_quotes(
        self, on_any_server: psycopg.Connection, end: str, inner: str, broken_at: int
    ) -> None:
        records = [f'1,"a{inner}b{inner}c"', f'1,"d{inner}e"', f'1,"f{inner}g"']
        records[broken_at] = records[broken_at].replace("1,", "x,")
        content = end.join(['user_id,"name"', *records, "1,last", ""])
        breaks = inner.count("\n") or inner.count("\r")
        before = [2, 2 + 1 + 2 * breaks, 2 + 1 + 2 * breaks + 1 + breaks]
        assert fault(on_any_server, "agents", content).line == before[broken_at]

    def test_a_header_of_two_lines(self, filled: psycopg.Connection) -> None:
        assert fault(filled, "agents", 'user_id,"name\n"\n1,Ava\nx,Leo\n').line == 4

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_missing_reference_after_line_breaks(self, on_any_server: psycopg.Connection, end: str) -> None:
        content = f'user_id,name{end}1,"a\nb\nc"{end}1,"d\r\ne"{end}9,"f\ng"{end}'
        error = fault(on_any_server, "agents", content)
        assert (error.line, error.columns) == (7, ("user_id",))

    def test_a_duplicate_after_line_breaks(self, on_any_server: psycopg.Connection) -> None:
        content = 'email,name\nx@b.c,"a\nb"\ny@b.c,"c\nd"\nx@b.c,"e\nf"\nz@b.c,Z\n'
        assert fault(on_any_server, "users", content).line == 6


class TestCommand:
    @pytest.fixture(autouse=True)
    def _database(self, monkeypatch: pytest.MonkeyPatch, database_url: str, filled: psycopg.Connection) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)

    def test_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "calls.csv"
        path.write_text(HEADER + GOOD)
        result = CliRunner().invoke(main, ["load", "calls", str(path)])
        assert (result.exit_code, result.stdout) == (0, "1 row loaded into calls.\n")

    def test_standard_input(self) -> None:
        result = CliRunner().invoke(main, ["load", "calls", "-"], input=HEADER + GOOD * 2)
        assert (result.exit_code, result.stdout) == (0, "2 rows loaded into calls.\n")

    def test_another_separator_than_a_comma_is_said(self) -> None:
        content = (HEADER + GOOD).replace(",", ";")
        result = CliRunner().invoke(main, ["load", "calls", "-"], input=content)
        said = "1 row loaded into calls; the fields of standard input are separated by semicolons.\n"
        assert (result.exit_code, result.stdout) == (0, said)

    def test_a_fault_is_one_line_on_stderr(self, tmp_path: Path) -> None:
        path = tmp_path / "calls.csv"
        path.write_text(HEADER + GOOD + GOOD.replace("completed", "odd"))
        result = CliRunner().invoke(main, ["load", "calls", str(path)])
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f'Error: {path}, line 3, column status: "odd" is not allowed')
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["calls", "missing.csv"], "missing.csv: the file cannot be read: no such file"),
            (["calls", "."], "is a directory"),
            (["invoices", "-"], "the application names no such table; there are public.agent_analytics"),
        ],
    )
    def test_what_cannot_be_loaded_is_said(self, arguments: list[str], words: str) -> None:
        result = CliRunner().invoke(main, ["load", *arguments], input="")
        assert result.exit_code == 1
        assert words in result.stderr
