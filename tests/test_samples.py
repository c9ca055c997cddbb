"""The shipped sample is what its README says, and what its script makes."""

from importlib import import_module
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mnst_video.media.images import load_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe

SAMPLES = Path(__file__).parents[1] / "samples"
BEAT = 0.5  # seconds, at 120 beats a minute


def test_the_clip_is_what_its_readme_says():
    info = probe(SAMPLES / "clip.mp4")
    assert (info.width, info.height, info.times.fps, info.times.frames) == (256, 144, 24, 72)
    assert info.audio == ("aac",)
    assert info.notes == ()


def test_the_beat_can_be_heard_where_it_is_stated():
    """Around each beat, the loudest rise within a tenth of a second is at the beat itself."""
    with av.open(SAMPLES / "clip.mp4") as container:
        stream = container.streams.audio[0]
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(stream)])
        rate = stream.rate
    hop = rate // 200
    energy = np.square(sound[: len(sound) // hop * hop].reshape(-1, hop)).mean(axis=1)
    rise = np.diff(np.log(energy + 1e-6))
    for beat in range(1, 6):
        at = round(beat * BEAT * 200)
        window = rise[at - 20 : at + 20]
        assert abs(int(window.argmax()) - 20) <= 3


@pytest.mark.parametrize("name", ["swirls", "ink", "spray", "mosaic"])
def test_the_styles_are_pictures_with_paint_all_over(name):
    picture = load_image(SAMPLES / f"{name}.jpg")
    assert picture.shape == (384, 512, 3)
    tiles = picture.reshape(6, 64, 8, 64, 3)
    assert tiles.std(axis=(1, 3)).max(axis=-1).min() > 5.0


@pytest.mark.parametrize(("module", "shot", "first"), [("lake", 0, 0), ("table", 1, 48)])
def test_the_script_makes_the_clip_and_knows_its_flow(monkeypatch, module, shot, first):
    monkeypatch.syspath_prepend(SAMPLES)
    common = import_module("drawing.common")
    scene = getattr(import_module(f"drawing.{module}"), f"{module.title()}Shot")(
        np.random.default_rng([common.SEED, shot])
    )
    before, after = (np.asarray(scene.picture(t), np.float32) * 255.0 for t in (3, 4))
    info = probe(SAMPLES / "clip.mp4")
    (shipped,) = read_frames(info, info.width, info.height, first + 4, first + 5)
    # What is left is the encoder's: half the colour resolution, and some grain.
    assert np.abs(shipped - after).mean() < 0.7 * np.abs(shipped - before).mean()

    source, seen = scene.back(4, common.pixel_grid(1))
    source = source.astype(np.float32)
    moved = cv2.remap(before, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
    assert seen.mean() > 0.9
    assert np.abs(moved - after)[seen].mean() < 0.5 * np.abs(before - after)[seen].mean()
