"""Sound that is played: in time, over the loop's end, from the right place of a file."""

import numpy as np
import pytest

from mnst_video.live.loudspeaker import APART, RATE, Track, _decoded, sounding
from mnst_video.media.clip import Passage
from mnst_video.media.input.probe import probe


@pytest.fixture
def track():
    """Two seconds of which the last tenth has no sound; each sample is its own number."""
    numbers = np.arange(int(1.9 * RATE)) % 30_000
    return Track(np.stack([numbers, -numbers], 1).astype(np.int16), 2.0)


def test_blocks_follow_one_another_where_the_picture_is_nearly_in_time(track):
    first = track.block(480, 0.0)
    late = track.block(480, 0.01 + 0.8 * APART)
    np.testing.assert_array_equal(np.concatenate([first, late])[:, 0], np.arange(960))
    np.testing.assert_array_equal(late[:, 1], -late[:, 0])


def test_the_sound_goes_to_where_the_picture_is(track):
    track.block(480, 0.0)
    jumped = track.block(480, 0.5)
    assert jumped[0, 0] == 24_000


def test_a_loop_is_heard_without_a_gap(track):
    near = track.block(RATE // 5, 1.85)
    assert near[0, 0] == round(1.85 * RATE) % 30_000
    silent = near[round(0.05 * RATE) : round(0.15 * RATE)]
    assert not silent.any()  # the sound is shorter than the picture
    np.testing.assert_array_equal(near[-100:, 0], np.arange(round(0.05 * RATE))[-100:])
    assert track.block(10, 0.052)[0, 0] == round(0.05 * RATE)


def test_a_passage_of_a_file_is_decoded(tmp_path, ffmpeg, make_clip):
    """A click at 0.6 s of the clip is 0.4 s after 0.2; it is stereo at 48 kHz."""
    ffmpeg(
        *("-f", "lavfi", "-i", "aevalsrc=if(between(t\\,0.6\\,0.61)\\,0.9\\,0):d=1:s=44100"),
        tmp_path / "song.wav",
    )
    clip = probe(make_clip(frames=24, audio=False))
    passage = Passage(clip.times.begins[0] + 2 * clip.times.begins[1], clip.times.duration)
    samples = _decoded(clip, tmp_path / "song.wav", passage, tmp_path / "raw")
    assert samples.shape[1] == 2
    loud = np.flatnonzero(np.abs(samples[:, 0].astype(int)) > 10_000) / RATE
    assert loud[0] == pytest.approx(0.6 - float(passage.start), abs=0.005)


def test_a_silent_clip_says_so(make_clip):
    clip = probe(make_clip(frames=2, audio=False))
    whole = clip.times.span(range(2))
    with (
        pytest.raises(Exception, match=r"clip\.mp4 has none; --audio FILE"),
        sounding(clip, None, whole, lambda _: None),
    ):
        pass
