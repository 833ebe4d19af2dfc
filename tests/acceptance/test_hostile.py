"""No request, however hostile, gets another user's data or breaks a server.

``FRONTVIEW_HOSTILE_REQUESTS`` asks for more than the suite's few thousand.
"""

import os
import threading
from collections import Counter
from pathlib import Path

from tests.acceptance.hostile import Judgement, Stranger, ask_all
from tests.faults.deployment.process import proc_words
from tests.fix_app import BOTH_WAYS, SECRET, System, start_everything

pytestmark = BOTH_WAYS

REQUESTS = int(os.environ.get("FRONTVIEW_HOSTILE_REQUESTS", "6000"))
CLIENTS = 4
TAGS = {1: 7, 2: 11, 3: 13}  # cents that a call of each user costs
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GROWTH_SHARE, GROWTH_BYTES = 0.10, 16_000_000


def give_data_that_tells_whose_it_is(system: System) -> dict[int, int]:
    """Return an id of an agent by user."""
    for user, tag in TAGS.items():
        system.sql.execute("UPDATE calls SET cost_cents = %s WHERE user_id = %s", (tag, user))
        system.sql.execute("UPDATE agents SET name = %s WHERE user_id = %s", (f"of {user}", user))
    return dict(system.sql.execute("SELECT user_id, min(id) FROM agents GROUP BY user_id").fetchall())


def web_bytes(system: System) -> int:
    parent = system.processes["web"].pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sum(int(proc_words(pid, "statm")[1]) for pid in (parent, *map(int, children))) * PAGE_BYTES


def ask(system: System, foreign: dict[int, int], count: int, seed: int) -> list[Judgement]:
    judgements: list[Judgement] = []

    def client(number: int) -> None:
        stranger = Stranger(SECRET, TAGS, foreign, seed * CLIENTS + number)
        judgements.append(ask_all(("127.0.0.1", system.port), stranger.questions(count // CLIENTS), TAGS))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return judgements


def test_no_hostile_request_gets_others_data_or_breaks_anything(system: System) -> None:
    system.environment["FRONTVIEW_EVENT_STREAM_SECONDS"] = "0.02"  # each answer is awaited to its end
    running = start_everything(system)
    foreign = give_data_that_tells_whose_it_is(running)
    judgements = ask(running, foreign, REQUESTS // 3, seed=1)  # everything is loaded, and caches are full
    before = web_bytes(running)
    judgements += ask(running, foreign, REQUESTS - REQUESTS // 3, seed=2)
    after = web_bytes(running)

    statuses = sum((judgement.statuses for judgement in judgements), Counter[int]())
    told = f"{statuses.total()} answers: {dict(sorted(statuses.items()))}; {before / 1e6:.0f} to {after / 1e6:.0f} MB"
    (running.folder / "hostile.txt").write_text(told)
    assert [fault for judgement in judgements for fault in judgement.faults][:10] == []
    assert len(judgements) == 2 * CLIENTS
    assert min(statuses[status] for status in (200, 401, 403, 404, 405, 422)) > 0
    assert after < before * (1 + GROWTH_SHARE) + GROWTH_BYTES
