"""Ports that stay reserved for the tests across restarts.

Invariant: none lies in the range the kernel gives to outgoing connections. There, a client that knocks at a port
nobody listens on can be given that very port and end up connected with itself.
"""

import random
import socket
from pathlib import Path

_given: set[int] = set()  # some are bound only much later
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def stable_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now and that no outgoing connection will take."""
    first_ephemeral = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32768
    for port in random.sample(range(first_ephemeral // 2, first_ephemeral), 100):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise OSError("no free port was found")
