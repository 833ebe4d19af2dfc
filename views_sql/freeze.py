"""``python -m views_sql.freeze`` (`make freeze`): seals new versioned SQL files in ``frozen.sha256``.

Invariant: a sealed file's line never changes, for databases carry what it said; a change is a new version in a new
file. Only before the first release may ``--rewrite`` seal everything again.
"""

import hashlib
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SEALS = PACKAGE / "frozen.sha256"


def sql_hashes(package: Path = PACKAGE) -> dict[str, str]:
    """Return the SHA-256 of every versioned SQL file by its path in the package."""
    files = sorted(package.rglob("*.sql"))
    return {file.relative_to(package).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def read_seals(seals: Path = SEALS) -> dict[str, str]:
    """Return the sealed hashes by path; empty when nothing was sealed yet."""
    lines = seals.read_text(encoding="utf-8").splitlines() if seals.exists() else []
    return {path: sealed for sealed, _, path in (line.partition("  ") for line in lines)}


def faults(actual: dict[str, str], sealed: dict[str, str]) -> list[str]:
    """Return a sentence for each file that differs from its seal."""
    changed = [f"{path} was changed: make a new version" for path in sealed if actual.get(path, "") != sealed[path]]
    return changed + [f"{path} is not sealed: `make freeze`" for path in actual if path not in sealed]


def freeze(package: Path = PACKAGE, *, rewrite: bool = False) -> list[str]:
    """Seal new files and return their paths.

    :param rewrite: discard the old seals first; allowed before the first release only.
    :raises ValueError: a sealed file was changed or is gone.
    """
    seals = package / SEALS.name
    actual, sealed = sql_hashes(package), {} if rewrite else read_seals(seals)
    new = [path for path in actual if path not in sealed]
    if changed := faults({path: actual[path] for path in actual if path in sealed}, sealed):
        raise ValueError("\n".join(changed))
    seals.write_text("".join(f"{actual[path]}  {path}\n" for path in sorted(actual)), encoding="utf-8")
    return new


def main(arguments: list[str]) -> int:
    """Seal new files, print them, and return the exit code."""
    try:
        new = freeze(rewrite="--rewrite" in arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"sealed {path}\n" for path in new) or "nothing new\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
