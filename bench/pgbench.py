"""Load on the database by ``pgbench``, from the embedded server's own programs.

Invariant: statements are prepared, every transaction is one statement, and a failed one fails the run.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.server import Server

_RATE = re.compile(r"^tps = ([0-9.]+) \(without initial", re.MULTILINE)


def inserts_a_second(
    server: Server, url: str, script: str, *, clients: int, seconds: float, options: str = ""
) -> float:
    """Return the transactions a second of ``clients`` connections running ``script``.

    :param options: server settings of these connections, as in PGOPTIONS.
    :raises RuntimeError: pgbench failed; with what it said.
    """
    with _command(server, url, script, clients, seconds) as command:
        done = subprocess.run(command, env=_environment(options), capture_output=True, text=True, check=False)
    found = _RATE.search(done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {done.stdout[-500:]} {done.stderr[-500:]}")
    return float(found[1])


@contextmanager
def steady_load(
    server: Server, url: str, script: str, *, clients: int, seconds: float, a_second: float
) -> Iterator[None]:
    """Run ``script`` at a fixed rate beside the block, and end it with the block.

    :raises RuntimeError: pgbench ended early.
    """
    with _command(server, url, script, clients, seconds) as command:
        process = subprocess.Popen(
            [*command, "--rate", str(a_second)],
            env=_environment(""),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
            if process.poll():
                raise RuntimeError("pgbench failed under way")
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _command(server: Server, url: str, script: str, clients: int, seconds: float) -> Iterator[list[str]]:
    with TemporaryDirectory(prefix="frontview-bench-") as folder:
        file = Path(folder) / "script.sql"
        file.write_text(script)
        program = str(server.binaries / "pgbench")
        plan = ["--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={min(2, clients)}"]
        yield [program, *plan, f"--time={max(1, round(seconds))}", f"--file={file}", url]


def _environment(options: str) -> dict[str, str]:
    return {**os.environ, "PGOPTIONS": f"-c timezone=UTC -c jit=off {options}"}


def insert_call(table: str, users: int, agents: int) -> str:
    """Return a script that inserts one call of a random user and agent; ids start at 1."""
    return (
        f"\\set user random(1, {users})\n\\set agent random(1, {agents})\n"
        f"INSERT INTO {table} (user_id, agent_id, status, duration_seconds, cost_cents) "
        "VALUES (:user, :agent, 'completed', 61, 17);\n"
    )
