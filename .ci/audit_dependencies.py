"""Looks the pinned dependencies up among known vulnerabilities; exit code 1 where there is one.

Invariant: what could not be looked up is said to be unchecked, never to be sound; no network is no failure.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
SECONDS = 120
COMMAND = ("-m", "pip_audit", "--timeout", "5", "--progress-spinner", "off", "--no-deps", "--disable-pip")


def looked_up() -> list[dict[str, Any]] | None:
    """Return what is known of each dependency; None when the service cannot be reached."""
    command = [sys.executable, *COMMAND, "-r", str(LOCK), "-f", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603  ours
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):  # it says what it could not reach on stderr alone
        return None
    return found


def main() -> int:
    """Say what was found and return the exit code."""
    found = looked_up()
    checked = [one for one in found or () if "vulns" in one]
    if not checked:
        sys.stdout.write("dependencies: not checked: no network, or no advisories to be had\n")
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
