"""Clips that are pictures: folders, patterns, and one that stands still."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.errors import InputError, UsageError
from mnst_video.job.preview import render_preview
from mnst_video.job.render import render
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.near import read_near
from mnst_video.media.input.pictures import _gaps, is_sequence, probe_sequence
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.plan.source import clip_of, default_output


def picture(number, size=(64, 48)):
    return np.full((size[1], size[0], 3), (10 * number, 200 - 10 * number, 90), np.uint8)


@pytest.fixture
def shots(tmp_path):
    """Makes pictures with some numbers in a folder."""

    def make(numbers, name="shot.{:04d}.png", size=(64, 48)):
        folder = tmp_path / "take"
        folder.mkdir(exist_ok=True)
        for number in numbers:
            save_image(picture(number, size), folder / name.format(number))
        return folder

    return make


def levels(info):
    return [int(frame[20, 20, 0]) // 10 for frame in read_frames(info, 64, 48)]


@pytest.mark.parametrize("given_as", ["folder", "pattern"])
def test_pictures_come_in_the_order_of_their_numbers(shots, given_as):
    folder = shots([9, 11, 10, 8])
    info = probe_sequence(folder if given_as == "folder" else folder / "shot.%04d.png")
    assert (info.times.frames, info.times.fps, info.width, info.height) == (4, 24, 64, 48)
    assert levels(info) == [8, 9, 10, 11]
    assert info.notes == ("4 pictures at 24 fps; --fps takes another rate",)
    assert (info.times.duration, info.audio, info.start) == (Fraction(1, 6), (), 0)
    near = read_near(info, [2, 0], 64, 48)
    assert [(n, int(frame[0, 0, 0])) for n, frame in near] == [(2, 100), (0, 80)]


def test_numbers_need_no_leading_zeros_and_have_any_rate(shots):
    folder = shots(range(8, 12), "a{}.png")
    for path in (folder, folder / "a%d.png"):
        info = probe_sequence(path, rate=Fraction(30000, 1001))
        assert (info.times.frames, info.times.fps, info.notes) == (4, Fraction(30000, 1001), ())
        assert levels(info) == [8, 9, 10, 11]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1, 2, 4], "missing: 3;"),
        ([0, 4, 5, 7], "missing: 1-3, 6;"),
        (range(1, 40, 2), "missing: 2, 4, 6, 8, 10, 12, 14, 16 …;"),
    ],
)
def test_gaps_are_named(shots, numbers, words):
    with pytest.raises(InputError, match=words):
        probe_sequence(shots(numbers))


@given(st.sets(st.integers(0, 60), min_size=1))
def test_gaps_are_all_that_is_missing(numbers):
    named = set()
    for part in _gaps(sorted(numbers)):
        first, _, last = part.partition("-")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == set(range(min(numbers), max(numbers))) - numbers


def test_what_is_no_sequence_is_told(tmp_path, shots):
    with pytest.raises(InputError, match="no numbered pictures"):
        probe_sequence(tmp_path)
    folder = shots([1, 2])
    with pytest.raises(InputError, match="no pictures that match"):
        probe_sequence(folder / "take_%04d.png")
    with pytest.raises(InputError, match="there is no folder"):
        probe_sequence(tmp_path / "none" / "%04d.png")
    shots([1], "shot.{}.png")
    with pytest.raises(InputError, match=r"shot.0001.png and shot.1.png have the same number"):
        probe_sequence(folder)
    assert probe_sequence(folder / "shot.%04d.png").times.frames == 2
    shots([1], "other{}.png")
    with pytest.raises(InputError, match=r"more than one sequence, such as other1.png and shot"):
        probe_sequence(folder)


def test_a_picture_of_another_size_is_named(shots):
    folder = shots([1, 2])
    shots([3], size=(32, 48))
    info = probe_sequence(folder)
    with pytest.raises(InputError, match=r"shot.0003.png: is 32×48, but the first .* 64×48"):
        list(read_frames(info, 64, 48))


def test_one_picture_lasts_as_long_as_it_is_told(tmp_path):
    path = tmp_path / "still.png"
    save_image(picture(3), path)
    info = clip_of(path, Options(seconds=0.5, fps="10").input)
    assert (info.times.frames, info.times.fps, info.times.duration) == (5, 10, Fraction(1, 2))
    assert levels(info) == [3] * 5
    with pytest.raises(UsageError, match="--seconds"):
        clip_of(path, Options().input)


def test_opacity_of_pictures(tmp_path):
    for number in (1, 2):
        alpha = np.full((48, 64), 100 * number, np.uint8)
        save_image(picture(5), tmp_path / f"a{number}.png", alpha)
    info = clip_of(tmp_path, Options(matte="black").input)
    assert info.decoding.alpha
    assert [int(frame[0, 0, 0]) for frame in read_frames(info, 64, 48)] == [20, 39]
    assert [int(alpha[0, 0]) for alpha in read_opacity(info, 32, 24)] == [100, 200]


def test_what_is_a_sequence(tmp_path, shots):
    folder = shots([1])
    assert is_sequence(folder)
    assert is_sequence(folder / "shot.%04d.png")
    assert is_sequence(folder / "shot.0001.png")
    assert not is_sequence(tmp_path / "clip.mp4")
    assert not is_sequence(tmp_path / "100%d.mp4")
    assert not is_sequence(tmp_path / "loop.gif")


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("take", "take_mnst.mp4"),
        ("take/shot.%04d.png", "take/shot_mnst.mp4"),
        ("take/%04d.png", "take/%04d_mnst.mp4"),
        ("take/shot.0001.png", "take/shot.0001_mnst.mp4"),
        ("missing.mp4", "missing_mnst.mp4"),
    ],
)
def test_the_output_goes_beside_the_pictures(tmp_path, shots, monkeypatch, source, output):
    shots([1])
    monkeypatch.chdir(tmp_path)
    assert default_output(Path(source), "_mnst.mp4").resolve() == tmp_path / output


def test_a_folder_is_rendered_and_previewed(tmp_path, shots, quick):
    folder = shots(range(1, 5))
    report = render(folder, None, quick(fps=12), keep_frames=True)
    assert report.output == tmp_path / "take_mnst.mp4"
    assert (probe(report.output).times.frames, probe(report.output).times.fps) == (4, 12)
    # A picture that changed is another input.
    save_image(picture(9), folder / "shot.0002.png")
    with pytest.raises(UsageError, match="input: another file"):
        render(folder, None, quick(fps=12), overwrite=True)
    done = render_preview(folder, options=quick())
    assert (done.output.name, done.pictures) == ("take_preview.mp4", 4)


def test_pictures_have_no_times_of_their_own(shots):
    with pytest.raises(UsageError, match="--fps vfr: pictures have no times"):
        clip_of(shots([1, 2]), Options(fps="vfr").input)
