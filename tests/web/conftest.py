"""A studio that is served for a tiny clip, and a browser in which its page is open."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

# Chromium where nothing but loopback is reached, without a sandbox of its own, which root has not.
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--autoplay-policy=no-user-gesture-required",
]


class Served:
    """A studio in a process of its own."""

    def __init__(self, clip: Path | None, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "mnst_video", "studio", "--no-browser", *arguments]
        self.process = subprocess.Popen(
            command + ([str(clip)] if clip else []),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.process.stderr.read()
        parts = urlsplit(self.address)
        self.port, self.token = parts.port, parts.query.removeprefix("token=")

    def stop(self, how: int = signal.SIGINT) -> int:
        """End it; its exit code."""
        self.process.send_signal(how)
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process.stderr.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[object]:
    """Serves a studio; ended with the test."""
    running: list[Served] = []

    def start(clip: Path | None, *arguments: str, folder: Path | None = None) -> Served:
        running.append(Served(clip, folder or tmp_path, *arguments))
        return running[-1]

    yield start
    for served in running:
        if served.process.poll() is None:
            served.stop()
    for runs in tmp_path.glob("*.studio/renders.json"):  # renders outlive their studio
        for run in json.loads(runs.read_text()):
            if run["process"]:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run["process"][0], signal.SIGKILL)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium. Skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: object) -> Iterator[object]:
    """Opens a studio's page; at the end nothing may have gone wrong in it."""
    contexts, problems = [], []

    def start(
        served: Served,
        scheme: str = "dark",
        size: tuple[int, int] = (1366, 768),
        looks: bool = False,
    ) -> object:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        contexts.append(context)
        if not looks:  # which take the cores
            shows = """localStorage.shows ??= '["footage", "style 0"]'"""
            context.add_init_script(shows)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: m.type == "error" and problems.append(m.text))
        page.goto(served.address)
        deadline = time.monotonic() + 40
        while not page.evaluate("Boolean(window.studio?.store.clip && studio.player.ready)"):
            assert time.monotonic() < deadline, problems
            page.wait_for_timeout(50)
        return page

    start.problems = problems
    yield start
    for context in contexts:
        context.close()
    assert problems == []
