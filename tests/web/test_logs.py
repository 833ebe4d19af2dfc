"""What is logged of a request, and what never is."""

import json
import logging

import pytest
import structlog

from models import logs
from models.errors import DatabaseUnavailable
from models.logs import configure_logs
from models.settings import load_settings
from tests.web.web_fakes import FakeReadPath, FakeWorker, bearer, make_app
from web.request_hooks import log_request


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def serve(path: str, outcome: Exception | None = None, **settings):
    """Answer one request with JSON logs."""
    worker = FakeWorker()
    if outcome:
        worker.read_path.outcome = outcome
    app = make_app(worker, **settings)
    configure_logs(load_settings(log_format="json", **settings))
    return app.test_client().get(path, headers=bearer(424242))


def test_a_request_is_one_line(capsys):
    response = serve("/api/v1/view/renewals?desk=987654&from=2024-01-01")
    (line,) = lines(capsys)
    assert {key: line[key] for key in ("event", "level", "method", "path", "status", "source", "request_id")} == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "path": "/api/v1/view/renewals",
        "status": 200,
        "source": "cache",
        "request_id": response.headers["X-Request-Id"],
    }
    assert line["ms"] >= 0
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(("path", "source"), [("/api/v1/view/renewals", "cache"), (None, None), ('/"\\', None)])
def test_the_short_way_of_a_request_s_line_says_what_the_long_way_says(capsys, monkeypatch, path, source):
    configure_logs(load_settings(log_format="json"))
    facts = ("GET", path, 200, 0.01234, source, "an-id.of_3")
    log_request(*facts)
    monkeypatch.setattr(logs, "_request_lines", None)
    log_request(*facts)
    short, long = capsys.readouterr().err.splitlines()
    times = [json.loads(line).pop("timestamp") for line in (short, long)]
    assert short.replace(times[0], "") == long.replace(times[1], "")
    assert all(it.endswith("Z") for it in times)


@pytest.mark.parametrize(
    "path", ["/api/v1/view/renewals?desk=987654&from=2024-01-01", "/987654?from=2024-01-01", "/api/v1/view/renewals?x"]
)
def test_no_line_holds_user_data_tokens_or_queries(capsys, path):
    serve(path)
    text = capsys.readouterr().err
    for secret in ("987654", "2024-01-01", "424242", "Bearer", "eyJ", "?"):
        assert secret not in text


def test_a_defect_is_logged_with_its_traceback_and_request_id(capsys):
    response = serve("/api/v1/view/renewals", ZeroDivisionError("boom"))
    defect, request = lines(capsys)
    assert defect["level"] == "error"
    assert "ZeroDivisionError: boom" in defect["exception"]
    assert defect["request_id"] == request["request_id"] == response.headers["X-Request-Id"]
    assert request["status"] == 500


def test_every_line_within_a_request_has_its_id_and_no_other(capsys):
    class Talking(FakeReadPath):
        def read(self, *arguments):
            structlog.get_logger("somewhere.below").warning("view_failed", times=1)
            logging.getLogger("a.library").warning("something")
            return super().read(*arguments)

    app = make_app(FakeWorker(read_path=Talking()))
    configure_logs(load_settings(log_format="json"))
    client = app.test_client()
    for given in ("first", "second"):
        client.get("/api/v1/view/renewals", headers=bearer() | {"X-Request-Id": given})
    structlog.get_logger("a.thread").warning("afterwards")
    found = [(line["event"], line.get("request_id")) for line in lines(capsys)]
    of_each = ("view_failed", "something", "request")
    assert found == [*((it, "first") for it in of_each), *((it, "second") for it in of_each), ("afterwards", None)]


def test_every_line_names_its_process(capsys):
    for name in ("web", "refresher"):
        configure_logs(load_settings(log_format="json"), name)
        structlog.get_logger("x").warning("one")
        logging.getLogger("a.library").warning("two")
    assert [line["process"] for line in lines(capsys)] == ["web", "web", "refresher", "refresher"]


def test_unavailability_is_a_warning_without_details(capsys):
    serve("/api/v1/view/renewals", DatabaseUnavailable("to 10.0.0.7"))
    warning, _ = lines(capsys)
    assert (warning["level"], warning["reason"]) == ("warning", "database-unavailable")
    assert "10.0.0.7" not in json.dumps(warning)


def test_the_line_a_request_can_be_turned_off(capsys):
    serve("/healthz", access_log=False)
    assert lines(capsys) == []


def test_the_standard_library_logs_in_the_same_form(capsys):
    configure_logs(load_settings(log_format="json"))
    logging.getLogger("_granian").info("Listening")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("Listening", "info")


def test_console_tracebacks_show_no_local_values(capsys):
    configure_logs(load_settings(log_format="console"))
    hidden = "value-of-a-" + "local"
    try:
        raise ValueError(len(hidden))
    except ValueError:
        structlog.get_logger().exception("defect")
    text = capsys.readouterr().err
    assert "ValueError" in text
    assert hidden not in text
