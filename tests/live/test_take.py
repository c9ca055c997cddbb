"""Takes: keyframes that give back what was played, and clips without gaps."""

from fractions import Fraction

import numpy as np
import pytest

from mnst_video.live.take import Record, Take, recording
from mnst_video.media.input.animation import probe_animation
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.media.input.sound import read_sound
from mnst_video.media.output.dub import dub_with
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


def test_a_camera_that_is_faster_than_its_take(texture):
    shown = []
    record = Record(shown.append)
    for number in (0, 0, 1, 2, 2):
        record.add(number, texture(32, 24))
    assert len(shown) == 3


@pytest.mark.parametrize(
    ("name", "codec"), [("r.mp4", "aac"), ("r.mkv", "flac"), ("r.webm", "opus"), ("r.gif", None)]
)
def test_a_recording_sounds_as_long_as_it_was(tmp_path, make_clip, texture, name, codec):
    """It is ended by hand after five of ten frames, at uneven times."""
    clip = probe(make_clip("in.mkv", frames=10, fps="10", extra=("-c:a", "flac")))
    path = tmp_path / name
    with recording(path, clip, (32, 24), range(2, 10)) as record:
        for number in (2, 3, 6):
            record.add(number, texture(32, 24))
    recorded = probe(path) if codec else probe_animation(path)
    assert (recorded.times.frames, recorded.times.fps) == (5, 10)
    if codec is None:
        return
    assert recorded.audio == (codec,)
    heard = read_sound(path, origin=recorded.start)
    assert len(heard.samples) / heard.rate == pytest.approx(0.5, abs=0.06)


def test_a_microphones_sound_begins_with_the_take(tmp_path, ffmpeg, texture):
    """The hit that was heard 0.7 s after the microphone began is 0.5 s after the picture did."""
    ffmpeg(
        *("-f", "lavfi", "-i", "aevalsrc=if(between(t\\,0.7\\,0.8)\\,0.8*sin(3000*t)\\,0):d=2"),
        tmp_path / "mic.wav",
    )
    path = tmp_path / "take.mp4"
    with recording(path, Fraction(30), (32, 24)) as record:
        record.add(29, texture(32, 24))
    dub_with(path, tmp_path / "mic.wav", 0.2)
    recorded = probe(path)
    heard = read_sound(path, origin=recorded.start)
    loud = np.flatnonzero(np.abs(heard.samples) > 0.3) / heard.rate + heard.start
    assert (loud[0], loud[-1]) == pytest.approx((0.5, 0.6), abs=0.03)
    assert recorded.times.frames == 30
    assert len(heard.samples) / heard.rate == pytest.approx(1.0, abs=0.1)


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
