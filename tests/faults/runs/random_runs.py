"""Long random runs that are part of the whole matrix: many declared applications, without load or deployment.

Invariant: each is a command of its own, with the seed in it, so what one found is found again by the same command.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from tests.faults.runs.outcome import SURVIVED, VIOLATED, Outcome


@dataclass(frozen=True)
class RandomRun:
    """A command that ends with 0 if nothing was wrong; ``{seed}`` in it is replaced.

    :param environment: variables of the command.
    """

    number: str
    name: str
    must_hold: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def run(self, seed: int, tell: Callable[[str], None]) -> Outcome:
        """Run it, and tell each line that it prints."""
        outcome, began = Outcome(self.number, self.name, self.must_hold), monotonic()
        command = [it.format(seed=seed) for it in self.command]
        variables = {name: value.format(seed=seed) for name, value in self.environment}
        last = ""
        with subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | variables,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip():
                    last = line.strip()
                    tell(last)
        outcome.seconds, outcome.proof = monotonic() - began, last
        outcome.word = VIOLATED if process.returncode else SURVIVED
        if process.returncode:
            said = [f"{name}={value}" for name, value in variables.items()]
            outcome.why = f"again: {' '.join([*said, '.venv/bin/python', *command])}"
        return outcome


RANDOM_RUNS = (
    RandomRun(
        "exactness", "100,000 answers of random applications are those of plain SQL", "I1, I3, I6, I7",
        ("-m", "tests.exactness", "--comparisons", "100000", "--seed", "{seed}"),
    ),
    RandomRun(
        "declarations", "500 mutated declarations are installed, written under and taken back", "I6",
        ("-m", "pytest", "-q", "-m", "proof", "tests/migrations/test_mutants.py"),
        (("FRONTVIEW_MUTANTS", "250"), ("FRONTVIEW_MUTANTS_SEED", "{seed}")),
    ),
)  # fmt: skip
