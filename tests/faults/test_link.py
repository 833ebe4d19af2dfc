"""A link does to a connection what it says, and nothing else."""

import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.deployment.cluster import Cluster
from tests.faults.deployment.link import Link
from tests.faults.deployment.message_frames import MessageFrames
from tests.waiting import until

MANY_ROWS = "SELECT n, repeat('x', 100) FROM generate_series(1, 30000) AS n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.close()


@pytest.fixture
def link(cluster: Cluster) -> Iterator[Link]:
    link = Link(cluster.port)
    yield link
    link.close()


@pytest.fixture
def url(cluster: Cluster, link: Link) -> str:
    return cluster.url("postgres", link.port)


@pytest.fixture
def through(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection through the link."""
    connection = psycopg.connect(url, autocommit=True)
    yield connection
    connection.close()


class Background:
    """A call in a thread of its own: what came of it, and how long it took."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self.seconds = 0.0
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = monotonic()
        try:
            self.result = self._call()
        except Exception as error:
            self.error = error
        self.seconds = monotonic() - began

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> "Background":
        self._thread.join(20)
        assert not self.waits
        return self


def backends(cluster: Cluster, ports: set[int]) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE client_port = ANY (%s)"
    with cluster.connect("postgres") as direct:
        return [row[0] for row in direct.execute(query, (list(ports),))]


def test_a_plain_link_tells_whose_backend_is_whose(
    cluster: Cluster, link: Link, through: psycopg.Connection[Any]
) -> None:
    assert backends(cluster, link.upstream_ports()) == [through.info.backend_pid]
    through.close()
    until(lambda: not link.upstream_ports(), "end of the connection")
    assert (link.connections, link.held_bytes, link.refused) == (1, 0, 0)


def test_silence_holds_both_directions_and_loses_nothing(
    cluster: Cluster, link: Link, url: str, through: psycopg.Connection[Any]
) -> None:
    through.execute("CREATE TEMP TABLE heard (n int)")
    link.silence()
    sent = Background(lambda: through.execute("INSERT INTO heard SELECT 7 RETURNING n").fetchone())
    newcomer = Background(lambda: psycopg.connect(url).close())
    until(lambda: link.held_bytes > 0, "held statement")
    with cluster.connect("postgres") as direct:
        asked = direct.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (through.info.backend_pid,))
        assert "INSERT" not in str(asked.fetchone())  # the server has not heard it
    assert sent.waits
    assert newcomer.waits
    link.heal()
    assert sent.wait().result == (7,)
    assert newcomer.wait().error is None


def test_nobody_hears_through_silence_that_the_other_end_has_gone(
    cluster: Cluster, link: Link, through: psycopg.Connection[Any]
) -> None:
    ports, backend = link.upstream_ports(), through.info.backend_pid
    link.silence()
    through.close()
    until(lambda: link.held_bytes > 0, "held farewell")
    assert backends(cluster, ports) == [backend]
    link.heal()
    until(lambda: not backends(cluster, ports), "end of the backend")


def test_a_delay_makes_answers_late_and_keeps_their_order(link: Link, through: psycopg.Connection[Any]) -> None:
    link.delay(0.4)
    answer = Background(lambda: through.execute(MANY_ROWS).fetchall()).wait()
    assert answer.seconds >= 0.4
    assert [row[0] for row in answer.result] == list(range(1, 30001))
    assert link.held_bytes > 30000 * 100


def test_stalled_answers_burst_out_when_it_heals(
    cluster: Cluster, link: Link, through: psycopg.Connection[Any]
) -> None:
    link.stall()
    answer = Background(lambda: through.execute("CREATE TABLE stalled AS SELECT 1").rowcount)
    with cluster.connect("postgres") as direct:
        until(lambda: direct.execute("SELECT to_regclass('stalled')").fetchone() != (None,), "effect of the statement")
        direct.execute("DROP TABLE stalled")
    assert answer.waits
    link.heal()
    assert answer.wait().error is None


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
def test_only_notifications_are_dropped(cluster: Cluster, link: Link, url: str, sslmode: str) -> None:
    with (
        psycopg.connect(url.replace("sslmode=disable", f"sslmode={sslmode}"), autocommit=True) as listener,
        cluster.connect("postgres") as direct,
    ):
        listener.execute("LISTEN news")
        link.drop_notifications()
        direct.execute("NOTIFY news, 'lost'")
        until(lambda: link.dropped_notifications == 1, "dropped notification")
        assert listener.execute("SELECT 1").fetchone() == (1,)
        link.heal()
        direct.execute("NOTIFY news, 'heard'")
        assert [note.payload for note in listener.notifies(timeout=10, stop_after=1)] == ["heard"]


def test_a_cut_link_resets_everything_until_it_heals(
    cluster: Cluster, link: Link, url: str, through: psycopg.Connection[Any]
) -> None:
    ports = link.upstream_ports()
    waiting = Background(lambda: through.execute("SELECT pg_sleep(20)"))
    until(lambda: backends(cluster, ports), "backend")
    link.cut()
    assert isinstance(waiting.wait().error, psycopg.OperationalError)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert link.refused == 1
    assert not link.upstream_ports()
    link.heal()
    psycopg.connect(url).close()


def test_a_reset_is_once_and_is_no_goodbye(
    cluster: Cluster, link: Link, url: str, through: psycopg.Connection[Any]
) -> None:
    ports = link.upstream_ports()
    with socket.create_connection(("127.0.0.1", link.port), timeout=10) as plain:
        until(lambda: link.open_connections == 2, "second connection")
        link.reset_connections()
        with pytest.raises(ConnectionResetError):
            plain.recv(1)
    until(lambda: not backends(cluster, ports), "end of the backend")
    until(lambda: "could not receive data from client: Connection reset by peer" in cluster.log(), "complaint")
    with pytest.raises(psycopg.OperationalError):
        through.execute("SELECT 1")
    psycopg.connect(url).close()


def test_a_statement_can_be_cancelled_through_it(
    cluster: Cluster, link: Link, through: psycopg.Connection[Any]
) -> None:
    sleeping = Background(lambda: through.execute("SELECT pg_sleep(20)"))
    asleep = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    pid = through.info.backend_pid
    with cluster.connect("postgres") as direct:  # A server that has not yet begun it would pass over the request.
        until(lambda: direct.execute(asleep, (pid,)).rowcount == 1, "statement")
    through.cancel_safe(timeout=5)
    assert isinstance(sleeping.wait().error, psycopg.errors.QueryCanceled)
    assert link.connections == 2


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


@given(
    messages=st.lists(st.tuples(st.sampled_from([b"A", b"D", b"Z"]), st.binary(max_size=20)), max_size=12),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20),
    answer=st.sampled_from([b"", b"N", b"NN"]),
)
def test_messages_are_told_apart_however_the_stream_is_cut_up(
    messages: list[tuple[bytes, bytes]], sizes: list[int], answer: bytes
) -> None:
    stream = answer + b"".join(message(*one) for one in messages)
    frames, place, out = MessageFrames(), 0, []
    for number in range(len(stream)):
        size = sizes[number % len(sizes)]
        out.append(frames.feed(stream[place : place + size], drop_notifications=True))
        place += size
    out.append(frames.end())
    assert b"".join(out) == answer + b"".join(message(*one) for one in messages if one[0] != b"A")
    assert frames.dropped == sum(kind == b"A" for kind, _ in messages)


def test_an_encrypted_stream_is_left_alone() -> None:
    frames = MessageFrames()
    noise = b"S" + message(b"A", b"secret")
    assert frames.feed(noise, drop_notifications=True) == noise
