"""User keys: each kind has one spelling of each key, and the database says which kind there is."""

import psycopg
import pytest

from models.errors import NotMigrated
from models.user_key import INTEGER, KINDS, TEXT, UUID, UserKey, UserKind, kind_named, read_user_kind

ID = "0b6e7bb2-7f0c-4b5e-8f0a-1c2d3e4f5a6b"


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        (INTEGER, "1", 1),
        (INTEGER, "9223372036854775807", 2**63 - 1),
        (INTEGER, "0", 0),
        (INTEGER, "-1", -1),
        (INTEGER, "-9223372036854775808", -(2**63)),
        (UUID, ID, ID),
        (TEXT, "7", "7"),
        (TEXT, "o'b/ :Ü*%\\\"", "o'b/ :Ü*%\\\""),
        (TEXT, "\U0001f600" * 255, "\U0001f600" * 255),
    ],
)
def test_a_key_has_its_canonical_spelling(kind: UserKind, text: str, key: UserKey) -> None:
    assert kind.parse(text) == kind.parse_claim(text) == kind.parse_json(key) == key
    assert type(kind.parse(text)) is type(key)


INTEGERS = [
    "",
    "-0",
    "--1",
    "-01",
    "- 1",
    "-9223372036854775809",
    "+1",
    "01",
    " 1",
    "1 ",
    "1\n",
    "1.0",
    "1e3",
    "9223372036854775808",
    "9" * 30,
    "\u0661",
    "1_0",
]
UUIDS = [
    "",
    ID.upper(),
    ID.replace("-", ""),
    f"{{{ID}}}",
    f"urn:uuid:{ID}",
    f" {ID}",
    f"{ID}\n",
    ID[:-1],
    "7",
    "g" + ID[1:],
]
TEXTS = ["", "a" * 256, "a\n", "\x00", "a\tb", "\x7f", "\x85", "\ud800", "\udcff"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, text) for kind, texts in ((INTEGER, INTEGERS), (UUID, UUIDS), (TEXT, TEXTS)) for text in texts],
)
def test_another_spelling_is_refused(kind: UserKind, text: str) -> None:
    for parse in (kind.parse, kind.parse_claim, kind.parse_json):
        with pytest.raises(ValueError, match="user id"):
            parse(text)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, b"7"])
def test_a_value_of_another_type_is_refused(kind: UserKind, value: object) -> None:
    for parse in (kind.parse_claim, kind.parse_json):
        with pytest.raises(ValueError, match="user id"):
            parse(value)


def test_a_number_is_a_key_in_json_of_integers_only() -> None:
    for kind, value in ((UUID, 7), (TEXT, 7), (INTEGER, "7"), (INTEGER, 2**63), (INTEGER, -(10**5000))):
        with pytest.raises(ValueError, match="user id"):
            kind.parse_json(value)
    with pytest.raises(ValueError, match="user id"):
        INTEGER.parse_claim(7)


def test_there_is_no_fourth_kind() -> None:
    with pytest.raises(ValueError, match="'citext' is no kind of user key; there are integer, uuid, text"):
        kind_named("citext")


def test_the_kind_is_that_of_the_databases_domain(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        with pytest.raises(NotMigrated, match="user_key"):
            read_user_kind(connection)
        connection.execute("CREATE SCHEMA frontview")
        for kind in KINDS.values():
            connection.execute(f"CREATE DOMAIN frontview.user_key AS {kind.sql_type}".encode())
            assert read_user_kind(connection) is kind
            connection.execute("DROP DOMAIN frontview.user_key")
        connection.execute("CREATE DOMAIN frontview.user_key AS numeric")
        with pytest.raises(NotMigrated, match="user_key"):
            read_user_kind(connection)
