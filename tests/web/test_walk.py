"""A new user's way from a clip to a finished one with four keys on the beat.

With MNST_SCREENSHOTS=docs the pictures of docs/studio.md are made on the way, of a finer look and a
larger render: MNST_SCREENSHOTS=docs pytest -n0 tests/web/test_walk.py
"""

import os
import shutil
import time
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "samples"
SHOTS = os.environ.get("MNST_SCREENSHOTS")


def until(page, expression, seconds=120):
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


@pytest.fixture
def clip(tmp_path):
    for name in ("clip.mp4", "swirls.jpg", "ink.jpg", "mosaic.jpg"):
        shutil.copy(SAMPLE / name, tmp_path / name)
    return tmp_path / "clip.mp4"


def looked(page):
    """Wait for a look, for pictures in the documentation for the finest one with its strip."""
    wanted = 30 if SHOTS else 1
    until(page, f"Number(document.querySelector('.slot-1 > img').dataset.steps) >= {wanted}")
    if SHOTS:
        page.wait_for_timeout(500)
        until(page, "document.querySelectorAll('.strip img').length === 5")
        until(page, "document.querySelector('.strip').dataset.old === undefined")


def shot(page, name):
    if SHOTS:
        page.evaluate("document.querySelectorAll('#messages p').forEach((p) => p.remove())")
        page.wait_for_timeout(300)
        path = Path(SHOTS).resolve() / f"{name}.jpg"
        page.screenshot(path=path, type="jpeg", quality=86)


def test_four_keys_on_the_beat(clip, serve, open_page):
    page = open_page(serve(clip), "dark", (1440, 900), looks=True)
    page.fill(".transport input[placeholder=bpm]", "120")
    page.keyboard.press("Enter")
    until(page, "studio.store.state.tempo?.bpm === 120")
    page.evaluate("studio.store.change({gamma: '0b=0'}, 'begin')")
    until(page, "studio.store.lanes[0].keys.length === 1")
    for seconds, value in ((1.02, 0.95), (1.98, 0.3), (2.53, 1.0)):
        place = page.evaluate(
            """([seconds, value]) => {
              const { plot } = studio.timeline.main;
              const box = plot.plot.over.getBoundingClientRect();
              return [box.left + plot.left(seconds),
                      box.top + (plot.y(value) - plot.box.top) / plot.ratio];
            }""",
            [seconds, value],
        )
        count = page.evaluate("studio.store.lanes[0].keys.length")
        page.mouse.dblclick(*place)
        until(page, f"studio.store.lanes[0].keys.length === {count + 1}")
    times = page.evaluate("studio.store.lanes[0].keys.map((key) => key.time)")
    assert times == ["0b", "2b", "4b", "5b"]
    page.evaluate("studio.timeline.main.choose(-1)")
    page.select_option("#key-easing", "ease-in-out")
    until(page, "studio.store.lanes[0].keys.some((key) => key.easing === 'ease-in-out')")
    page.evaluate("studio.player.seek(1.5)")
    looked(page)
    shot(page, "studio")
    given = {"max_side": 256 if SHOTS else 32}
    given |= {} if SHOTS else {"first_steps": 1, "steps": 1, "settled": 0.5}
    page.evaluate("given => studio.store.change(given, 'quick')", given)
    page.click("#tab-renders")
    page.click("#render")
    if SHOTS:
        run = "studio.store.renders[0]"
        until(page, f"{run}?.phase === 'painting' && {run}.done > 20", 300)
        looked(page)
        shot(page, "studio-render")
    page.locator("#run-1[data-state=done]").wait_for(timeout=300_000)
    assert clip.with_name("clip_mnst.mp4").is_file()
    page.get_by_text("Show right").click()
    page.select_option("select[aria-label='Side by side, Wiped']", "wipe")
    page.evaluate("studio.player.play()")
    until(page, "document.querySelector('.slot-1 video').currentTime > 1.2")
    page.evaluate("studio.player.pause()")
    if SHOTS:
        page.get_by_text("Measure it").click()
        page.locator("#run-2[data-state=done]").wait_for(timeout=300_000)
        page.emulate_media(color_scheme="light")
        page.evaluate("studio.player.seek(1.2)")
        page.wait_for_timeout(1000)
        shot(page, "studio-scores")
    page.evaluate("localStorage.clear()")
