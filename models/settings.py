"""All settings, typed and frozen, from ``FRONTVIEW_*``; they are read only at entry points.

Invariant: all faults of a configuration are reported at once, each with its variable; values are never logged.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from models.environment import PREFIX, SecretFiles, Variables, questionable_variables
from models.errors import ConfigurationError

_POSTGRES_DRIVERS = {"postgresql", "postgresql+psycopg", "postgres"}
_EXPECTED_URL = (
    "not a database URL that libpq can read; expected postgresql://user:password@host:port/name, special characters "
    "in the password percent-encoded (@ as %40, / as %2F)"
)
# The first parts of paths at which the web server answers.
_OWN_PATHS = {"api", "docs", "healthz", "metrics", "openapi.json", "ops", "readyz", "static"}


class Settings(BaseSettings):
    """What an operator may set; times in seconds, sizes in bytes. docs/settings.md is made from it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str | None = Field(None, repr=False, description="The database; unset: an embedded PostgreSQL.")
    direct_url: str | None = Field(
        None,
        repr=False,
        description="The same database without a transaction pooler, for refresher, feed and migrations.",
    )
    data_dir: Path = Field(
        Path(".frontview"),
        description="Where the embedded PostgreSQL and its secret live, from the current directory; made when missing.",
    )

    project: Path | None = Field(
        None, description="Folder with `frontview.toml`; unset: the current directory, if it has one."
    )

    jwt_secret: SecretStr | None = Field(None, description="HS256 secret, at least 32 bytes.")
    jwks_url: str | None = Field(None, description="Key set that verifies RS256/ES256/EdDSA tokens.")
    jwt_audience: str | None = Field(None, description="Required `aud`, when set.")
    jwt_issuer: str | None = Field(None, description="Required `iss`, when set.")

    trust_seconds: float = Field(1.0, gt=0, le=60, description="H: no cached answer misses a commit older than this.")
    poll_seconds: float = Field(0.25, gt=0, le=10, description="The feed is read at least this often.")
    pool_size: int = Field(
        8,
        ge=1,
        le=200,
        description="Database connections that a web worker may use for reads; its follower has one more.",
    )
    statement_timeout_seconds: float = Field(15.0, gt=0, le=3600, description="Longest duration of a dashboard's read.")
    stale_if_error_seconds: int = Field(
        0,
        ge=0,
        le=86400,
        description="While the database is gone, entries are served at most this far past their trust.",
    )
    regions: Annotated[dict[str, dict[str, int]], NoDecode] = Field(
        default_factory=dict,
        description='Limits of cache regions, e.g. `{"dashboard": {"max_entries": 500, "max_bytes": 50000000, '
        '"ttl_seconds": 60}}`; what is not named stays as declared, and what is not declared is left out.',
    )
    compress_from_bytes: int = Field(
        16_384, ge=0, le=2**31 - 1, description="Answers of at least this size are kept compressed."
    )
    warming_enabled: bool = Field(True, description="Whether workers compute answers before they are requested.")
    warm_on_invalidation: bool = Field(True, description="Answers that were read are computed again after a change.")
    background_refresh: bool = Field(True, description="Answers that were read are computed again before they expire.")
    refresh_threshold: float = Field(
        0.8, gt=0, lt=1, description="Share of its life after which an answer is computed again."
    )
    warming_predictive: bool = Field(
        False,
        description="Whether the leader also plans users who usually come at this hour: more hits in the first minute "
        "of a visit for half as much database time again.",
    )
    warming_duty: float = Field(
        0.1, gt=0, le=1, description="Share of one core and one connection that a worker may take for warming."
    )
    warming_users: int = Field(
        500,
        ge=0,
        le=100_000,
        description="Most users whose answers the leader plans to keep warm; a fiftieth, at least 10, as most active.",
    )

    url_prefix: str = Field(
        "",
        description="Path under which people reach the web server, e.g. `/frontview`; the proxy may remove it or not.",
    )
    front_layer: bool = Field(
        True, description="Whether hits are answered before Flask; `false` shows what that is worth."
    )
    rate_limit_per_second: float = Field(
        50.0, ge=0, le=100_000, description="Requests a second that one user may send to one web process; 0: no limit."
    )
    rate_limit_burst: int = Field(200, ge=1, le=1_000_000, description="Requests that one user may send at once.")

    event_streams: int = Field(
        64,
        ge=0,
        le=1000,
        description="Streams of events that a web worker may have open, each in its own thread; 0: none.",
    )
    event_streams_per_user: int = Field(
        4, ge=1, le=1000, description="Most of those for one user: a browser opens six connections to a host."
    )
    event_stream_seconds: float = Field(
        300.0, gt=0, le=86400, description="Longest life of a stream of events; then its client opens another."
    )

    drain_seconds: float = Field(0.025, ge=0.005, le=1, description="Pause between two drains of the leader.")
    refresh_duty: float = Field(0.05, gt=0, le=1, description="Share of one core that refreshes may take.")
    refresh_min_seconds: float = Field(5.0, gt=0, le=86400, description="Least time between two refreshes of a tier.")
    refresh_timeout_seconds: float = Field(
        3600.0, ge=0, le=86400, description="Longest duration of a refresh's statement; 0: no limit."
    )
    recent_days: int = Field(45, ge=2, le=3650, description="Days that the recent tier holds after a horizon move.")
    feed_retention_seconds: int = Field(300, ge=10, le=86400, description="How long feed and drain rows are kept.")
    coverage_seconds: float = Field(60.0, ge=1, le=3600, description="Time between two checks of the capture triggers.")
    audit_duty: float = Field(
        0.005, ge=0, le=1, description="Share of one core that the audit of answers may take; 0: no audit."
    )
    refresher_metrics_host: str = Field("127.0.0.1", description="Address on which the refresher's metrics are served.")
    refresher_metrics_port: int = Field(
        0, ge=0, le=65535, description="The refresher's port for Prometheus; 0: no metrics."
    )

    metrics_enabled: bool = Field(True, description="Whether the web server answers `/metrics`.")
    metrics_dir: Path | None = Field(
        None, description="Folder in which the processes of one web server share their numbers; unset: a temporary one."
    )
    otel_enabled: bool = Field(False, description="Whether requests and statements are traced; needs the extra `otel`.")
    admin_posts_per_minute: int = Field(
        30, ge=1, le=10_000, description="POST requests a minute that one admin may send to one web worker."
    )

    log_format: str = Field(
        "auto", pattern="^(auto|json|console)$", description="`auto` means console on a terminal, JSON elsewhere."
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Lowest severity that is logged."
    )
    access_log: bool = Field(True, description="Whether each request is logged in one line, without user data.")

    @field_validator("database_url", "direct_url")
    @classmethod
    def _is_postgresql_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if not separator or not _readable(f"postgresql://{rest}"):
            raise ValueError(_EXPECTED_URL)
        if scheme not in _POSTGRES_DRIVERS:
            raise ValueError(f"the driver {scheme!r} is not PostgreSQL; expected postgresql://…")
        return f"postgresql://{rest}"

    @field_validator("regions", mode="before")
    @classmethod
    def _is_json(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("not JSON; expected regions with their limits, as in docs/settings.md") from None

    @field_validator("url_prefix")
    @classmethod
    def _is_path(cls, value: str) -> str:
        if not re.fullmatch(r"(/[\w.~-]+)*/?", value, re.ASCII):
            raise ValueError("expected a path such as /frontview")
        if value.strip("/").partition("/")[0] in _OWN_PATHS:
            raise ValueError(f"{value} begins like a path of the web server itself; take another one")
        return value.rstrip("/")

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("jwt_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise ValueError("at least 32 bytes are needed for HS256")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _is_web_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("expected an https:// (or http://) URL")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is not passed from the environment, or else from files of secrets."""
        return init_settings, Variables(settings_cls), SecretFiles(settings_cls, secret_folders())


def _readable(url: str) -> bool:
    """Return whether libpq can read the URL. Its own messages quote what it cannot read, perhaps of a password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return False
    ports = str(parts.get("port") or "").split(",")
    return all(not port or port.isdecimal() for port in ports) and "@" not in str(parts.get("host"))


def secret_folders() -> list[Path]:
    """Return the folders that may have files with secrets: those of containers and systemd's credentials."""
    folders = [Path("/run/secrets"), Path(os.environ.get("CREDENTIALS_DIRECTORY") or "/nowhere")]
    return [folder for folder in folders if folder.is_dir()]


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of the environment.

    A variable that is not set may be a file of its name, in lower or upper case, in :func:`secret_folders`; what is
    empty counts as not set (:func:`models.environment.as_written`).

    :param overrides: values that take precedence over the environment (for embedding and tests).
    :raises ConfigurationError: with every fault; no message shows a secret.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError([_sentence(fault) for fault in error.errors(include_input=False)]) from None
    except SettingsError as error:  # pydantic's wrapping of what a source raises
        raise error.__cause__ or error from None


def _sentence(fault: Mapping[str, Any]) -> str:
    """Return a fault that pydantic has found, with its variable."""
    setting, *inside = map(str, fault["loc"])
    place = ".".join(inside) + ": " * bool(inside)
    return f"{PREFIX}{setting.upper()}: {place}{fault['msg'].removeprefix('Value error, ')}"


def questionable_settings() -> list[str]:
    """Return a sentence about each variable of the environment that looks like a setting and sets nothing."""
    return questionable_variables(os.environ, Settings.model_fields)
