"""A render is whole, exact and repeatable, and whatever interrupts it, nothing is lost."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.job.events import Encoding, FrameDone, Looking, StepDone
from mnst_video.job.render import render
from mnst_video.judge.evaluate import evaluate
from mnst_video.media.frames import resize
from mnst_video.media.images import load_frame, save_image
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.pictures import probe_sequence
from mnst_video.media.input.probe import probe
from mnst_video.media.input.sound import read_sound
from mnst_video.options import Options
from mnst_video.painting import machine
from mnst_video.painting.palette import Palette
from mnst_video.plan.plan import Plan
from mnst_video.plan.shots import Shot
from mnst_video.presets import make_options


def record(output):
    return json.loads(output.with_name(f"{output.name}.mnst.json").read_text())


def folder_of(output):
    return output.with_name(f"{output.name}.mnst")


def pngs(folder):
    """The bytes of each frame file by its name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def sound_packets(path):
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


class Stop(Exception):
    """What an observer raises to end a render in its middle."""


def stop_after(frames):
    def observe(event):
        if isinstance(event, FrameDone) and event.done == frames:
            raise Stop

    return observe


def interrupted(source, output, options, frames=2, **settings):
    """A render that ended after so many frames; its folder."""
    with pytest.raises(Stop):
        render(source, output, options, observe=stop_after(frames), **settings)
    assert not output.exists()
    return folder_of(output)


# What comes out


def test_the_output_has_the_frames_the_rate_and_the_sound_of_the_input(tmp_path, make_clip, quick):
    source = make_clip(fps="30000/1001", frames=5)
    report = render(source, options=quick())
    output = tmp_path / "clip_mnst.mp4"
    assert (report.output, report.frames, report.reused, report.kept) == (output, 5, 0, None)
    before, after = probe(source), probe(output)
    assert (after.times.fps, after.times.frames, after.audio) == (before.times.fps, 5, ("aac",))
    assert (after.width, after.height) == (32, 24)
    assert sound_packets(output) == sound_packets(source)
    assert report.duration == pytest.approx(float(5 / before.times.fps))
    # The frames and the job are gone; the record stays.
    made = {"clip.mp4", "clip_mnst.mp4", "clip_mnst.mp4.mnst.json"}
    assert {name for name in names(tmp_path) if name.startswith(("clip", "."))} == made


def test_events_come_in_order(tmp_path, make_clip, quick):
    events = []
    options = quick(gamma=0.5)
    render(make_clip(frames=3), tmp_path / "o.mp4", options, observe=events.append)
    # The clip is looked at once for cuts and styles, and the passage for faces.
    assert events[:6] == [Looking(looked, 6) for looked in range(1, 7)]
    assert isinstance(events[6], Plan)
    assert events[-1] == Encoding(3)
    steps = [(e.frame, e.step) for e in events if isinstance(e, StepDone)]
    assert steps == [(0, 1), (0, 2), (2, 1)]  # frame 1 repeats frame 0
    frames = [e for e in events if isinstance(e, FrameDone)]
    assert [(e.frame, e.done, e.shot) for e in frames] == [(0, 1, 0), (1, 2, 0), (2, 3, 0)]
    plan = events[6]
    setup = plan.setup
    assert (setup.size, setup.output_size, setup.frames) == ((32, 24), (32, 24), range(3))
    assert plan.pending == (0, 1, 2)
    assert [setup.course.fader(frame) for frame in range(3)] == [e.fader for e in frames]
    assert plan.shots == (Shot(0, 0, 3),)


@pytest.mark.parametrize("options", [{}, {"faces": "paint"}, {"sigma": "shot"}, {"end": 0.1}])
def test_all_looks_at_a_clip_are_counted(tmp_path, make_clip, quick, options):
    events = []
    render(make_clip(frames=5), tmp_path / "o.mp4", quick(**options), observe=events.append)
    looks = [e for e in events if isinstance(e, Looking)]
    assert [e.looked for e in looks] == [*range(1, len(looks) + 1)]
    assert {e.frames for e in looks} == {len(looks)}


def test_gamma_runs_linearly_and_exactly_from_end_to_end(tmp_path, make_clip, quick):
    output = tmp_path / "out.mp4"
    render(make_clip(frames=5), output, quick(gamma_from=0.25, gamma_to=1.0))
    gammas = record(output)["gamma"]
    assert (gammas[0], gammas[-1]) == (0.25, 1.0)
    assert gammas == pytest.approx([0.25, 0.4375, 0.625, 0.8125, 1.0], abs=1e-12)
    assert [entry["gamma"] for entry in record(output)["frames"]] == gammas


@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_a_constant_gamma_is_constant(tmp_path, make_clip, quick, gamma):
    output = tmp_path / "out.mp4"
    render(make_clip(frames=3), output, quick(gamma_from=gamma, gamma_to=gamma))
    assert record(output)["gamma"] == [gamma] * 3


def test_gamma_decides_the_look(tmp_path, make_clip, quick):
    source, looks = make_clip(frames=1), []
    for gamma in (0.0, 1.0):
        output = tmp_path / f"{gamma}.mp4"
        options = quick(gamma_from=gamma, gamma_to=gamma, first_steps=6)
        render(source, output, options, keep_frames=True)
        looks.append(load_frame(folder_of(output) / "000000.png").astype(int))
    assert abs(looks[0] - looks[1]).mean() > 5


def test_one_frame_has_the_first_gamma(tmp_path, make_clip, quick):
    output = tmp_path / "out.mp4"
    report = render(make_clip(frames=1), output, quick())
    assert (report.frames, record(output)["gamma"]) == (1, [0.0])


def test_a_passage_has_the_gamma_and_the_names_of_the_whole_clip(tmp_path, make_clip, quick):
    source = make_clip(frames=9)
    output = tmp_path / "part.mp4"
    render(source, output, quick(start=0.125, end=0.25), keep_frames=True)
    assert record(output)["gamma"] == pytest.approx([3 / 8, 4 / 8, 5 / 8], abs=1e-12)
    assert list(pngs(folder_of(output))) == ["000003.png", "000004.png", "000005.png"]
    assert probe(output).times.frames == 3
    with av.open(str(output)) as container:
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(0.125, abs=0.05)


def test_a_passage_that_is_the_whole_clip_keeps_the_sound_as_it_is(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    render(clip, output, quick(start=0.0, end=0.25))
    assert sound_packets(output) == sound_packets(clip)


@pytest.mark.parametrize(
    ("name", "record", "folder"),
    [
        ("frames", "frames.mnst.json", "frames.mnst"),
        ("to/shot.%04d.tif", "to/shot.mnst.json", "to/shot.mnst"),
    ],
)
def test_pictures_have_their_record_and_their_job_beside_them(
    tmp_path, make_clip, quick, name, record, folder
):
    notes = []
    source, output = make_clip(frames=3), tmp_path / name
    (tmp_path / "to").mkdir()
    report = render(
        *(source, output, quick()),
        keep_frames=True,
        observe=lambda event: notes.extend(event.notes if isinstance(event, Plan) else ()),
    )
    assert notes == [f"its sound is left out: {output.name} has none"]
    assert (report.output, report.frames, report.kept) == (output, 3, tmp_path / folder)
    info = probe_sequence(output)
    assert (info.times.frames, info.width, info.height) == (3, 32, 24)
    frames = [load_frame(path) for path in sorted((tmp_path / folder).glob("*.png"))]
    assert all(np.array_equal(a, b) for a, b in zip(read_frames(info, 32, 24), frames, strict=True))
    assert json.loads((tmp_path / record).read_text())["output"] == output.name
    with pytest.raises(UsageError, match="there are pictures already"):
        render(source, output, quick())
    assert render(source, output, quick(), overwrite=True).reused == 3


@pytest.fixture
def transparent(tmp_path, texture):
    """A folder of three pictures whose opacity differs."""
    folder = tmp_path / "transparent"
    folder.mkdir()
    for n in range(3):
        alpha = texture(64, 48, n, 6.0)[..., 0]
        save_image(texture(64, 48, 9), folder / f"{n}.png", alpha)
    return folder


@pytest.mark.parametrize("name", ["out.mkv", "out"])
def test_opacity_is_kept_where_the_output_holds_it(tmp_path, transparent, quick, name):
    output = tmp_path / name
    render(transparent, output, quick())
    info = probe(output) if output.suffix else probe_sequence(output)
    assert info.decoding.alpha
    right = read_opacity(probe_sequence(transparent), 32, 24)
    for kept, alpha in zip(read_opacity(info, 32, 24), right, strict=True):
        assert np.array_equal(kept, alpha)
    part = render(transparent, tmp_path / "part.mkv", quick(start="1f", end="2f"))
    assert part.frames == 1
    (kept,) = read_opacity(probe(tmp_path / "part.mkv"), 32, 24)
    assert np.array_equal(kept, list(read_opacity(info, 32, 24))[1])
    render(transparent, tmp_path / "on.mkv", quick(matte="black"))
    assert not probe(tmp_path / "on.mkv").decoding.alpha


def test_opacity_that_is_lost_is_said(tmp_path, transparent, quick):
    plans = []
    render(transparent, tmp_path / "a.mp4", quick(), observe=plans.append)
    plan = next(event for event in plans if isinstance(event, Plan))
    assert "transparent: put on white, as a.mp4 does not keep opacity" in plan.notes


def test_uneven_times_come_out_as_they_went_in(tmp_path, make_clip, quick):
    late = ("-vf", "setpts='N/24/TB+gt(N,3)*0.25/TB'", "-fps_mode", "passthrough")
    source = make_clip(frames=6, extra=late)
    report = render(source, tmp_path / "a.mp4", quick(fps="vfr"))
    before, after = (probe(path, rate="vfr") for path in (source, tmp_path / "a.mp4"))
    assert (after.times.begins, after.times.vfr) == (before.times.begins, True)
    assert report.duration == float(before.times.duration)
    render(source, tmp_path / "part.mp4", quick(fps="vfr", start="2f", end="5f"))
    part = probe(tmp_path / "part.mp4", rate="vfr")
    begins = before.times.begins
    assert part.times.begins == tuple(time - begins[2] for time in begins[2:5])


def test_max_side_sets_the_working_size_and_output_size_the_written_one(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    render(clip, output, quick(max_side=48, output_size="source"), keep_frames=True)
    assert load_frame(folder_of(output) / "000000.png").shape == (36, 48, 3)
    assert record(output)["settings"]["size"] == "48x36"
    assert (probe(output).width, probe(output).height) == (64, 48)


def test_the_same_render_gives_the_same_bytes(tmp_path, clip, quick):
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    for output in (one, two):
        render(clip, output, quick(), keep_frames=True)
    assert len(pngs(folder_of(one))) == 6
    assert pngs(folder_of(one)) == pngs(folder_of(two))
    assert one.read_bytes() == two.read_bytes()


def test_the_record_as_a_preset_gives_the_same_frames(tmp_path, make_clip, quick):
    source = make_clip(frames=4)
    one, two = tmp_path / "one.mp4", tmp_path / "elsewhere" / "two.mp4"
    two.parent.mkdir()
    options = quick(gamma_from=0.7, gamma_to=0.2, content_weight=0.3, output_size=(64, 48))
    render(source, one, options, keep_frames=True)
    again = make_options((str(tmp_path / "one.mp4.mnst.json"),), {})
    assert again == options
    render(source, two, again, keep_frames=True)
    assert pngs(folder_of(one)) == pngs(folder_of(two))


def test_the_record_tells_where_everything_came_from(tmp_path, make_clip, quick, styles):
    source = make_clip(frames=3)
    output = tmp_path / "out.mp4"
    render(source, output, quick(gamma=0.5))
    about = record(output)
    assert about["input"] == str(source.resolve())
    assert about["options"]["style1"] == str(styles[0].resolve())
    assert (about["fps"], about["cuts"]) == ("24/1", [])
    assert [entry["steps"] for entry in about["frames"]] == [2, 0, 1]  # 1 repeats 0
    assert all(entry["style"] > 0 for entry in about["frames"])


# Shots


@pytest.fixture
def two_shots(tmp_path, make_clip, ffmpeg):
    """Two clips of 3 + 3 frames, without loss: other frames before the cut, the same after it."""

    def joined(name, first):
        lossless = ("-c:v", "ffv1", "-pix_fmt", "yuv444p")
        parts = [
            make_clip(f"{name}_{i}.mkv", frames=3, audio=False, picture=picture, extra=lossless)
            for i, picture in enumerate((first, "mandelbrot"))
        ]
        path = tmp_path / f"{name}.mkv"
        graph = "[0:v][1:v]concat=n=2:v=1:a=0"
        ffmpeg("-i", parts[0], "-i", parts[1], "-filter_complex", graph, "-c:v", "ffv1", path)
        assert probe(path).times.frames == 6
        return path

    return joined("one", "testsrc2"), joined("two", "color=red")


def test_a_shot_starts_afresh_at_a_cut(tmp_path, two_shots, quick):
    after_cut = {}
    for cuts in ("0.125", "none"):
        options = quick(cuts=cuts, sigma="shot", gamma_from=0.5, gamma_to=0.5)
        for source in two_shots:
            output = tmp_path / f"{source.stem}_{cuts}.mp4"
            render(source, output, options, keep_frames=True)
            frames = pngs(folder_of(output))
            after_cut[source.stem, cuts] = [frames[f"{i:06d}.png"] for i in (3, 4, 5)]
    assert after_cut["one", "0.125"] == after_cut["two", "0.125"]
    assert all(
        a != b for a, b in zip(after_cut["one", "none"], after_cut["two", "none"], strict=True)
    )
    assert record(tmp_path / "one_0.125.mp4")["cuts"] == [3]


def test_sigma_is_one_for_the_clip_one_a_shot_or_the_number(tmp_path, two_shots, quick):
    sigmas = {}
    for sigma in ("auto", "shot", 1.5):
        output = tmp_path / f"{sigma}.mp4"
        render(two_shots[0], output, quick(sigma=sigma, cuts=(0.125,), steps=1, first_steps=1))
        sigmas[sigma] = record(output)["sigma2"]
    assert [len(pairs) for pairs in sigmas.values()] == [1, 2, 1]
    assert sigmas[1.5] == [[1.5]]
    assert len({*map(tuple, (*sigmas["shot"], *sigmas["auto"]))}) == 3
    # A shot's does not depend on the clip around it.
    output = tmp_path / "other.mp4"
    render(two_shots[1], output, quick(sigma="shot", cuts=(0.125,), steps=1, first_steps=1))
    assert record(output)["sigma2"][1] == sigmas["shot"][1]
    assert record(output)["sigma2"][0] != sigmas["shot"][0]


def test_a_passage_keeps_the_sigma_and_the_shot_numbers_of_the_clip(tmp_path, two_shots, quick):
    plans = []
    for part in ({}, {"start": 0.15}):
        output = tmp_path / f"{len(plans)}.mp4"
        options = quick(cuts=[0.125], sigma="shot", first_steps=1, **part)
        render(two_shots[0], output, options, observe=plans.append)
    whole, part = (event for event in plans if isinstance(event, Plan))
    assert part.sigma2 == whole.sigma2
    assert whole.shots == (Shot(0, 0, 3), Shot(1, 3, 6))
    assert part.shots == (Shot(1, 4, 6),)
    assert part.setup.frames == range(4, 6)
    assert part.setup.course == whole.setup.course


def test_strength_fades_from_the_footage_and_never_feeds_back(tmp_path, make_clip, quick):
    source = make_clip(frames=7, size=(64, 48))
    outputs = {}
    for strength in (1.0, 0.0, "0f=0, 6f=1"):
        output = tmp_path / f"{len(outputs)}.mp4"
        options = quick(strength=strength, output_size="source", crf=1, first_steps=5)
        render(source, output, options, keep_frames=True)
        frames = read_frames(probe(output), 64, 48)
        outputs[strength] = [frame.astype(float) for frame in frames]
    folders = [pngs(tmp_path / f"{n}.mp4.mnst") for n in range(3)]
    assert folders[0] == folders[1] == folders[2]  # the painting is the same
    footage = [frame.astype(float) for frame in read_frames(probe(source), 64, 48)]
    painting = outputs[1.0]
    assert abs(painting[3] - footage[3]).mean() > 15
    for frame in range(7):
        assert abs(outputs[0.0][frame] - footage[frame]).mean() < 3
        share = frame / 6
        mixed = share * painting[frame] + (1 - share) * footage[frame]
        assert abs(outputs["0f=0, 6f=1"][frame] - mixed).mean() < 3


def test_strength_of_a_passage_mixes_the_right_frames(tmp_path, make_clip, quick):
    source = make_clip(frames=7)
    output = tmp_path / "part.mp4"
    options = quick(strength="0f=0, 6f=1", start="3f", end="6f", crf=1, output_size="source")
    render(source, output, options, keep_frames=True)
    written = list(read_frames(probe(output), 64, 48))
    footage = list(read_frames(probe(source), 64, 48, 3, 6))
    for frame, (seen, below) in enumerate(zip(written, footage, strict=True), 3):
        painting = resize(load_frame(folder_of(output) / f"{frame:06d}.png"), 64, 48)
        mixed = frame / 6 * painting.astype(float) + (1 - frame / 6) * below
        luma = np.array([0.2126, 0.7152, 0.0722])  # colour is written at half the size
        assert abs((seen - mixed) @ luma).mean() < 2
        assert abs((seen - painting.astype(float)) @ luma).mean() > 4


def test_another_strength_or_sound_only_encodes_again(tmp_path, make_clip, ffmpeg, quick):
    source, output, song = make_clip(frames=5), tmp_path / "o.mp4", tmp_path / "song.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=d=9", song)
    render(source, output, quick(), keep_frames=True)
    options = quick(strength="0=0, end=1", audio=song)
    assert render(source, output, options, keep_frames=True, overwrite=True).reused == 5


@pytest.mark.parametrize(("name", "codec"), [("song.mp3", "mp3"), ("song.wav", "aac")])
def test_another_soundtrack_replaces_the_clips_and_ends_with_it(
    tmp_path, make_clip, ffmpeg, quick, name, codec
):
    song = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "sine=f=880:d=9", "-metadata", "title=A song", song)
    source = make_clip(frames=24, extra=("-metadata", "title=A clip"))
    output = tmp_path / "o.mp4"
    render(source, output, quick(audio=song, end="0.5"))
    with av.open(str(output)) as container:
        assert float(container.duration / av.time_base) == pytest.approx(0.5, abs=0.06)
    render(source, output, quick(audio=song), overwrite=True)
    info = probe(output)
    assert (info.audio, info.times.frames, info.start) == ((codec,), 24, 0)
    with av.open(str(output)) as container:
        assert float(container.duration / av.time_base) == pytest.approx(1.0, abs=0.06)
        assert container.metadata["title"] == "A clip"
    sound = read_sound(output, origin=Fraction(0))
    peak = np.abs(np.fft.rfft(sound.samples[: sound.rate])).argmax()
    assert peak * sound.rate / min(sound.rate, len(sound.samples)) == pytest.approx(880, abs=3)


def test_another_soundtrack_starts_with_a_picture_that_starts_late(
    tmp_path, make_clip, ffmpeg, quick
):
    late, song = tmp_path / "late.mkv", tmp_path / "song.wav"
    ffmpeg("-i", make_clip(frames=12), "-vf", "setpts=PTS+0.5/TB", "-c:a", "copy", late)
    assert probe(late).start == Fraction(1, 2)
    ffmpeg("-f", "lavfi", "-i", "sine=d=9", song)
    output = tmp_path / "o.mkv"
    render(late, output, quick(audio=song))
    assert probe(output).start == 0
    assert read_sound(output, origin=Fraction(0)).start == pytest.approx(0.0, abs=0.03)


def test_a_soundtrack_without_sound_is_refused(tmp_path, make_clip, quick):
    silent = make_clip("silent.mp4", audio=False)
    for audio, message in ((silent, "no sound in this file"), (tmp_path / "x.wav", "no such file")):
        with pytest.raises(InputError, match=message):
            render(make_clip(frames=2), tmp_path / "o.mp4", quick(audio=audio))
        assert not folder_of(tmp_path / "o.mp4").exists()  # before the first frame, not after


def test_a_setlist_goes_from_style_to_style(tmp_path, make_clip, quick, styles, texture):
    third = tmp_path / "third.png"
    save_image(texture(64, 48, 5), third)
    source = make_clip(frames=1)
    looks = {}
    for position in (1, 2, 3):
        output = tmp_path / f"{position}.mp4"
        options = quick(more_styles=[third], position=position, first_steps=6)
        render(source, output, options, keep_frames=True)
        looks[position] = load_frame(folder_of(output) / "000000.png")
        entry = record(output)["frames"][0]
        assert (entry["pair"], entry["gamma"]) == {1: (1, 1.0), 2: (2, 1.0), 3: (2, 0.0)}[position]
        assert len(record(output)["sigma2"][0]) == 2
    for position, style in ((1, styles[0]), (2, styles[1]), (3, third)):
        output = tmp_path / f"alone{position}.mp4"
        alone = quick(style1=style, style2=styles[0], gamma=1, first_steps=6)
        render(source, output, alone, keep_frames=True)
        still = load_frame(folder_of(output) / "000000.png")
        assert abs(still.astype(int) - looks[position]).max() <= 2


def test_the_footages_colours_can_be_kept(tmp_path, make_clip, quick):
    """With one map a shot; and an interrupted job goes on with it."""
    source = make_clip(frames=4, picture="gradients=c0=0x206020:c1=0xa0c060:n=2")
    wanted = np.array(Palette.of(read_frames(probe(source), 32, 24)).mean)
    away = {}
    for colors in ("style", "keep"):
        output = tmp_path / f"{colors}.mp4"
        options = quick(colors=colors, cuts=[0.125], first_steps=30, steps=8, gamma=1)
        interrupted(source, output, options, 2)
        assert render(source, output, options, keep_frames=True).reused == 2
        frames = [load_frame(path) for path in sorted(folder_of(output).glob("*.png"))]
        away[colors] = np.abs(np.array(Palette.of(frames).mean) - wanted).max()
    assert away["keep"] < 0.5 * away["style"]


# Interrupted and resumed


def command(source, output, flags, *more):
    arguments = [str(source), "-o", str(output), "--progress", "none", *flags, *more]
    return [sys.executable, "-m", "mnst_video", *arguments]


def stop_with(number, source, output, flags):
    """Start a render as a process, send it a signal after a few frames; its code and stderr."""
    process = subprocess.Popen(
        command(source, output, flags, "--keep-frames"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(folder_of(output).glob("0*.png"))) < 3 and process.poll() is None:
            assert time.monotonic() < deadline, "no frame appeared"
            time.sleep(0.005)
        process.send_signal(number)
        error = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.wait()
    return process.returncode, error


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGKILL, -signal.SIGKILL, ""),
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
    ],
)
def test_a_render_that_was_stopped_goes_on_to_the_same_bytes(
    tmp_path, make_clip, quick, quick_flags, number, code, word
):
    source = make_clip(frames=16)
    whole, stopped = tmp_path / "whole.mp4", tmp_path / "stopped.mp4"
    returncode, error = stop_with(number, source, stopped, quick_flags)
    assert returncode == code
    assert error.count("\n") == bool(word)
    assert word in error
    left = pngs(folder_of(stopped))
    assert 3 <= len(left) < 16
    assert not stopped.exists()
    report = render(source, stopped, quick(), keep_frames=True)
    assert len(left) - 1 <= report.reused <= len(left)
    render(source, whole, quick(), keep_frames=True)
    assert pngs(folder_of(stopped)) == pngs(folder_of(whole))
    assert {name: pngs(folder_of(whole))[name] for name in left} == left
    assert stopped.read_bytes() == whole.read_bytes()


def test_faces_are_kept_and_a_stopped_render_goes_on_with_them(tmp_path, portrait, quick):
    source = tmp_path / "walk"
    source.mkdir()
    for t in range(5):
        part = portrait[12:108, 20 - t : 116 - t]
        empty = np.full((96, 96, 3), 100 + t, np.uint8)  # the second shot
        save_image(np.ascontiguousarray(part) if t < 3 else empty, source / f"{t:03d}.png")
    options = quick(fps="12", max_side=96, cuts="0.25", gamma=0.5)
    notes, outputs = [], [tmp_path / f"{name}.mp4" for name in ("whole", "stopped", "painted")]
    whole, stopped, painted = outputs

    def listen(event):
        if isinstance(event, Plan):
            notes.extend(note for note in event.notes if "faces" in note)

    render(source, whole, options, keep_frames=True, observe=listen)
    assert notes == ["faces in 3 of 5 frames are kept (--faces paint paints them like all else)"]
    folder = interrupted(source, stopped, options)
    saved = json.loads((folder / "job.json").read_text())["analysis"]["faces"]
    assert {frame: len(faces) for frame, faces in saved.items()} == {"0": 1, "1": 1, "2": 1}
    assert render(source, stopped, options, keep_frames=True).reused == 2
    assert pngs(folder_of(stopped)) == pngs(folder_of(whole))
    without = quick(fps="12", max_side=96, cuts="0.25", gamma=0.5, faces="paint")
    with pytest.raises(UsageError, match="faces: keep → paint"):
        render(source, whole, without, overwrite=True)
    render(source, painted, without, keep_frames=True)
    frames, others = pngs(folder_of(whole)), pngs(folder_of(painted))
    assert [frames[name] == others[name] for name in frames] == [False] * 3 + [True] * 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Where `kept` keeps its render, which is made once."""
    return tmp_path_factory.mktemp("finished")


@pytest.fixture
def kept(tmp_path, finished, make_clip, quick):
    """A finished render of five frames that were kept: source, output, folder, the frames."""
    if not any(finished.iterdir()):
        source = shutil.copy(make_clip(frames=5), finished)
        render(source, finished / "kept.mp4", quick(), keep_frames=True)
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    output = tmp_path / "kept.mp4"
    return tmp_path / "clip.mp4", output, folder_of(output), pngs(folder_of(output))


def test_kept_frames_are_all_used_again(kept, quick):
    source, output, folder, frames = kept
    report = render(source, output, quick(), keep_frames=True, overwrite=True)
    assert report.reused == 5
    assert report.kept == folder
    assert pngs(folder) == frames


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "no_log"])
def test_a_frame_that_is_missing_or_damaged_is_made_again(kept, quick, damage):
    source, output, folder, frames = kept
    frame, written = folder / "000002.png", output.read_bytes()
    if damage == "missing":
        frame.unlink()
    elif damage == "cut":
        frame.write_bytes(frame.read_bytes()[:100])
    elif damage == "changed":
        shutil.copy(folder / "000001.png", frame)
    else:
        (folder / "frames.jsonl").unlink()
    report = render(source, output, quick(), keep_frames=True, overwrite=True)
    assert report.reused == (0 if damage == "no_log" else 2)
    assert pngs(folder) == frames
    assert output.read_bytes() == written


@pytest.mark.parametrize(
    "tail",
    [
        *(b'{"frame": 4, "gam', b'{"frame": 4}\n', b"{}\n", b"[]\n", b"null\n", b"17\n"),
        *(b"\x00\x00\x00", b"\xff\xfe\x80\n"),
    ],
)
def test_a_torn_last_line_of_the_log_is_survived(kept, quick, tail):
    source, output, folder, frames = kept
    log = folder / "frames.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]) + tail)
    report = render(source, output, quick(), keep_frames=True, overwrite=True)
    assert report.reused == 4
    assert pngs(folder) == frames
    assert [json.loads(line)["frame"] for line in log.read_text().splitlines()] == [0, 1, 2, 3, 4]


def test_a_line_torn_in_an_unfinished_job_does_not_spoil_the_next(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    folder = interrupted(clip, output, quick(), frames=3)
    with (folder / "frames.jsonl").open("a") as log:
        log.write('{"frame": 3, "ga')
    interrupted(clip, output, quick(), frames=5)
    assert render(clip, output, quick()).reused == 5


def test_an_unreadable_job_file_is_told(kept, quick):
    source, output, folder, _ = kept
    (folder / "job.json").write_text('{"settings": ')
    with pytest.raises(UsageError, match=r"job\.json is damaged"):
        render(source, output, quick(), overwrite=True)


@pytest.mark.parametrize("text", ["[]", "{}", '{"settings": {}}'])
def test_a_job_file_with_something_else_in_it_is_told(kept, quick, text):
    source, output, folder, frames = kept
    (folder / "job.json").write_text(text)
    with pytest.raises(UsageError, match=r"kept\.mp4\.mnst"):
        render(source, output, quick(), overwrite=True)
    assert pngs(folder) == frames


# Other settings


def test_other_settings_are_refused_and_each_is_named(tmp_path, clip, quick, styles):
    output = tmp_path / "out.mp4"
    folder = interrupted(clip, output, quick())
    frames = pngs(folder)
    other = quick(gamma_to=0.5, steps=2, style1=styles[1])
    with pytest.raises(UsageError) as caught:
        render(clip, output, other)
    message = str(caught.value)
    assert "another course of gamma" in message
    assert "steps: 1 → 2" in message
    assert "style1: another file" in message
    assert "first_steps" not in message
    assert "--restart" in message
    assert pngs(folder) == frames


def test_tiles_are_said_and_belong_to_the_settings(tmp_path, make_clip, quick, monkeypatch):
    clip = make_clip(frames=2, size=(160, 80))
    output, events = tmp_path / "out.mp4", []
    options = quick(max_side=160, tile=0.01)
    render(clip, output, options, keep_frames=True, observe=events.append)
    plan = next(event for event in events if isinstance(event, Plan))
    assert plan.notes == ("looked at in 2 tiles",)
    with pytest.raises(UsageError, match="tiles: 2 → 1"):
        render(clip, output, quick(max_side=160), overwrite=True)
    # Another limit, with the same tiles: nothing is different.
    assert render(clip, output, quick(max_side=160, tile=0.012), overwrite=True).reused == 2
    monkeypatch.setattr(machine, "pixels_at_once", lambda *_: 10_000)
    render(clip, tmp_path / "o.mp4", quick(max_side=160), observe=events.append)
    plan = next(event for event in reversed(events) if isinstance(event, Plan))
    assert plan.notes == ("looked at in 2 tiles, as memory is short for the whole",)


def test_another_input_under_the_same_name_is_refused(tmp_path, make_clip, quick):
    output = tmp_path / "out.mp4"
    interrupted(make_clip(frames=4), output, quick())
    make_clip(frames=4, picture="testsrc")
    with pytest.raises(UsageError, match="input: another file"):
        render(tmp_path / "clip.mp4", output, quick())


def test_another_passage_is_refused(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    interrupted(clip, output, quick())
    with pytest.raises(UsageError, match="frames: 0 to 5 → 3 to 5"):
        render(clip, output, quick(start=0.125))


def test_a_style_under_another_name_is_the_same_style(tmp_path, clip, quick, styles):
    output = tmp_path / "out.mp4"
    interrupted(clip, output, quick())
    copy = shutil.copy(styles[0], tmp_path / "copy.png")
    assert render(clip, output, quick(style1=copy)).reused == 2


def test_restart_moves_the_frames_aside_and_deletes_none(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    folder = interrupted(clip, output, quick())
    first = pngs(folder)
    with pytest.raises(Stop):
        render(clip, output, quick(steps=2), restart=True, observe=stop_after(2))
    second = pngs(folder)
    report = render(clip, output, quick(steps=3), restart=True, keep_frames=True)
    assert report.reused == 0
    assert pngs(tmp_path / "out.mp4.mnst.old1") == first
    assert pngs(tmp_path / "out.mp4.mnst.old2") == second
    assert len(pngs(folder)) == 6


def test_restart_with_the_same_settings_goes_on(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    interrupted(clip, output, quick())
    assert render(clip, output, quick(), restart=True).reused == 2


@pytest.mark.parametrize(
    "change",
    [
        *({"crf": 40}, {"output_size": (48, 40)}, {"strength": 0.5}),
        *({"codec": "h265"}, {"encoder_preset": "ultrafast"}, {"no_audio": True}),
    ],
)
def test_other_encoding_uses_all_frames_again(kept, quick, change):
    source, output, folder, frames = kept
    before = output.read_bytes()
    report = render(source, output, quick(**change), keep_frames=True, overwrite=True)
    assert report.reused == 5
    assert pngs(folder) == frames
    assert output.read_bytes() != before
    if "output_size" in change:
        assert (probe(output).width, probe(output).height) == (48, 40)


# Where the frames are


def test_a_frames_folder_of_ones_own_keeps_the_frames(tmp_path, make_clip, quick):
    output, folder = tmp_path / "out.mp4", tmp_path / "deep" / "frames"
    report = render(make_clip(frames=3), output, quick(), frames_dir=folder)
    assert report.kept == folder
    assert list(pngs(folder)) == ["000000.png", "000001.png", "000002.png"]
    assert not folder_of(output).exists()


def test_a_foreign_file_in_the_job_folder_survives(kept, quick):
    source, output, folder, _ = kept
    (folder / "notes.txt").write_text("the second take is the good one")
    render(source, output, quick(), overwrite=True)
    assert names(folder) == ["notes.txt"]


def test_a_folder_with_something_else_in_it_is_not_used(tmp_path, clip, quick):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "000001.png").write_bytes(b"a picture of mine")
    with pytest.raises(UsageError, match="not this program's"):
        render(clip, tmp_path / "out.mp4", quick(), frames_dir=mine)
    assert names(mine) == ["000001.png"]
    assert (mine / "000001.png").read_bytes() == b"a picture of mine"


def test_a_file_where_the_job_folder_belongs_is_not_touched(tmp_path, clip, quick):
    (tmp_path / "out.mp4.mnst").write_text("mine")
    with pytest.raises(UsageError, match="in the way"):
        render(clip, tmp_path / "out.mp4", quick())
    assert (tmp_path / "out.mp4.mnst").read_text() == "mine"


def test_an_encoder_that_fails_leaves_the_frames(tmp_path, make_clip, quick, monkeypatch):
    source, output = make_clip(frames=3), tmp_path / "out.mp4"

    def break_ffmpeg(event):
        if isinstance(event, Encoding):
            patch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: shutil.which("false"))

    with (
        monkeypatch.context() as patch,
        pytest.raises(MachineError, match=r"out\.mp4: ffmpeg failed"),
    ):
        render(source, output, quick(), observe=break_ffmpeg)
    assert not output.exists()
    assert len(pngs(folder_of(output))) == 3
    assert render(source, output, quick()).reused == 3


def test_an_encoder_that_is_not_there_is_told_before_the_first_frame(
    tmp_path, clip, quick, monkeypatch
):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: shutil.which("false"))
    refused(tmp_path, MachineError, "--codec h264: does not", clip, tmp_path / "a.mp4", quick())


# What cannot be


def refused(tmp_path, kind, match, *arguments, **settings):
    """The render raises `kind`, and the folder holds after it what it held before."""
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(kind, match=match):
        render(*arguments, **settings)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert not list(tmp_path.rglob("*.mnst"))


def test_the_output_may_not_be_the_input(tmp_path, clip, quick):
    refused(tmp_path, UsageError, "is the input", clip, clip, quick(), overwrite=True)
    (tmp_path / "link.mp4").symlink_to(clip)
    link = tmp_path / "link.mp4"
    refused(tmp_path, UsageError, "is the input", clip, link, quick(), overwrite=True)


def test_an_existing_output_is_kept(tmp_path, clip, quick):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"the best take so far")
    refused(tmp_path, UsageError, "exists; use --overwrite", clip, output, quick())


@pytest.mark.parametrize("name", ["out.avi", "out.png", "out.exe"])
def test_an_unknown_extension_is_refused(tmp_path, clip, quick, name):
    refused(tmp_path, UsageError, "unknown kind of video", clip, tmp_path / name, quick())


def test_a_missing_folder_is_named(tmp_path, clip, quick):
    output = tmp_path / "nowhere" / "out.mp4"
    refused(tmp_path, UsageError, "there is no folder", clip, output, quick())


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, clip, quick, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(tmp_path, UsageError, "cannot be written to", clip, tmp_path / "out.mp4", quick())


def test_a_folder_is_no_output(tmp_path, clip, quick):
    (tmp_path / "out.mp4").mkdir()
    refused(
        tmp_path, UsageError, "is a folder", clip, tmp_path / "out.mp4", quick(), overwrite=True
    )


@pytest.mark.parametrize(
    "part",
    [{"start": 0.25}, {"end": 0.0}, {"start": 0.2, "end": 0.1}, {"start": 0.1, "end": 0.1}],
)
def test_an_empty_passage_is_told_with_the_length(tmp_path, clip, quick, part):
    refused(
        tmp_path,
        UsageError,
        r"no frame lies between .*the clip lasts 0\.250 s",
        *(clip, tmp_path / "out.mp4", quick(**part)),
    )


def test_a_style_that_is_no_picture_is_named(tmp_path, clip, quick):
    (tmp_path / "style.jpg").write_text("brush strokes, blue")
    options = quick(style2=tmp_path / "style.jpg")
    match = r"style\.jpg: this is not a picture"
    refused(tmp_path, InputError, match, clip, tmp_path / "out.mp4", options)
    options = quick(style1=tmp_path / "missing.jpg")
    match = r"missing\.jpg: there is no such picture"
    refused(tmp_path, InputError, match, clip, tmp_path / "out.mp4", options)


def test_an_input_that_is_no_clip_is_named(tmp_path, quick):
    (tmp_path / "clip.mp4").write_text("once upon a time")
    match = r"clip\.mp4: this is not a video"
    refused(tmp_path, InputError, match, tmp_path / "clip.mp4", None, quick())
    match = "there is no such file"
    refused(tmp_path, InputError, match, tmp_path / "no.mp4", None, quick())


def test_weights_that_are_none_are_named(tmp_path, clip, quick):
    (tmp_path / "weights.pth").write_text("0.1, 0.2")
    options = quick(weights=str(tmp_path / "weights.pth"))
    match = r"weights\.pth"
    refused(tmp_path, MachineError, match, clip, tmp_path / "out.mp4", options)


def test_a_clip_that_is_cut_off_can_be_rendered_as_far_as_it_goes(tmp_path, make_clip, quick):
    whole = make_clip(frames=12, extra=("-g", "1", "-movflags", "+faststart"))
    with av.open(str(whole)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        size = packets[6].pos + packets[6].size // 2
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:size])
    output = tmp_path / "out.mp4"
    refused(tmp_path, InputError, r"0\.250 of 0\.500 s are there", cut, output, quick())
    report = render(cut, output, quick(end=0.25))
    assert report.frames == 6
    assert record(output)["gamma"] == pytest.approx([i / 5 for i in range(6)], abs=1e-12)
    assert render(cut, tmp_path / "partial.mp4", quick(allow_partial=True)).frames == 6


def test_restart_moves_even_a_job_that_cannot_be_read_aside(kept, quick):
    source, output, folder, frames = kept
    (folder / "job.json").write_bytes(b"")
    render(source, output, quick(), overwrite=True, restart=True)
    aside = folder.with_name(f"{folder.name}.old1")
    assert set(frames) <= {path.name for path in aside.iterdir()}


def test_the_end_that_a_truncated_clip_suggests_renders_what_is_whole(tmp_path, make_clip, quick):
    clip = make_clip(frames=48, fps="24000/1001", audio=False, extra=("-movflags", "+faststart"))
    clip.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * 0.6)])
    if "cannot be read" in (message := failure(clip, tmp_path / "o.mp4", quick())):
        pytest.fail(f"the index of the clip should come first: {message}")
    end = float(re.search(r"--end ([0-9.]+)", message).group(1))
    assert 0.2 < end < 1.5
    report = render(clip, tmp_path / "o.mp4", quick(end=end))
    assert report.frames == round(end * 24000 / 1001)


def failure(source, output, options):
    with pytest.raises(InputError) as caught:
        render(source, output, options)
    return str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't allocate memory: 8 GB"),
        RuntimeError("not enough memory: you tried to allocate 8 bytes"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    ],
)
def test_out_of_memory_names_the_remedy(tmp_path, clip, quick, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("mnst_video.job.chunk.stylize_shot", fail)
    monkeypatch.setattr("mnst_video.painting.machine.memory", lambda _: (4 * 10**9, 10**9))
    # In float32, and with a fifth left for what is no feature map.
    with pytest.raises(
        MachineError, match=r"1\.0 GB .* 592×333; give --max-side 592, or --tile 0\.10"
    ):
        render(clip, tmp_path / "o.mp4", quick())


def test_the_record_holds_what_auto_resolved_to(tmp_path, clip):
    """A default style is left out: it lies elsewhere on another machine."""
    output = tmp_path / "o.mp4"
    options = Options(
        max_side=32, first_steps=1, steps=1, threads=1, style1=clip.with_name("s.png")
    )
    save_image(np.zeros((8, 8, 3), np.uint8), options.style1)
    render(clip, output, options)
    options = record(output)["options"]
    assert options["max_side"] == 32
    assert options["precision"] in ("bf16", "float32")
    assert options["style1"] == str(clip.with_name("s.png").resolve())
    assert "style2" not in options


def test_restart_never_moves_a_folder_of_somebody_else(tmp_path, clip, quick):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="empty folder"):
        render(clip, tmp_path / "o.mp4", quick(), frames_dir=mine, restart=True)
    assert [path.name for path in mine.iterdir()] == ["photo.png"]


def test_a_job_without_a_finished_frame_does_not_block_the_next(tmp_path, clip, quick):
    output = tmp_path / "o.mp4"

    def stop(event):
        if isinstance(event, Plan):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(clip, output, quick(first_steps=3), observe=stop)
    assert render(clip, output, quick(first_steps=2)).frames == probe(clip).times.frames


@pytest.mark.parametrize("name", ["o.mp4", "o.mp4.mnst.json"])
def test_the_frames_cannot_lie_where_the_output_goes(tmp_path, clip, quick, name):
    with pytest.raises(UsageError, match="--frames-dir"):
        render(clip, tmp_path / "o.mp4", quick(), frames_dir=tmp_path / name)


@pytest.mark.parametrize("name", [b"not\xff\xfeutf8", b"new\nline", b"100%05d", b"-i", b"a:b c"])
def test_any_name_is_only_a_name(tmp_path, clip, quick, monkeypatch, name):
    """Those of Latin-1 discs too; of the input, the output, and the folder of the frames."""
    monkeypatch.chdir(tmp_path)
    source, output = (Path(os.fsdecode(name + end)) for end in (b".mp4", b" out.mp4"))
    try:
        clip.rename(source)
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    frames = Path(os.fsdecode(name + b" frames"))
    report = render(source, output, quick(), frames_dir=frames)
    assert probe(output).times.frames == 6
    assert len(pngs(frames)) == 6
    again = render(source, output, make_options([f"{output}.mnst.json"], {}), overwrite=True)
    assert again.frames == report.frames


LATE = ("-vf", "setpts='N/24/TB+gt(N,2)*0.125/TB'", "-fps_mode", "passthrough")


def test_a_frame_that_lasts_longer_is_painted_once_and_shown_as_long(tmp_path, make_clip, quick):
    source, output = make_clip(frames=6, extra=LATE), tmp_path / "out.mp4"
    report = render(source, output, quick(), keep_frames=True)
    assert (len(pngs(report.kept)), report.frames) == (6, 6)
    assert report.duration == pytest.approx(9 / 24)
    info = probe(output)
    assert (info.times.frames, info.times.fps, info.times.repeats) == (9, 24, ())
    shown = [frame.astype(float) for frame in read_frames(info, info.width, info.height)]
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(shown)]
    assert max(steps[2:5]) < 1 < min(steps[:2] + steps[5:])
    evaluation = evaluate(source, output, make_options([f"{output}.mnst.json"], {}))
    assert len(evaluation.frames) == 6


def test_a_lower_rate_paints_fewer_frames(tmp_path, make_clip, quick):
    source, output = make_clip(frames=12), tmp_path / "out.mp4"
    report = render(source, output, quick(fps="8"), keep_frames=True)
    assert (report.frames, len(pngs(report.kept))) == (4, 4)
    assert (probe(output).times.fps, probe(output).times.frames) == (8, 4)
    assert sound_length(output) == pytest.approx(0.5, abs=0.05)


def sound_length(path):
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return float(stream.duration * stream.time_base)
