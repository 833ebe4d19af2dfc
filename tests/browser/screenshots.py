"""``python -m tests.browser.screenshots``: pictures of the pages, of a system that is in use, into ``docs/images/``.

Invariant: what is shown is real: seeded users, calls that come in, readers who read; nothing in a picture is made up.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Literal

import click
import httpx
from playwright.sync_api import Browser, expect

from bench.system.processes import SECRET, refresher, web_server
from bench.system.scale import Scale
from bench.system.seeded import ROOT, people_of, populate
from bench.system.server import running_server
from models.engine import connect
from tests.browser.chromium import MISSING, chromium_path, launched
from web.auth.tokens import issue_token
from web.voice.demo.callers import Callers, demo_users

IMAGES = ROOT / "docs" / "images"
SCALE = Scale("pictures", 60_000, 200, 365, 0, 0, 0.0, 0, 0, 0)
SIZES: dict[str, Any] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
SHOWN_HEIGHT = {"desktop": 1600, "phone": 844}  # of what is longer than the window
LARGEST_DESKTOP_BYTES = 300_000
READS = ("overview", "performance", "analytics?granularity=day", "agents")
READERS = 6  # each asks one of the workers
READS_A_SECOND = 4  # of each
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PAGES = {"dashboard": "/", "analytics": "/?dashboard=analytics", "ops": "/ops"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", type=float, default=4, show_default=True, help="How long the system is used before.")
@click.option("--into", type=click.Path(path_type=Path), default=IMAGES, help="[default: docs/images]")
def main(minutes: float, into: Path) -> None:
    """Take pictures of the pages, light and dark, on a desktop and on a phone."""
    path = chromium_path()
    if path is None:
        raise click.ClickException(MISSING)
    into.mkdir(parents=True, exist_ok=True)
    with in_use(minutes * 60) as (port, user), launched(path) as browser:
        for page, scheme, size in product(PAGES, SCHEMES, SIZES):
            file = into / f"{page}-{scheme}-{size}.png"
            picture(browser, port, user, page, scheme, size, file)
            size_bytes = file.stat().st_size
            click.echo(f"{file}  {size_bytes / 1000:.0f} kB")
            if size == "desktop" and size_bytes > LARGEST_DESKTOP_BYTES:
                raise click.ClickException(f"{file} is larger than {LARGEST_DESKTOP_BYTES:,} bytes")


@contextmanager
def in_use(seconds: float) -> Iterator[tuple[int, int]]:
    """Yield the port of a system that was and is in use, and a user worth looking at."""
    with ExitStack() as stack:
        url = stack.enter_context(running_server()).url
        click.echo("seeding ...")
        populate(url, SCALE, lambda _: None)
        for _ in range(2):  # one leads, one stands by
            stack.enter_context(refresher(url, refresh_min_seconds="5"))
        port, _ = stack.enter_context(web_server(url, 2, access_log="false"))
        with connect(url, "frontview-pictures") as connection:
            users = demo_users(connection)
        callers = Callers(lambda: connect(url, "frontview-pictures"), users, click.echo)
        callers.start()
        stack.callback(callers.stop)
        ended = threading.Event()
        for number in range(READERS):
            reader = threading.Thread(target=read, args=(port, people_of(url).everyone, ended, Random(number)))
            reader.start()
            stack.callback(reader.join)
        stack.callback(ended.set)
        click.echo(f"in use for {seconds / 60:g} minutes ...")
        time.sleep(seconds)
        yield port, users[0][0]


def read(port: int, users: tuple[int, ...], ended: threading.Event, random: Random) -> None:
    """Read dashboards over one connection as people do: some of them often, most rarely."""
    shares = [1 / (rank + 1) for rank in range(len(users))]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=30) as client:
        while not ended.wait(random.expovariate(READS_A_SECOND)):
            [user] = random.choices(users, shares)
            headers = {"Authorization": f"Bearer {issue_token(SECRET, user)}"}
            client.get(f"dashboard/{random.choice(READS)}", headers=headers).raise_for_status()


def picture(browser: Browser, port: int, user: int, page: str, scheme: Scheme, size: str, file: Path) -> None:
    """Take one picture."""
    context = browser.new_context(
        **SIZES[size], color_scheme=scheme, locale="en-US", timezone_id="America/New_York", reduced_motion="reduce"
    )
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{port}{PAGES[page]}")
    tab.get_by_label("Your token").fill(issue_token(SECRET, user, page == "ops"))
    tab.get_by_role("button", name="Sign in", exact=True).click()
    expect(tab.locator(".panel .skeleton")).to_have_count(0, timeout=20_000)
    expect(tab.locator(".panel-fault:visible")).to_have_count(0)
    if page != "ops":
        expect(tab.locator("#live-state")).to_have_text("Live")
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    width, longest = SIZES[size]["viewport"]["width"], SHOWN_HEIGHT[size]
    height = min(longest, tab.evaluate("document.documentElement.scrollHeight"))
    shown = {"x": 0, "y": 0, "width": width, "height": height}
    tab.screenshot(path=file, full_page=True, clip=shown, animations="disabled")
    context.close()


if __name__ == "__main__":
    main()
