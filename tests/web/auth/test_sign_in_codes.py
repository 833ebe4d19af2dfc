"""One-use codes in the database: once, in time, by the roles that may; and what a row alone is worth."""

import threading

import psycopg
import pytest

from models.connection import Connection
from refresher.operator_tasks import FORGET
from tests.views_sql.roles_stage import Cast
from tests.waiting import until
from web.auth.sign_in_codes import SealBroken, SignInCode, digest_of, make_sign_in_code, redeem_sign_in_code, seal

TOKEN = "header.claims.signature"
WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock')"
COUNT = "SELECT count(*) FROM frontview.sign_in_code"


@pytest.fixture(autouse=True)
def no_codes_yet(stage: Cast) -> None:
    with stage.session("admin") as admin:
        admin.execute("DELETE FROM frontview.sign_in_code")


def make(stage: Cast, valid_seconds: int = 900) -> SignInCode:
    with stage.session("owner") as owner:
        return make_sign_in_code(owner, TOKEN, valid_seconds)


def expire_all(connection: Connection) -> None:
    connection.execute("UPDATE frontview.sign_in_code SET expires_at = now()")


def test_the_owner_makes_a_code_and_the_web_redeems_it_once(stage: Cast) -> None:
    code = make(stage).code
    with stage.session("web") as web:
        assert redeem_sign_in_code(web, code) == TOKEN
        assert redeem_sign_in_code(web, code) is None


def test_an_expired_code_opens_nothing_and_its_row_goes(stage: Cast) -> None:
    code = make(stage).code
    with stage.session("admin") as admin, stage.session("web") as web:
        expire_all(admin)
        assert redeem_sign_in_code(web, code) is None
        assert admin.execute(COUNT).fetchone() == (0,)


def test_an_unknown_code_takes_nobodys_row(stage: Cast) -> None:
    code = make(stage).code
    with stage.session("web") as web:
        assert redeem_sign_in_code(web, "A" * 43) is None
        assert redeem_sign_in_code(web, code) == TOKEN


@pytest.mark.parametrize(("end", "second_gets"), [("COMMIT", None), ("ROLLBACK", TOKEN)])
def test_of_two_at_once_exactly_one_gets_the_token(stage: Cast, end: str, second_gets: str | None) -> None:
    code, got = make(stage).code, []
    with stage.session("admin") as first, stage.session("web") as second, stage.session("admin") as watcher:
        first.execute("BEGIN")
        assert redeem_sign_in_code(first, code) == TOKEN
        thread = threading.Thread(target=lambda: got.append(redeem_sign_in_code(second, code)))
        thread.start()
        until(lambda: watcher.execute(WAITING, (second.info.backend_pid,)).fetchone() == (True,), "the second waits")
        first.execute(end.encode())
        thread.join(10)
        assert got == [second_gets]


def test_of_many_at_once_exactly_one_gets_the_token(stage: Cast) -> None:
    start, got = threading.Barrier(8), []

    def redeem(code: str) -> None:
        with stage.session("web") as web:
            start.wait(10)
            got.append(redeem_sign_in_code(web, code))

    for _ in range(5):
        got.clear()
        code = make(stage).code
        threads = [threading.Thread(target=redeem, args=(code,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert sorted(got, key=str) == [*[None] * 7, TOKEN]


def test_a_row_moved_to_another_code_opens_nothing(stage: Cast) -> None:
    """Who writes the table puts another's seal under a code of their own."""
    make(stage)
    mine = "M" * 43
    with stage.session("admin") as admin, stage.session("web") as web:
        admin.execute("UPDATE frontview.sign_in_code SET digest = %s", (digest_of(mine),))
        with pytest.raises(SealBroken):
            redeem_sign_in_code(web, mine)
        assert admin.execute(COUNT).fetchone() == (0,), "it was used up"


def test_the_row_holds_neither_code_nor_token(stage: Cast) -> None:
    code = make(stage).code
    with stage.session("admin") as admin:
        row = admin.execute("SELECT digest, sealed FROM frontview.sign_in_code").fetchone()
        assert row is not None
        assert code.encode() not in b"".join(row)
        assert TOKEN.encode() not in b"".join(row)


@pytest.mark.parametrize(
    ("digest", "sealed", "seconds", "state"),
    [
        (b"x" * 31, b"x", 60, "23514"),
        (b"x" * 32, b"x" * 16_385, 60, "23514"),
        (b"x" * 32, b"x", 0, "22023"),
        (b"x" * 32, b"x", 86_401, "22023"),
        (b"x" * 32, b"x", None, "22023"),
    ],
)
def test_what_cannot_be_a_code_is_not_kept(
    stage: Cast, digest: bytes, sealed: bytes, seconds: int | None, state: str
) -> None:
    with stage.session("owner") as owner, pytest.raises(psycopg.Error) as refused:
        owner.execute("SELECT frontview.make_sign_in_code(%s, %s, %s::integer)", (digest, sealed, seconds))
    assert refused.value.sqlstate == state


def test_an_operators_role_may_be_allowed_to_make_codes_and_nothing_else(stage: Cast) -> None:
    who = psycopg.conninfo.conninfo_to_dict(stage.stranger)["user"]
    with stage.session("owner") as owner:
        owner.execute(f"GRANT USAGE ON SCHEMA frontview TO {who}".encode())
        owner.execute(f"GRANT EXECUTE ON FUNCTION frontview.make_sign_in_code TO {who}".encode())
    with stage.session("stranger") as operator, stage.session("web") as web:
        code = make_sign_in_code(operator, TOKEN, 60).code
        assert redeem_sign_in_code(web, code) == TOKEN
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            redeem_sign_in_code(operator, code)


def test_the_leader_forgets_what_has_expired_and_nothing_else(stage: Cast) -> None:
    expired = make(stage)
    with stage.session("admin") as admin, stage.session("refresher") as refresher:
        expire_all(admin)
        good = make(stage)
        for statement in FORGET:
            refresher.execute(statement.encode())
        left = admin.execute("SELECT digest FROM frontview.sign_in_code").fetchall()
    assert expired.code != good.code
    assert left == [(digest_of(good.code),)]
    with stage.session("web") as web:
        assert redeem_sign_in_code(web, good.code) == TOKEN


def test_a_seal_that_was_written_by_hand_is_opened_by_its_writers_code_alone(stage: Cast) -> None:
    """It opens; whether its token counts is for the verifier to say: see the acceptance test of a forged row."""
    mine = "M" * 43
    with stage.session("admin") as admin, stage.session("web") as web:
        admin.execute(
            "INSERT INTO frontview.sign_in_code VALUES (%s, %s, now() + interval '1 minute')",
            (digest_of(mine), seal("forged", mine)),
        )
        assert redeem_sign_in_code(web, mine) == "forged"
