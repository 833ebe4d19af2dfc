"""What a web worker serves is what the database's active declaration says, when it starts and while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from models.errors import ConfigurationError
from models.settings import load_settings
from tests.fix_app import SECRET
from tests.fix_postgres import Server, migrate
from tests.migrations.project_stage import Project, project
from tests.waiting import until
from views_sql.operations.catalog import load_application
from web.app import create_app
from web.auth.tokens import issue_token
from web.auth.verifier import make_verifier
from web.process.installed_application import InstalledApplication
from web.process.worker import Worker


@contextmanager
def client(url: str, **more: Any) -> Iterator[FlaskClient]:
    settings = load_settings(database_url=url, jwt_secret=SECRET, pool_size=2, metrics_enabled=False, **more)
    worker = Worker(settings, load_application)
    verifier = make_verifier(settings, worker.user_kind, claim=worker.claim)
    try:
        yield create_app(worker, settings, verifier=verifier).test_client()
    finally:
        worker.stop()


@pytest.fixture(scope="module")
def shop(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(embedded_server, tmp_path_factory.mktemp("shop")) as made:
        made.declare((made.folder / "frontview.toml").read_text().replace('claim = "account.id"\n', ""))
        made.run("plan", "--write")
        made.run("migrate")
        made.c.execute('INSERT INTO "Shop"."User" (id) VALUES (1)')
        made.c.execute('INSERT INTO "Shop".visit VALUES (1, current_date, 3)')
        yield made


def read(of: FlaskClient, path: str) -> Any:
    return of.get(path, headers={"Authorization": f"Bearer {issue_token(SECRET, 1, False, 60)}"})


def test_a_declared_view_answers(shop: Project) -> None:
    with client(shop.url) as http:
        answered = read(http, "/api/v1/view/visits?granularity=total")
        assert answered.status_code == 200, answered.text
        assert answered.json["data"]["totals"] == {"pages": 3}
        assert read(http, "/api/v1/view/orders").status_code == 200
        assert http.get("/readyz").json["migrations"] is True


def test_a_region_that_another_declaration_had_stops_no_worker_that_starts_later(shop: Project) -> None:
    limits = {"dropped": {"max_entries": 5}, "shop": {"max_entries": 5}}
    with capture_logs() as logs, client(shop.url, regions=limits) as http:
        assert read(http, "/api/v1/view/visits?granularity=total").status_code == 200
    said = "FRONTVIEW_REGIONS: no region 'dropped'; there are default, shop"
    assert [it["regions"] for it in logs if it["event"] == "unknown_regions"] == [[said]]


def test_a_limit_that_no_region_can_have_stops_the_process_at_its_start(shop: Project) -> None:
    with pytest.raises(ConfigurationError, match="FRONTVIEW_REGIONS: dropped: max_entries is negative"):
        Worker(load_settings(database_url=shop.url, regions={"dropped": {"max_entries": -1}}), load_application)


def test_a_declaration_that_is_newer_than_the_code_is_503(shop: Project) -> None:
    with client(shop.url) as started, client(shop.url) as late:
        assert started.get("/readyz").status_code == 200
        shop.c.execute("UPDATE frontview.declaration SET format = 99")
        try:
            asked = (late.get("/readyz"), read(late, "/api/v1/view/visits"))
            assert [(it.status_code, it.json["type"]) for it in asked] == [
                (503, "urn:frontview:problem:declaration-newer")
            ] * 2
        finally:
            shop.c.execute("UPDATE frontview.declaration SET format = 1")
        assert late.get("/readyz").status_code == 200


def test_what_is_missing_while_a_declaration_changes_is_503_and_no_outage(shop: Project) -> None:
    with client(shop.url) as http:
        assert read(http, "/api/v1/view/visits").status_code == 200
        shop.c.execute("ALTER FUNCTION frontview.visits_1_read RENAME TO gone")
        try:
            refused = read(http, "/api/v1/view/visits?granularity=total")
        finally:
            shop.c.execute("ALTER FUNCTION frontview.gone RENAME TO visits_1_read")
        assert (refused.status_code, refused.json["type"]) == (503, "urn:frontview:problem:declaration-changing")
        assert refused.headers["Retry-After"] == "1"


def test_a_table_that_is_released_is_503_by_name_until_it_is_restored(shop: Project) -> None:
    table = """'"Shop".visit'"""
    with client(shop.url) as http:
        assert read(http, "/api/v1/view/visits").status_code == 200
        shop.c.execute(f"SELECT frontview.release({table})".encode())
        try:
            refused = read(http, "/api/v1/view/visits?granularity=total")
            other = read(http, "/api/v1/view/orders?granularity=total")
        finally:
            shop.c.execute(f"SELECT frontview.restore({table})".encode())
        assert (refused.status_code, refused.json["type"]) == (503, "urn:frontview:problem:released")
        assert refused.headers["Retry-After"] == "1"
        assert other.status_code == 200
        assert read(http, "/api/v1/view/visits?granularity=total").status_code == 200


@contextmanager
def another(shop: Project, *, function: str = "visits_2_read", claim: str = "sub") -> Iterator[None]:
    """Make a declaration active under which ``visits`` is answered by another function, then take it back."""
    functions = "'{frontview.visits_1_read,frontview.user_1_shown}'::text[]"
    copied = f"SELECT pg_get_functiondef(f::regproc) FROM unnest({functions}) f"
    read_text, shown_text = (text for (text,) in shop.rows(copied))
    with shop.c.transaction():
        shop.c.execute(read_text.replace("visits_1_read", function).encode())
        shop.c.execute(shown_text.replace("user_1_shown", "user_2_shown").encode())
        shop.c.execute("UPDATE frontview.declaration SET active = FALSE")
        shop.c.execute(
            "INSERT INTO frontview.declaration (number, format, hash, resolved, ddl, active) SELECT 2, format, 'other',"
            " jsonb_set(jsonb_set(resolved, '{parts,1,number}', '2'), '{declared,views,1,ttl_seconds}', '601'),"
            " ddl, TRUE FROM frontview.declaration"
        )
        changed = "jsonb_set(resolved, '{proven,claim}', to_jsonb(%s::text))"
        shop.c.execute(f"UPDATE frontview.declaration SET resolved = {changed} WHERE number = 2".encode(), (claim,))
        shop.c.execute("ALTER FUNCTION frontview.visits_1_read RENAME TO gone")
    try:
        yield
    finally:
        with shop.c.transaction():
            shop.c.execute("ALTER FUNCTION frontview.gone RENAME TO visits_1_read")
            shop.c.execute("DELETE FROM frontview.declaration WHERE number = 2")
            shop.c.execute("UPDATE frontview.declaration SET active = TRUE")
            shop.c.execute(f"DROP FUNCTION frontview.{function}, frontview.user_2_shown".encode())


def test_a_read_that_meets_the_change_is_asked_once_more_by_the_new_declaration(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InstalledApplication, "follow", lambda *_: None)  # The poll is too late.
    with client(shop.url) as http:
        first = read(http, "/api/v1/view/visits?granularity=total")
        with another(shop):
            second = read(http, "/api/v1/view/visits?granularity=total")
            assert (second.status_code, second.json["data"]) == (200, first.json["data"])
            assert second.headers["ETag"] != first.headers["ETag"]
        assert read(http, "/api/v1/view/visits?granularity=total").headers["ETag"] == first.headers["ETag"]


def test_a_worker_learns_of_another_declaration_by_its_poll(shop: Project) -> None:
    with client(shop.url) as http:
        first = read(http, "/api/v1/application").json["declaration"]
        with another(shop):
            until(lambda: read(http, "/api/v1/application").json["declaration"] != first, "the other declaration")
        until(lambda: read(http, "/api/v1/application").json["declaration"] == first, "the first declaration again")


@pytest.mark.parametrize(("claim", "ends"), [("account.id", True), ("sub", False)])
def test_a_stream_of_events_ends_where_another_claim_names_the_user(shop: Project, claim: str, ends: bool) -> None:
    events = "/api/v1/dashboard/events"
    with client(shop.url, event_stream_seconds=20 if ends else 2) as http:
        first = read(http, "/api/v1/application").json["declaration"]
        stream = read(http, events).iter_encoded()
        next(stream)
        with another(shop, claim=claim):
            until(lambda: read(http, "/api/v1/application").json.get("declaration") != first, "the other declaration")
            last = list(stream)[-1].decode()
            assert f'"reason": "{"claim-changed" if ends else "longest-life"}"' in last


def test_a_running_worker_says_that_the_declaration_became_newer_than_its_code_or_is_gone(shop: Project) -> None:
    with client(shop.url) as http:
        assert read(http, "/api/v1/view/visits").status_code == 200
        for change, back, kind in (
            ("format = 99", "format = 1", "declaration-newer"),
            ("active = FALSE", "active = TRUE", "not-installed"),
        ):
            shop.c.execute(f"UPDATE frontview.declaration SET {change}".encode())
            try:
                said = {"type": f"urn:frontview:problem:{kind}"}
                until(lambda said=said: said.items() <= read(http, "/api/v1/view/visits").json.items(), kind)
                assert http.get("/readyz").status_code == 503
            finally:
                shop.c.execute(f"UPDATE frontview.declaration SET {back}".encode())
            until(lambda: read(http, "/api/v1/view/visits").status_code == 200, "an answer again")


def test_metrics_are_served_before_the_database_was_ever_reached(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"  # Other workers of this process write the file of this process elsewhere.
    settings = load_settings(
        database_url="postgresql://127.0.0.1:1/none", jwt_secret=SECRET, pool_size=2, metrics_dir=folder
    )
    worker = Worker(settings, load_application)
    try:
        http = create_app(worker, settings).test_client()
        assert read(http, "/api/v1/dashboard/overview").status_code == 503
        answered = http.get("/metrics")
        assert answered.status_code == 200
        assert 'frontview_http_responses_total{route="/api/v1/dashboard/<name>",status="503"} 1.0' in answered.text
    finally:
        worker.stop()


def test_a_database_without_an_application_is_503(embedded_server: Server) -> None:
    url = embedded_server.create(None)
    migrate(url, "core@head")
    with client(url) as http:
        refused = read(http, "/api/v1/view/visits")
        assert (refused.status_code, refused.json["type"]) == (503, "urn:frontview:problem:not-installed")
        assert "frontview plan" in refused.json["detail"]
        assert http.get("/healthz").status_code == 200
    embedded_server.drop(url)
