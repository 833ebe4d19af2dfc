"""Checks the pinned dependencies for known vulnerabilities; exit code 1 if there are any.

Invariant: a dependency that could not be checked is reported as unchecked, never as safe. No network is no failure.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
SECONDS = 120
COMMAND = ("-m", "pip_audit", "--timeout", "5", "--progress-spinner", "off", "--no-deps", "--disable-pip")


def known_advisories() -> list[dict[str, Any]] | None:
    """Return what the advisory service knows about each dependency; None if it cannot be reached."""
    command = [sys.executable, *COMMAND, "-r", str(LOCK), "-f", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603  ours
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (
        subprocess.TimeoutExpired,
        json.JSONDecodeError,
    ):  # pip-audit reports an unreachable service on stderr only.
        return None
    return found


def main() -> int:
    """Print the result and return the exit code."""
    found = known_advisories()
    checked = [one for one in found or () if "vulns" in one]
    if not checked:
        sys.stdout.write("dependencies: not checked: no network, or no advisories available\n")
        return 0
    weak = [(one["name"], one["version"], fault["id"]) for one in checked for fault in one["vulns"]]
    for name, version, fault in weak:
        sys.stdout.write(f"dependencies: {name} {version}: {fault}\n")
    unchecked = [one["name"] for one in found or () if "vulns" not in one]
    more = f"; not checked: {', '.join(unchecked)}" if unchecked else ""
    sys.stdout.write(f"dependencies: {len(checked)} checked, {len(weak)} known vulnerabilities{more}\n")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
