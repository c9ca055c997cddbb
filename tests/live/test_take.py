"""Takes: keyframes that give back what was played, and clips without gaps."""

from fractions import Fraction

import numpy as np
import pytest

from mnst_video.live.take import Record, Take, recording
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.plan.setup import prepare
from mnst_video.presets import make_options


def test_a_take_is_played_again_to_a_frame(tmp_path, make_clip, quick):
    rng = np.random.default_rng(0)
    places = [0.0, 0.0, 0.0, *rng.random(5).tolist(), 0.75, 0.75, 0.75, 1.0]
    take = Take(2, dict(enumerate(places)))
    take.save(tmp_path / "take.toml", tmp_path / "pair.safetensors")
    options = make_options([str(tmp_path / "take.toml")], quick().model_dump(exclude={"gamma"}))
    course = prepare(probe(make_clip(frames=len(places))), options).course
    assert [course.fader(number).gamma for number in range(len(places))] == pytest.approx(
        places, abs=1e-12
    )
    assert ", 1f=" not in take.keys  # it lies between two that are alike


def test_frames_that_were_dropped_lie_between(make_clip, quick):
    take = Take(2, {0: 0.0, 3: 0.6, 4: 0.1})
    assert take.keys == "0f=0.0, 3f=0.6, 4f=0.1"
    options = Options(**{**quick().model_dump(exclude_unset=True), "gamma": take.keys})
    course = prepare(probe(make_clip(frames=5)), options).course
    found = [course.fader(number).gamma for number in range(5)]
    assert found == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.1])


def test_a_setlist_has_positions(tmp_path):
    take = Take(3, {0: 0.0, 1: 0.25, 2: 1.0})
    assert take.keys == "0f=1.0, 1f=1.5, 2f=3.0"
    take.save(tmp_path / "take.toml", tmp_path / "m.safetensors")
    assert 'position = "0f=1.0' in (tmp_path / "take.toml").read_text()


def test_a_recording_has_every_frame(texture):
    pictures = [texture(32, 24, seed) for seed in range(3)]
    shown = []
    record = Record(shown.append)
    for number, picture in zip((1, 2, 5), pictures, strict=True):
        record.add(number, picture)
    order = [int(np.argmin([abs(p.astype(int) - s).sum() for p in pictures])) for s in shown]
    assert order == [0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("name", ["take.mp4", "take.mkv", "take.mov", "take.webm"])
def test_a_recording_is_a_clip(tmp_path, texture, name):
    path = tmp_path / name
    picture = texture(32, 24)
    with recording(path, Fraction(25), (32, 24)) as record:
        for number in (0, 2):
            record.add(number, picture)
    clip = probe(path)
    assert (clip.times.frames, clip.times.fps) == (3, 25)
    frames = list(read_frames(clip, 32, 24))
    assert np.abs(frames[2].astype(int) - picture).mean() < 12
