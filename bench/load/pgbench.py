"""Load on the database by ``pgbench``, from the embedded server's own programs.

Invariant: statements are prepared, each is a transaction, and a failed one fails the run.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.system.server import Server

_RATE = re.compile(r"^tps = ([0-9.]+) \(without initial", re.MULTILINE)


def scripts_a_second(
    server: Server, url: str, script: str, *, clients: int, seconds: float, options: str = "", rows: int = 1
) -> float:
    """Return how often a second ``clients`` connections ran ``script``.

    :param options: server settings of these connections, as in PGOPTIONS.
    :param rows: of a statement. pgbench has no timer for less than a second: such a round is a number of statements,
        which falls with ``rows``.
    :raises RuntimeError: pgbench failed; the message has its output.
    """
    with _command(server, url, script, clients, _length(seconds, rows)) as command:
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
    with _command(server, url, script, clients, _length(max(1, seconds))) as command:
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
def _command(server: Server, url: str, script: str, clients: int, length: str) -> Iterator[list[str]]:
    with TemporaryDirectory(prefix="frontview-bench-") as folder:
        file = Path(folder) / "script.sql"
        file.write_text(script)
        program = str(server.binaries / "pgbench")
        plan = ["--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={min(2, clients)}"]
        yield [program, *plan, length, f"--file={file}", url]


def _length(seconds: float, rows: int = 1) -> str:
    if seconds >= 1:
        return f"--time={round(seconds)}"
    return f"--transactions={max(1, round(100 * seconds / rows))}"


def _environment(options: str) -> dict[str, str]:
    return {**os.environ, "PGOPTIONS": f"-c timezone=UTC -c jit=off {options}"}


def insert_call(table: str, users: int, agents: int) -> str:
    """Return a script that inserts one call of a random user and agent; ids start at 1."""
    return (
        f"\\set user random(1, {users})\n\\set agent random(1, {agents})\n"
        f"INSERT INTO {table} (user_id, agent_id, status, duration_seconds, cost_cents) "
        "VALUES (:user, :agent, 'completed', 61, 17);\n"
    )


def insert_calls(table: str, users: int, agents: int, rows: int, one_user: bool) -> str:
    """Return a script that inserts many calls in one statement.

    :param one_user: all calls are of one random user, over thirty days; otherwise of random users, now.
    """
    user, started = (":user", "now() - g % 30 * interval '1 day'") if one_user else (_random(users), "now()")
    return (
        f"\\set user random(1, {users})\n"
        f"INSERT INTO {table} (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
        f"SELECT {user}, {_random(agents)}, {started}, 'completed', 61, 17 FROM generate_series(1, {rows}) g;\n"
    )


def update_call(table: str, rows: int, column: str = "cost_cents", value: str = "cost_cents + 1") -> str:
    """Return a script that changes one column of one call, of the first ``rows`` of the table."""
    return f"\\set id random(1, {rows})\nUPDATE {table} SET {column} = {value} WHERE id = :id;\n"


def live_and_die(table: str, users: int, agents: int) -> str:
    """Return a script that inserts a call, updates it and deletes it, in three transactions."""
    insert = insert_call(table, users, agents).rstrip(";\n")
    return (
        f"{insert} RETURNING id \\gset\nUPDATE {table} SET cost_cents = cost_cents + 1 WHERE id = :id;\n"
        f"DELETE FROM {table} WHERE id = :id;\n"
    )


def _random(most: int) -> str:
    return f"1 + floor(random() * {most})::bigint"
