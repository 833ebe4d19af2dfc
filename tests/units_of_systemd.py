"""The systemd units, executed without systemd: the same command, environment and signals.

Invariant: nothing of the tests' own environment reaches a process but PATH and what a unit and its file name.
"""

import os
import shlex
import signal
import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNITS = ROOT / "deploy" / "systemd"
INSTALLED = "/opt/frontview/current"
STOP_SECONDS = 30

Unit = dict[str, dict[str, list[str]]]


def read_unit(text: str) -> Unit:
    """Return values by section and key; a key may be there more than once."""
    unit: Unit = {}
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = unit.setdefault(line.strip("[]"), defaultdict(list))
        else:
            key, _, value = line.partition("=")
            section[key].append(value)
    return unit


def variables(path: Path) -> dict[str, str]:
    """Return the variables of an EnvironmentFile."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


class Service:
    """One instance of a unit.

    :param filled_in: what an operator writes into its file of variables; each must be there to be filled in.
    """

    def __init__(self, name: str, folder: Path, filled_in: dict[str, str], instance: str = "") -> None:
        text = (UNITS / name).read_text().replace(INSTALLED, str(ROOT)).replace("%i", instance)
        self.service = read_unit(text)["Service"]
        self.log_path = folder / f"{name.partition('.')[0]}{instance}.log"
        (file,) = self.service["EnvironmentFile"]
        own = variables(ROOT / "deploy" / "env" / Path(file).name)
        assert own.keys() >= filled_in.keys()
        self._environment = {"PATH": os.environ["PATH"], **own, **filled_in}
        self._environment |= dict(line.split("=", 1) for line in self.service["Environment"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        (command,) = self.service["ExecStart"]
        (folder,) = self.service["WorkingDirectory"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                shlex.split(command),
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def reload(self) -> None:
        assert self.process is not None
        (command,) = self.service["ExecReload"]
        subprocess.run(shlex.split(command.replace("$MAINPID", str(self.process.pid))), check=True)

    def stop(self) -> int:
        """Ask it to end, as systemd does; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def children(self) -> set[int]:
        assert self.process is not None
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in listed.split()}

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
