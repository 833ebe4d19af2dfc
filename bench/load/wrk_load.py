"""Load by ``wrk``: one thread, which sends what a script made for the run says.

Invariant: answers, their bytes, and answers other than 200 are counted by ``wrk`` itself.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.load.request import Load, Request

TIMEOUT_SECONDS = 10
_ONE = "wrk.path = {path}\nwrk.headers = {{{headers}}}\n"
_MANY = """
local texts, turn = {{{texts}}}, 0
request = function()
    turn = turn % #texts + 1
    return texts[turn]
end
"""
_DONE = """
done = function(summary, latency, requests)
    local wrong = summary.errors
    io.write(string.format(
        '\\n{"answers":%d,"us":%d,"bytes":%d,"wrong":%d,"median_us":%d,"p99_us":%d}\\n',
        summary.requests, summary.duration, summary.bytes,
        wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout,
        latency:percentile(50), latency:percentile(99)
    ))
end
"""


def generate(port: int, requests: Sequence[Request], *, connections: int, seconds: float) -> Load:
    """Send ``requests`` in turn; see :func:`bench.load.http_load.generate`."""
    with TemporaryDirectory(prefix="frontview-bench-") as folder:
        script = Path(folder) / "requests.lua"
        script.write_text(_script(requests))
        plan = ["-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "-s", str(script)]
        command = ["wrk", *plan, "--timeout", f"{TIMEOUT_SECONDS}s", f"http://127.0.0.1:{port}"]
        output, busy_seconds = _run(command)
    summary = json.loads(output.splitlines()[-1])
    if summary["wrong"]:
        raise RuntimeError(f"{summary['wrong']} of {summary['answers']} requests failed or got no 200")
    passed = summary["us"] / 1e6
    return Load(
        summary["answers"],
        summary["bytes"],
        passed,
        busy_seconds / passed,
        summary["median_us"] / 1e3,
        summary["p99_us"] / 1e3,
    )


def _run(command: list[str]) -> tuple[str, float]:
    """Return what a program printed and the CPU seconds that it took."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"wrk failed: {output[-500:]}")
    return output, used.ru_utime + used.ru_stime


def _script(requests: Sequence[Request]) -> str:
    if len(requests) == 1:  # made once by wrk itself, which costs it less
        fields = {"Accept": "*/*", **requests[0].headers}
        headers = ", ".join(f"[{_literal(name)}] = {_literal(it)}" for name, it in fields.items())
        return _ONE.format(path=_literal(requests[0].path), headers=headers) + _DONE
    return _MANY.format(texts=", ".join(_literal(it.text) for it in requests)) + _DONE


def _literal(text: str) -> str:
    """Return ``text`` as Lua writes it: for ASCII without odd control characters, as JSON does."""
    return json.dumps(text)
