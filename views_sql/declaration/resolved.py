"""A declaration as one canonical text, and the hash that names it.

Invariant: the text holds every default, so that it means the same with any later version; equal declarations have
equal texts, in whatever order and in whichever files their views and regions stand.
"""

import hashlib
import json
from typing import Any

from views_sql.declaration.application import Application

FORMAT = 1  # Raised whenever an older version could not read, or would misread, a text.


def resolved(application: Application) -> str:
    """Return the canonical JSON; dimensions and measures are lists, since their order counts."""
    content = application.model_dump()
    for view in content["views"]:
        view["dimensions"] = [{"name": name, "expression": it} for name, it in view["dimensions"].items()]
        view["measures"] = [{"name": name} | it for name, it in view["measures"].items()]
    for kind in ("views", "regions"):
        content[kind] = sorted(content[kind], key=lambda it: str(it["name"]))
    return json.dumps({"format": FORMAT} | content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def restored(text: str) -> Application:
    """Return the application of a canonical text.

    :raises ValueError: it is none of this format.
    """
    content: dict[str, Any] = json.loads(text)
    if content.pop("format") != FORMAT:
        raise ValueError("the declaration was written by another version")
    for view in content["views"]:
        view["dimensions"] = {it["name"]: it["expression"] for it in view["dimensions"]}
        view["measures"] = {it.pop("name"): it for it in view["measures"]}
    return Application.model_validate(content | {kind: tuple(content[kind]) for kind in ("views", "regions")})


def fingerprint(application: Application) -> str:
    """Return the hash that names a declaration: 16 hexadecimal digits."""
    return hashlib.sha256(resolved(application).encode()).hexdigest()[:16]
