"""The application learns of the signals that end its process, even if other code listens to them."""

import os
import signal
import subprocess
import sys

import pytest

from tests.fix_postgres import ROOT

# As a server does it: handlers of its own are installed after ours, and somebody may have a pipe for signals already.
PROGRAM = """
import os, signal, sys, threading
from web.process.termination import on_termination
theirs, pipe = os.pipe()
os.set_blocking(pipe, False)
if "pipe" in sys.argv:
    signal.set_wakeup_fd(pipe)
told, handled = threading.Event(), threading.Event()
on_termination(told.set)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1):
    signal.signal(number, lambda number, _: handled.set())
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
assert handled.wait(10)
if "pipe" in sys.argv:
    assert os.read(theirs, 8) == bytes([getattr(signal, sys.argv[1])])
print(told.wait(10 if "told" in sys.argv else 0.2))
"""


# A worker is forked beside its server's handlers and asked to end before it has installed its own.
FORKING = """
import os, signal, sys, time
from web.process.termination import end_children_that_start
number = getattr(signal, sys.argv[1])
signal.signal(number, lambda *_: None)
end_children_that_start()
child = os.fork()
if not child:
    time.sleep(10)
    os._exit(0)
os.kill(child, number)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.kill(os.getpid(), number)
"""


def run(*arguments: str, program: str = PROGRAM) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGQUIT"])
def test_a_signal_that_ends_is_told_beside_its_handler(name: str) -> None:
    assert run(name, "told") == "True"


def test_another_signal_is_not() -> None:
    assert run("SIGUSR1") == "False"


def test_who_listened_before_still_hears_them() -> None:
    assert run("SIGTERM", "told", "pipe") == "True"
    assert run("SIGUSR1", "pipe") == "False"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_worker_that_still_starts_ends_at_once_and_its_server_keeps_its_handler(number: signal.Signals) -> None:
    assert run(number.name, program=FORKING) == str(-number)


def test_it_leaves_signals_that_nobody_handles_as_they_are() -> None:
    program = (
        "import os, signal; from web.process.termination import on_termination; on_termination(lambda: None);"
        "os.kill(os.getpid(), signal.SIGTERM)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=30, check=False)
    assert done.returncode == -signal.SIGTERM
