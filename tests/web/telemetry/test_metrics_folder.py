"""Numbers of many processes in one folder: added up once each, never less than before, and not for others to see."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.telemetry import metrics_folder
from web.telemetry.metrics_folder import (
    FolderRefused,
    default_folder,
    open_folder,
    read_numbers,
    remove_folders_of_ended_servers,
    write_numbers,
)
from web.telemetry.process_numbers import Numbers

HITS = ("frontview_cache_hits_total", (("region", "a"),))
HELD = ("frontview_cache_entries", (("region", "a"),))
LAG = ("frontview_feed_lag_seconds", ())


def numbers(hits: int, held: int = 0, lag: float = 0.0) -> Numbers:
    return Numbers({HITS: hits}, {HELD: held, LAG: lag})


class Process:
    """A process of its own that lives until it is ended; the test writes its numbers."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.name = f"{self.process.pid}-{metrics_folder._start_of(self.process.pid)}"

    def write(self, folder: Path, numbers: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(metrics_folder, "_own_name", lambda: self.name)
            write_numbers(folder, numbers, 100.0)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return open_folder(tmp_path / "numbers")


@pytest.fixture
def other() -> Iterator[Process]:
    process = Process()
    yield process
    process.end()


def test_counters_add_up_and_gauges_as_they_are_meant_to(
    folder: Path, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_numbers(folder, numbers(3, held=10, lag=0.5), 100.0)
    other.write(folder, numbers(4, held=20, lag=0.25), monkeypatch)
    together = read_numbers(folder, 101.5)
    assert together.numbers.counters == {HITS: 7}
    assert together.numbers.gauges == {HELD: 30, LAG: 0.5}
    assert (together.living, together.ended, together.oldest_seconds) == (2, 0, 1.5)


def test_what_an_ended_process_counted_is_kept_once_and_what_it_held_is_gone(
    folder: Path, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_numbers(folder, numbers(3, held=10), 100.0)
    other.write(folder, numbers(4, held=20), monkeypatch)
    other.end()
    for _ in range(3):
        together = read_numbers(folder, 100.0)
        assert together.numbers.counters == {HITS: 7}
        assert together.numbers.gauges[HELD] == 10
        assert (together.living, together.ended) == (1, 1)
    assert not (folder / f"{other.name}.json").exists()


def test_a_fold_that_was_interrupted_adds_nobody_twice(
    folder: Path, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.write(folder, numbers(4), monkeypatch)
    other.end()
    left = (folder / f"{other.name}.json").read_bytes()
    read_numbers(folder, 100.0)
    (folder / f"{other.name}.json").write_bytes(left)  # as if it had ended before it removed the file
    for _ in range(2):
        assert read_numbers(folder, 100.0).numbers.counters == {HITS: 4}


def test_an_ended_process_counts_before_it_is_folded(
    folder: Path, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.write(folder, numbers(4, held=20), monkeypatch)
    other.end()
    with metrics_folder._lock(folder) as locked:  # Another process holds it, and may have been suspended.
        assert locked
        together = read_numbers(folder, 100.0)
    assert together.numbers.counters == {HITS: 4}
    assert together.numbers.gauges == {}
    assert (together.living, together.ended) == (0, 1)


def test_a_fold_while_the_files_are_read_is_noticed(
    folder: Path, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.write(folder, numbers(4), monkeypatch)
    other.end()
    read = metrics_folder._read_processes
    folds = iter([True, False])

    def fold_first(path: Path) -> list[metrics_folder._ProcessNumbers]:
        if next(folds, False):
            metrics_folder._fold(path)
        return list(read(path))

    with metrics_folder._lock(folder):  # The reader itself does not fold.
        monkeypatch.setattr(metrics_folder, "_read_processes", fold_first)
        assert read_numbers(folder, 100.0).numbers.counters == {HITS: 4}


def test_another_process_with_the_pid_of_an_ended_one_is_another(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(metrics_folder, "_own_name", lambda: f"{os.getpid()}-1")  # began at another time
        write_numbers(folder, numbers(5), 100.0)
    write_numbers(folder, numbers(2), 100.0)
    together = read_numbers(folder, 100.0)
    assert (together.living, together.ended) == (1, 1)
    assert together.numbers.counters == {HITS: 7}


def test_a_file_that_cannot_be_read_and_a_metric_that_is_no_more_harm_nothing(folder: Path, other: Process) -> None:
    write_numbers(folder, numbers(1), 100.0)
    (folder / f"{other.name}.json").write_text("{")
    (folder / f"{os.getppid()}-1.json").write_text(
        json.dumps({"written": 1, "counters": [["frontview_gone_total", [], 1]], "gauges": []})
    )
    assert read_numbers(folder, 100.0).numbers.counters == {HITS: 1}


class TestTheFolder:
    def test_it_is_open_to_us_alone(self, tmp_path: Path) -> None:
        assert open_folder(tmp_path / "new").stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o755, 0o701])
    def test_one_that_is_open_to_others_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "open"
        path.mkdir()
        path.chmod(mode)
        with pytest.raises(FolderRefused, match="open to others"):
            open_folder(path)

    def test_a_link_is_refused_wherever_it_leads(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(tmp_path / "real")
        with pytest.raises(FolderRefused, match="not a folder"):
            open_folder(tmp_path / "link")

    def test_anothers_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "theirs"
        path.mkdir(mode=0o700)
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        with pytest.raises(FolderRefused, match="belongs to another"):
            open_folder(path)

    def test_those_of_ended_servers_are_removed_and_no_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Process
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        prefix = f"frontview-metrics-{os.geteuid()}"
        ours = open_folder(default_folder())
        living = open_folder(tmp_path / f"{prefix}-{other.name}")
        odd = open_folder(tmp_path / f"{prefix}-what-ever")
        ended = open_folder(tmp_path / f"{prefix}-{other.process.pid}-1")
        write_numbers(ended, numbers(1), 100.0)
        remove_folders_of_ended_servers()
        assert sorted(tmp_path.iterdir()) == sorted([ours, living, odd])
