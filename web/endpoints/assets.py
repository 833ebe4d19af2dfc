"""The files of the pages beside their HTML: modules, styles, and the chart library, which comes from a package.

Invariant: only files that were found at the start are served, by name, from memory. An address contains the digest of
all of them, so clients may cache it without limit, and a page never mixes two versions.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CHART_LIBRARY = "chart.js"
_VERSION_CHARACTERS = 16


@dataclass(frozen=True)
class Asset:
    """One file.

    :param content: its bytes, compressed, as most clients accept them.
    """

    content_type: str
    content: bytes

    def plain(self) -> bytes:
        """Return the bytes for a client that does not accept gzip."""
        return gzip.decompress(self.content)


class Assets:
    """Every file of the pages, by its name below ``static/``; read at the first use."""

    @cached_property
    def by_name(self) -> dict[str, Asset]:
        """Every file."""
        found = dict(_below(files("web") / "static", ""))
        found[CHART_LIBRARY] = (files("chartkick") / "django/static/chartkick/Chart.bundle.js").read_bytes()
        return {
            name: Asset(CONTENT_TYPES[_kind(name)], gzip.compress(content, 9, mtime=0))
            for name, content in sorted(found.items())
        }

    @cached_property
    def version(self) -> str:
        """The digest of all files together."""
        digest = hashlib.sha256()
        for name, asset in self.by_name.items():
            digest.update(f"{name} {len(asset.content)} ".encode() + asset.content)
        return digest.hexdigest()[:_VERSION_CHARACTERS]

    def modules(self, *folders: str) -> list[str]:
        """Return the JavaScript modules at the top and in ``folders``, so that a page can fetch them in advance."""
        modules = (name for name in self.by_name if name.endswith(".js") and name != CHART_LIBRARY)
        return [name for name in modules if name.rpartition("/")[0] in ("", *folders)]


def _below(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _below(entry, f"{prefix}{entry.name}/")
        elif _kind(entry.name) in CONTENT_TYPES:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _kind(name: str) -> str:
    return PurePosixPath(name).suffix
