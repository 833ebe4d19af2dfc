"""Settings as people write them: in a shell, in files of variables, in files of secrets, and as Kubernetes adds to."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.environment import as_written
from models.errors import ConfigurationError
from models.settings import Settings, load_settings, questionable_settings

DEFAULTS = Settings.model_construct()
FAULTY = ["tcp://1.2.3.4:5", "nan", "inf", "-1", "1e999", "yes", '"8"', "8\n", "[]", "{", '{"a": {"b": "c"}}', "'"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FRONTVIEW_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def secret_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, bytes], None]:
    """Writes a file among systemd's credentials."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    def write(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)

    return write


@pytest.mark.parametrize("value", ["", " ", "\n", '""', "''"])
def test_a_variable_that_is_set_but_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"FRONTVIEW_{name.upper()}", value)
    assert load_settings() == DEFAULTS


@pytest.mark.parametrize("value", FAULTY)
def test_a_value_is_used_or_refused_in_a_sentence_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"FRONTVIEW_{name.upper()}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    variables = [fault.partition(": ")[0] for fault in caught.value.faults]
    assert len(set(variables)) == len(variables)
    assert set(variables) <= {f"FRONTVIEW_{name.upper()}" for name in Settings.model_fields}
    assert not any("\n" in fault for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("written", "value"), [(' "eight ball" ', "eight ball"), ("'8'\n", "8"), ("\"8'", "\"8'"), ('"', '"'), (None, None)]
)
def test_white_space_and_quotes_around_a_value_are_not_part_of_it(written: str | None, value: str | None) -> None:
    assert as_written(written) == value


def test_numbers_words_and_secrets_may_be_quoted_and_end_in_a_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"POOL_SIZE": '"9"', "LOG_LEVEL": "'WARNING'", "JWT_SECRET": "s" * 32 + "\n"}.items():
        monkeypatch.setenv(f"FRONTVIEW_{name}", value)
    settings = load_settings()
    assert (settings.pool_size, settings.log_level) == (9, "warning")
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == "s" * 32


def test_a_fault_inside_a_json_setting_names_the_variable_and_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_REGIONS", '{"dashboard": {"max_entries": "many"}}')
    with pytest.raises(ConfigurationError, match=r"FRONTVIEW_REGIONS: dashboard\.max_entries: .*valid integer"):
        load_settings()


def test_a_blank_file_of_a_secret_counts_as_missing(secret_file: Callable[[str, bytes], None]) -> None:
    secret_file("frontview_jwt_audience", b"\n")
    secret_file("FRONTVIEW_JWT_ISSUER", b'"https://issuer.example"\r\n')
    settings = load_settings()
    assert (settings.jwt_audience, settings.jwt_issuer) == (None, "https://issuer.example")


def test_an_empty_variable_leaves_the_place_to_the_file(
    monkeypatch: pytest.MonkeyPatch, secret_file: Callable[[str, bytes], None]
) -> None:
    secret_file("frontview_jwt_audience", b"from the file")
    monkeypatch.setenv("FRONTVIEW_JWT_AUDIENCE", "")
    assert load_settings().jwt_audience == "from the file"


def test_a_file_of_a_secret_that_is_no_text_is_named(secret_file: Callable[[str, bytes], None]) -> None:
    secret_file("frontview_jwt_secret", b"\xff" * 40)
    with pytest.raises(ConfigurationError, match=r"FRONTVIEW_JWT_SECRET: .*not UTF-8"):
        load_settings()


SERVICE = {  # What Kubernetes sets in each container for a service called frontview-refresher-metrics.
    "FRONTVIEW_REFRESHER_METRICS_SERVICE_HOST": "10.0.0.1",
    "FRONTVIEW_REFRESHER_METRICS_SERVICE_PORT": "80",
    "FRONTVIEW_REFRESHER_METRICS_SERVICE_PORT_HTTP": "80",
    "FRONTVIEW_REFRESHER_METRICS_PORT": "tcp://10.0.0.1:80",
    "FRONTVIEW_REFRESHER_METRICS_PORT_80_TCP": "tcp://10.0.0.1:80",
    "FRONTVIEW_REFRESHER_METRICS_PORT_80_TCP_PROTO": "tcp",
    "FRONTVIEW_REFRESHER_METRICS_PORT_80_TCP_PORT": "80",
    "FRONTVIEW_REFRESHER_METRICS_PORT_80_TCP_ADDR": "10.0.0.1",
    "FRONTVIEW_PORT": "tcp://10.0.0.2:8000",  # Of another service, called frontview.
    "FRONTVIEW_SERVICE_HOST": "10.0.0.2",
}


def test_the_variables_of_a_kubernetes_service_set_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICE.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == DEFAULTS
    (sentence,) = questionable_settings()
    assert sentence.startswith("FRONTVIEW_REFRESHER_METRICS_PORT: Kubernetes sets it")


def test_a_misspelt_variable_is_named_with_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_JWT_AUDIANCE", "the value")
    monkeypatch.setenv("FRONTVIEW_QQQ", "x")
    monkeypatch.setenv("frontview_pool_size", "7")
    assert load_settings().pool_size == 7
    assert questionable_settings() == [
        "FRONTVIEW_JWT_AUDIANCE: there is no such setting; did you mean FRONTVIEW_JWT_AUDIENCE?",
        "FRONTVIEW_QQQ: there is no such setting",
    ]


def test_the_refresher_says_at_its_start_which_variables_set_nothing() -> None:
    environment = os.environ | SERVICE | {"FRONTVIEW_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    started = subprocess.run(
        [sys.executable, "-m", "refresher"], env=environment, capture_output=True, text=True, check=False
    )
    assert started.returncode == 1
    assert "FRONTVIEW_REFRESHER_METRICS_PORT: Kubernetes" in started.stderr
    assert "Traceback" not in started.stderr


@pytest.mark.parametrize("prefix", ["/api", "/static/more", "/ops/"])
def test_a_prefix_that_begins_like_a_path_of_our_own_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"FRONTVIEW_URL_PREFIX: .*take another one"):
        load_settings(url_prefix=prefix)
