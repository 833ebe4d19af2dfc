"""Where the tests' PostgreSQL servers keep their data: in memory, if the machine has enough, otherwise on its disk.

Invariant: a folder exists, is empty, and is the caller's to remove.
"""

import shutil
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")  # noqa: S108
# What three processes with a server each, and a cluster, take at the most is well below this.
ROOM_BYTES = 6 * 2**30


def data_folder(prefix: str) -> Path:
    """Return a new folder for the data of a server that nothing outlives.

    A clone of the template is some 500 new files, which cost five to fifteen times as much CPU on a disk as in memory.
    """
    room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix=prefix, dir=IN_MEMORY if room else None))
