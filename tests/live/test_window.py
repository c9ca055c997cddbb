"""The window: keys, and a real one where there is a display."""

import os
import shutil
import subprocess
import sys

import cv2
import pytest

from mnst_video.live.hand import Hand
from mnst_video.live.window import Window

XVFB = shutil.which("xvfb-run")


@pytest.fixture
def window(monkeypatch):
    """One that opens nothing: its keys are what is asked about."""
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "setMouseCallback", lambda *_: None)
    return Window(Hand(0.0, lambda: 0.0))


def test_keys_and_the_wheel_move_the_hand(window):
    hand = window.hand
    hand.next(0.5)
    for key, wanted in ((ord("9"), 1.0), (65361, 0.95), (ord("+"), 1.0), (ord("0"), 0.0)):
        assert window.press(key)
        assert hand.next(0.5)[0] == pytest.approx(wanted)
    window._mouse(cv2.EVENT_MOUSEWHEEL, 0, 0, 1, None)
    assert hand.next(0.5)[0] == pytest.approx(0.05)
    window._mouse(cv2.EVENT_MOUSEWHEEL, 0, 0, -1, None)
    assert hand.next(0.5)[0] == pytest.approx(0.0)
    assert window.press(ord("t"))
    assert hand.next(0.5)[0] == 0.5
    assert window.press(-1)  # no key
    assert (window.press(ord("q")), window.press(27)) == (False, False)


@pytest.mark.skipif(XVFB is None, reason="needs xvfb-run")
def test_a_real_window_opens_shows_and_closes():
    script = """
import numpy as np
from mnst_video.live.hand import Hand
from mnst_video.live.window import Window
window = Window(Hand(0.0, lambda: 0.0))
for number in range(20):
    assert window.show(np.full((48, 64, 3), 10 * number, np.uint8), "gamma")
window.close()
print("closed")
"""
    done = subprocess.run(
        [XVFB, "-a", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "closed"), done.stderr
