"""The studio on an hour of film: looks, dragging, memory. Needs Chromium and '.[test]'.

    python benchmarks/studio.py

Makes an hour of a moving test picture with sound (a minute or two), opens it in a studio of its
own with 500 keys, and measures in the page: from a moved playhead to the first picture and to one
of twelve steps or more, at 320 pixels; frames a second while a key is dragged; the memory of the
server and of the page before and after the clip was gone through. And two renders at once, with
OMP_WAIT_POLICY unset and PASSIVE.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import imageio_ffmpeg
import psutil
from playwright.sync_api import Page, sync_playwright

SECONDS, KEYS, LOOKS = 3600, 500, 6
BETTER = 12
BROWSER = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--autoplay-policy=no-user-gesture-required", "--enable-precise-memory-info"),
]


def make_hour(path: Path) -> None:
    """An hour of a test picture, 640×360, a keyframe every two seconds, with beats to hear."""
    beats = "0.5*sin(2*PI*110*t)*exp(-4*mod(t,0.5))"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"),
            *("-f", "lavfi", "-i", f"aevalsrc='{beats}':s=44100", "-t", str(SECONDS)),
            *("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"),
            *("-c:a", "aac", str(path)),
        ],
        check=True,
    )


def until(page: Page, expression: str, seconds: float = 90.0) -> None:
    """Wait for something to be true in the page."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise SystemExit(f"waited for {expression}")
        page.wait_for_timeout(10)


def looks(page: Page) -> None:
    """Seconds to the first picture and to a better one, of moments all over the clip."""
    image = "document.querySelector('.slot-1 > img').dataset"
    first, better = [], []
    for look in range(LOOKS + 1):
        until(page, f"Number({image}.steps) >= {BETTER}")
        number = page.evaluate(f"Number({image}.number)")
        begun = time.monotonic()
        page.evaluate(f"studio.player.seek({SECONDS * (look + 0.37) / (LOOKS + 1)})")
        until(page, f"Number({image}.number) > {number}")
        taken = time.monotonic() - begun
        until(page, f"Number({image}.steps) >= {BETTER}")
        if look:  # the first one measures the styles
            first.append(taken)
            better.append(time.monotonic() - begun)
    print(f"first picture: median {median(first):.2f} s, worst {max(first):.2f} s")
    print(f"{BETTER} steps or more: median {median(better):.2f} s, worst {max(better):.2f} s")


def dragging(page: Page) -> None:
    """Frames a second while one of all keys is dragged, with all of the clip in sight."""
    page.evaluate(
        """() => {
          window.shown = [];
          const next = (time) => { shown.push(time); requestAnimationFrame(next); };
          requestAnimationFrame(next);
        }"""
    )
    x, y = page.evaluate(
        """() => {
          const { plot, keys } = studio.timeline.main;
          const box = plot.plot.over.getBoundingClientRect();
          const key = keys[250];
          return [box.left + plot.left(key.seconds),
                  box.top + (plot.y(key.value) - plot.box.top) / plot.ratio];
        }"""
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("shown.length = 0")
    for step in range(200):
        page.mouse.move(x + 0.5 * step, y + step % 20)
    shown = page.evaluate("shown.slice()")
    page.mouse.up()
    gaps = sorted(b - a for a, b in pairwise(shown))
    rate = 1000 * len(gaps) / sum(gaps)
    print(f"dragging: {rate:.0f} frames a second, 95 % within {gaps[int(0.95 * len(gaps))]:.0f} ms")


def memory(page: Page, server: psutil.Process) -> tuple[float, float]:
    """Megabytes of the server and of the page's own heap."""
    heap = page.evaluate("performance.memory.usedJSHeapSize")
    return server.memory_info().rss / 1e6, heap / 1e6


def go_through(page: Page) -> None:
    """Look at sound and frames all over the clip, near and far."""
    for place in range(60):
        start = SECONDS * place / 60
        page.evaluate(f"studio.timeline.wave.plot && studio.player.seek({start})")
        page.mouse.move(500, 600)
        page.keyboard.press("+" if place % 8 else "\\")
        page.wait_for_timeout(150)


def together(folder: Path, policy: str) -> float:
    """Seconds of a frame of a render beside another one, with a policy for threads that wait."""
    sample = Path(__file__).parents[1] / "samples" / "clip.mp4"
    begun = time.monotonic()
    runs = []
    for number in range(2):
        words = [sys.executable, "-m", "mnst_video", str(sample), "--end", "6f"]
        words += ["--max-side", "128", "--progress", "none", "--overwrite"]
        words += ["--output", str(folder / f"{policy}{number}.mp4")]
        environment = {name: value for name, value in os.environ.items() if "OMP" not in name}
        environment |= {"OMP_WAIT_POLICY": policy} if policy else {}
        runs.append(subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL))
    for run in runs:
        run.wait()
    return time.monotonic() - begun


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory() as place:
        clip = Path(place) / "hour.mp4"
        make_hour(clip)
        words = [sys.executable, "-m", "mnst_video", "studio", str(clip), "--no-browser"]
        served = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert served.stdout is not None
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=chromium, args=BROWSER)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(served.stdout.readline().strip())
                until(page, "Boolean(window.studio?.store.clip && studio.player.ready)")
                every = SECONDS / KEYS
                keys = ", ".join(f"{every * i:.2f}={(37 * i) % 100 / 100}" for i in range(KEYS))
                given: dict[str, Any] = {"gamma": keys, "bpm": 120}
                page.evaluate("given => studio.store.change(given, '')", given)
                until(page, f"studio.store.lanes[0].keys.length === {KEYS}")
                looks(page)
                dragging(page)
                before = memory(page, psutil.Process(served.pid))
                go_through(page)
                after = memory(page, psutil.Process(served.pid))
                print(
                    "server: {0:.0f} MB, then {2:.0f} MB; page: {1:.1f} MB, then {3:.1f} MB".format(
                        *before, *after
                    )
                )
                browser.close()
        finally:
            served.terminate()
            served.wait()
        for policy in ("", "PASSIVE", "PASSIVE", ""):
            taken = together(Path(place), policy)
            print(f"two renders at once, OMP_WAIT_POLICY {policy or 'unset'}: {taken:.0f} s")


if __name__ == "__main__":
    main()
