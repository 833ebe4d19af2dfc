"""``python -m bench.peers.granian_peer PORT FACTORY [OPTIONS]``: serves a peer under granian as Frontview is served.

Options: ``--access-log``; ``--own-core``, which keeps it to the core that Frontview would take.

Invariant: granian's settings are those of ``frontview serve`` with one worker.
"""

import os
import sys

from models.settings import Settings
from web.process.worker import threads_for


def main() -> None:
    """Serve what FACTORY (``module:function``) returns until a signal comes."""
    from granian import Granian  # noqa: PLC0415
    from granian.constants import Interfaces  # noqa: PLC0415

    if "--own-core" in sys.argv:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # as Frontview does; its worker inherits it
    fields = Settings.model_fields
    Granian(
        sys.argv[2],
        factory=True,
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads_for(fields["pool_size"].default, fields["event_streams"].default),
        websockets=False,
        respawn_failed_workers=True,
        log_access="--access-log" in sys.argv,
    ).serve()


if __name__ == "__main__":
    main()
