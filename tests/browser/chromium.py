"""A chromium of this machine, for Playwright to drive.

Invariant: it reaches this machine alone; whatever a page asks of another host fails here, and the watch tells.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

VARIABLE = "FRONTVIEW_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    f"no chromium on the PATH ({', '.join(NAMES)}): install the package chromium, or put the program's path into "
    f"{VARIABLE}"
)
# Pages of the browser's own window, which nobody sees: a process each, for every visit, that take longer than ours.
WINDOW_PAGES = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
# What Playwright itself switches off; the switch counts once, and ours is the last.
USUALLY_OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "Translate",
)


def chromium_path() -> str | None:
    """Return the program, or None where there is none; a path that was given and is none is a mistake."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return next((path for name in NAMES if (path := shutil.which(name))), None)
    if shutil.which(given) is None:
        raise FileNotFoundError(f"{VARIABLE} names {given!r}, which is no program")
    return given


def arguments() -> list[str]:
    """Return how it is started."""
    given = [
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--force-color-profile=srgb",
        f"--disable-features={','.join((*USUALLY_OFF, *WINDOW_PAGES))}",
    ]
    return [*given, "--no-sandbox"] if os.geteuid() == 0 else given  # its own sandbox does not start as root


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """Yield a browser without a window, for as long as it is needed.

    In it an event loop of Playwright's runs in this thread: nothing else may use asyncio there meanwhile.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments())
        yield browser
        browser.close()
