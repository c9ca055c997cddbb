"""Previews: short in time, as long as the passage."""

from fractions import Fraction

import numpy as np
import pytest

from mnst_video.cli.show.plan import preview_report
from mnst_video.errors import DivergedError, InputError, UsageError
from mnst_video.job import preview
from mnst_video.job.preview import BUDGET, PIXELS, SIDE, affordable, render_preview, small_side
from mnst_video.media.input import near
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.painting import frame


@pytest.fixture
def painted(monkeypatch):
    """The steps of each picture that is painted, of which only one is made."""
    steps = []
    whole = frame.minimize

    def minimize(image, objective, count, *rest, **more):
        steps.append(count)
        image, losses, _ = whole(image, objective, 1, *rest, **more)
        return image, losses, count

    monkeypatch.setattr(frame, "minimize", minimize)
    return steps


def pictures_of(path):
    info = probe(path)
    return list(read_frames(info, info.width, info.height))


def nearest(picture, frames):
    """The number of the frame that a picture is most like."""
    return np.argmin([np.abs(picture.astype(int) - frame).mean() for frame in frames])


@pytest.mark.usefixtures("painted")
def test_it_lasts_as_long_as_the_clip_and_has_its_sound(make_clip, quick, monkeypatch, tmp_path):
    monkeypatch.setattr(preview, "BUDGET", 12)
    seen = []
    done = render_preview(
        make_clip(frames=12), options=quick(), observe=lambda *number: seen.append(number)
    )
    assert done.output == tmp_path / "clip_preview.mp4"
    assert (done.pictures, done.frames, done.off) == (4, 12, 0)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    info = probe(done.output)
    assert (info.times.frames, info.times.fps, info.times.duration) == (4, 8, Fraction(1, 2))
    assert (info.width, info.height) == (64, 48)  # as large as the clip, painted smaller
    assert (done.size, done.full_size) == ((32, 24), (32, 24))
    assert info.audio == ("aac",)
    assert sorted(path.name for path in tmp_path.iterdir() if "clip" in path.name) == [
        *("clip.mp4", "clip_preview.mp4")
    ]


@pytest.mark.usefixtures("painted")
def test_its_pictures_are_evenly_spread_frames(make_clip, quick, monkeypatch):
    """At strength 0 they are those of the clip."""
    monkeypatch.setattr(preview, "BUDGET", 9)
    clip = make_clip(frames=7)
    done = render_preview(clip, options=quick(strength=0.0, max_side=64, crf=0))
    assert (done.pictures, done.duration) == (3, Fraction(7, 24))
    frames = pictures_of(clip)
    for picture, number in zip(pictures_of(done.output), (0, 2, 4), strict=True):
        assert nearest(picture, frames) == number


def test_a_short_clip_has_all_its_frames(clip, quick, painted):
    done = render_preview(clip, options=quick())
    assert (done.pictures, probe(done.output).times.fps) == (6, 24)
    assert painted == [2, *painted[1:]]
    assert max(painted[1:]) <= 2
    assert done.steps == done.full_steps == 1


@pytest.mark.parametrize("jumps", [False, True])
@pytest.mark.parametrize("differs", [False, True])
@pytest.mark.parametrize("colors", ["style", "keep"])
def test_a_long_clip_takes_no_more_steps_than_the_budget(
    make_clip, quick, monkeypatch, painted, jumps, differs, colors
):
    monkeypatch.setattr(preview, "LEFT", 2.0 if differs else 0.0)
    gamma = "0=0 hold, 1s=1 hold repeat 2s" if jumps else 0.5
    options = quick(first_steps=60, steps=6, gamma=gamma, colors=colors)
    done = render_preview(make_clip(frames=300), options=options)
    assert len(painted) == done.pictures > 20
    beside = 2 if colors == "keep" else 1
    assert sum(painted) + beside * done.pictures <= BUDGET
    assert painted[0] == 16
    assert min(painted) >= 4
    assert (max(painted[1:]) > 4) is (jumps or differs)
    assert (done.steps, done.full_steps) == (4, 6)


def test_the_budget_is_enough_for_what_is_affordable():
    for options in (Options(), Options(steps=1, first_steps=1), Options(colors="keep")):
        assert affordable(options.paint) >= 1
    assert affordable(Options(first_steps=100_000).paint) == 1
    assert affordable(Options(sigma="shot").paint) < affordable(Options().paint)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 480), (500, 500), (4000, 100)])
def test_every_shape_has_about_as_many_pixels(size):
    side = small_side(*size)
    assert side <= SIDE
    assert side * side * min(size) / max(size) <= PIXELS


@pytest.mark.usefixtures("painted")
def test_a_passage_keeps_its_own_time(make_clip, quick, monkeypatch, tmp_path):
    calls = []
    whole = preview.read_near
    monkeypatch.setattr(preview, "read_near", lambda *a: calls.append(a[1]) or whole(*a))
    options = quick(start=0.5, end=1.5)
    done = render_preview(make_clip(frames=48), tmp_path / "out.mov", options)
    assert calls[0] == list(range(12, 36))
    assert (done.frames, done.duration) == (24, 1)
    info = probe(done.output)
    assert info.times.duration == 1
    assert info.audio == ("aac",)


@pytest.mark.usefixtures("painted")
def test_a_damaged_clip_can_be_previewed_as_far_as_it_is_whole(make_clip, quick, monkeypatch):
    clip = make_clip(frames=8)
    calls = []
    whole = preview.read_near

    def read_near(*arguments):
        calls.append(arguments[1])
        if len(calls) == 2:
            raise InputError("damaged")
        return whole(*arguments)

    monkeypatch.setattr(preview, "read_near", read_near)
    assert render_preview(clip, options=quick(end=0.1)).frames == 2
    assert calls == [[0, 1], list(range(8))]


@pytest.mark.usefixtures("painted")
def test_a_picture_that_lasts_long_is_repeated(make_clip, quick, monkeypatch):
    monkeypatch.setattr(preview, "BUDGET", 6)
    monkeypatch.setattr(preview, "LONGEST", Fraction(1, 10))
    done = render_preview(make_clip(frames=12), options=quick(crf=0))
    assert (done.pictures, done.duration) == (2, Fraction(1, 2))
    pictures = pictures_of(done.output)
    assert len(pictures) == 6
    assert np.abs(pictures[0].astype(int) - pictures[2]).mean() < 1
    assert np.abs(pictures[2].astype(int) - pictures[3]).mean() > 1


@pytest.mark.usefixtures("painted")
def test_it_is_written_at_the_size_that_is_asked_for(make_clip, quick):
    clip = make_clip(frames=2, size=(800, 600))
    done = render_preview(clip, options=quick())
    assert pictures_of(done.output)[0].shape == (360, 480, 3)
    done = render_preview(clip, options=quick(output_size=(100, 80)), overwrite=True)
    assert pictures_of(done.output)[0].shape == (80, 100, 3)
    done = render_preview(clip, options=quick(max_side=None), overwrite=True)
    assert (done.size, done.full_size) == ((138, 104), (384, 288))


def test_gamma_decides_what_is_seen(make_clip, quick):
    clip = make_clip(frames=2)
    means = []
    for gamma in (0.0, 1.0):
        done = render_preview(clip, options=quick(gamma=gamma), overwrite=True)
        means.append(pictures_of(done.output)[0].mean(axis=(0, 1)))
    assert np.abs(means[0] - means[1]).max() > 10


def test_what_exists_is_kept(clip, quick):
    done = render_preview(clip, options=quick())
    before = done.output.read_bytes()
    with pytest.raises(UsageError, match="exists; use --overwrite"):
        render_preview(clip, options=quick())
    with pytest.raises(UsageError, match="is the input"):
        render_preview(clip, clip, quick(), overwrite=True)
    assert done.output.read_bytes() == before


@pytest.mark.parametrize("error", [DivergedError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(clip, quick, monkeypatch, tmp_path, error):
    before = sorted(tmp_path.iterdir())

    def fail(*_, **__):
        raise error("not finite")

    monkeypatch.setattr(preview, "next_frame", fail)
    with pytest.raises(error):
        render_preview(clip, options=quick())
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("painted")
def test_the_report_says_what_was_left_out(make_clip, quick, monkeypatch):
    monkeypatch.setattr(preview, "BUDGET", 30)
    clip = make_clip(frames=12, size=(640, 360))
    done = render_preview(clip, options=quick(max_side=None, steps=6, first_steps=60))
    assert next(preview_report(done)) == (
        "preview: 3 of 12 frames (one in 4), 160×90 instead of 384×216, 4 steps instead of 6, "
        "cuts not looked for: strokes are coarser and movement is rougher than in the render"
    )
    assert len(list(preview_report(done))) == 1
    monkeypatch.undo()
    monkeypatch.setattr(near, "DECODED", 1)  # the clip has one keyframe
    done = render_preview(clip, options=quick(), overwrite=True)
    line, second = preview_report(done)
    assert line.startswith("preview: all 12 frames, cuts not looked for: ")
    assert second == (
        "preview: pictures are up to 0.5 s off their time, as frames far behind a keyframe take "
        "long to reach"
    )


def test_a_preview_as_gif_has_no_more_pictures_than_a_gif_can(make_clip, quick, tmp_path):
    done = render_preview(make_clip(frames=30, fps="60"), tmp_path / "a.gif", quick())
    assert done.pictures == 25
    assert probe(done.output).times.fps <= 50


def test_a_preview_is_as_long_as_an_uneven_clip(tmp_path, ffmpeg, quick):
    source = tmp_path / "a.gif"
    held = "settb=1/100,setpts='20*N'"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5", "-frames:v", 3, "-vf", held),
        *("-final_delay", 300, source),
    )
    assert render_preview(source, tmp_path / "a.mp4", quick()).duration == Fraction(34, 10)
