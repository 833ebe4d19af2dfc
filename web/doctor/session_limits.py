"""The check of what limits Frontview's sessions: settings, connections, and options of the URL that are overruled."""

import re

from psycopg.conninfo import conninfo_to_dict

from models.connection import Connection
from models.session_limits import REFRESHER_CONNECTIONS, session_limits
from models.session_settings import PINNED, PINNED_WHERE_KNOWN
from models.settings import Settings
from web.doctor.finding import Finding, passed, warned

WORKERS = 2  # The fewest that `frontview serve` starts by default.


def limits(connection: Connection, settings: Settings) -> Finding:
    """Check that nothing which a session cannot change limits a refresher and two web workers."""
    needed = REFRESHER_CONNECTIONS + WORKERS * (settings.pool_size + 1)
    if found := session_limits(connection, needed) + _overruled(settings):
        return warned("session limits", "; ".join(found), "Change what is named; the rest is as Frontview needs it.")
    return passed("session limits", f"none; room for {needed} connections")


def _overruled(settings: Settings) -> list[str]:
    """Return what the URLs' ``options`` ask for in vain."""
    urls = (settings.database_url, settings.direct_url)
    options = " ".join(str(conninfo_to_dict(url).get("options") or "") for url in urls if url)
    names = {name.lower() for name in re.findall(r"(?:-c\s*|--)([\w.]+)\s*=", options)} & {*PINNED, *PINNED_WHERE_KNOWN}
    return [f"the URL's options set {name}, which Frontview sets itself; remove it there" for name in sorted(names)]
