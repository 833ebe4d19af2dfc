"""Traces: of every request and statement, with nothing of the user in them; without the switch, nothing at all."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from models.errors import ConfigurationError
from models.settings import load_settings
from tests.fix_app import SECRET
from tests.fix_postgres import ROOT
from tests.neutral.application import fill
from tests.neutral.catalog import CATALOG
from tests.waiting import until
from tests.web.web_fakes import HELD, FakeWorker
from web.app import create_app
from web.auth.tokens import issue_token
from web.process.worker import Worker

LOANS = "/api/v1/view/loans"
RENEWALS = "/api/v1/view/renewals?desk={}&from=2026-01-02&user_id={}"
USER_AGENT = "a-browser-of-somebody"


class Traced:
    """The application of one process, and the spans that left it."""

    def __init__(self, url: str) -> None:
        memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
        from web.telemetry.tracing import Tracing  # noqa: PLC0415  only where the extra is installed

        self.exporter = memory.InMemorySpanExporter()
        self.tracing = Tracing(self.exporter)
        settings = load_settings(database_url=url, jwt_secret=SECRET, access_log=False)
        self.worker = Worker(settings, CATALOG, on_engine=self.tracing.trace_statements)
        app = create_app(self.worker, settings, tracing=self.tracing)
        token = issue_token(SECRET, 2, False, 3600)
        self.client = app.test_client()
        self.headers = {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=self.headers | headers)

    def spans(self) -> list[Any]:
        self.tracing.flush()
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found


@pytest.fixture
def traced(database_url: str, connection: Any) -> Iterator[Traced]:
    fill(connection)
    traced = Traced(database_url)
    traced.worker.ensure_started()
    yield traced
    traced.worker.stop()
    traced.tracing.shutdown()


def everything_of(span: Any) -> str:
    events = [(event.name, dict(event.attributes)) for event in span.events]
    return f"{span.name} {dict(span.attributes)} {events} {span.status.description}"


def test_a_request_and_its_statement_are_one_trace(traced: Traced) -> None:
    assert traced.get(LOANS).status_code == 200
    spans = traced.spans()
    (request,) = [span for span in spans if span.name == f"GET {LOANS}"]
    statements = [span for span in spans if span.parent and span.parent.span_id == request.context.span_id]
    assert any("frontview" in span.attributes["db.statement"] for span in statements)
    assert request.attributes["http.status_code"] == 200
    assert request.resource.attributes["service.name"] == "frontview-web"


def test_a_caller_that_traces_is_joined(traced: Traced) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    traced.get(LOANS, traceparent=f"00-{trace_id}-b7ad6b7169203331-01")
    assert {f"{span.context.trace_id:032x}" for span in traced.spans() if span.kind.name == "SERVER"} == {trace_id}


def test_no_span_holds_anything_of_the_user(traced: Traced) -> None:
    for path in (
        LOANS,
        RENEWALS.format(987654, 2),
        RENEWALS.format(4, 2),
        RENEWALS.format(4, 55555),
        "/nowhere/987654",
    ):
        traced.get(path)
    spans = traced.spans()
    assert len([span for span in spans if span.kind.name == "SERVER"]) == 5
    assert any(span.status.status_code.name == "UNSET" for span in spans)
    text = "\n".join(map(everything_of, spans))
    for secret in ("987654", "55555", "2026-01-02", USER_AGENT, "Bearer", "eyJ", "127.0.0.1", "user_id="):
        assert secret not in text
    assert "%s" in text, "statements are there, their values are not"


def test_an_error_of_the_database_leaves_only_its_class(traced: Traced) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415  only where the extra is installed

    with (
        pytest.raises(Exception, match="987654"),
        traced.tracing._tracer.start_as_current_span("of a request"),
        traced.worker.engine.connect() as connection,
    ):
        connection.exec_driver_sql("SELECT %s::int", ("987654x",))
    failed = [span for span in traced.spans() if span.status.status_code is StatusCode.ERROR]
    assert failed
    assert all("987654" not in everything_of(span) for span in failed)


def test_a_hit_before_flask_is_a_span_too(traced: Traced) -> None:
    worker = FakeWorker(served=CATALOG.served)
    worker.read_path.held = HELD
    app = create_app(worker, load_settings(jwt_secret=SECRET, access_log=False), tracing=traced.tracing)
    client = app.test_client()
    for _ in range(2):  # the second is answered from what the first one led to
        assert client.get(LOANS, headers=traced.headers).status_code == 200
    assert len(worker.read_path.asked) == 1
    spans = traced.spans()
    assert [span.name for span in spans] == [f"GET {LOANS}"] * 2
    assert all(span.end_time > span.start_time for span in spans)


def test_what_no_request_asked_for_is_not_traced(traced: Traced) -> None:
    until(lambda: traced.worker.follower.status().polls >= 3, "polls")
    with traced.worker.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert traced.spans() == []


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    values = {"PYTHONPATH": str(ROOT), "FRONTVIEW_JWT_SECRET": SECRET} | environment
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=values, cwd=ROOT, capture_output=True, text=True, check=False)


def test_nothing_of_it_is_imported_without_the_switch() -> None:
    code = "import sys, web.wsgi; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = run(code)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_switched_on_without_the_extra_is_a_clear_refusal() -> None:
    code = """
import sys
sys.modules["opentelemetry"] = None
from models.errors import ConfigurationError
try:
    import web.wsgi
except ConfigurationError as error:
    print(error)
"""
    assert "pip install 'frontview[otel]'" in run(code, FRONTVIEW_OTEL_ENABLED="true").stdout


def test_switched_on_without_an_endpoint_is_a_clear_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp")
    from web.telemetry.tracing import make_tracing  # noqa: PLC0415  only where the extra is installed

    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        make_tracing()
