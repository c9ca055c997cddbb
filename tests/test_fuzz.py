"""Damaged and wrong input of every kind: a result, or one line of error; never anything else."""

import json
import random
import shutil

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mnst_video.errors import MnstError
from mnst_video.job.render import render
from mnst_video.media.images import load_photo, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.near import read_near
from mnst_video.media.input.probe import probe
from mnst_video.media.input.sound import read_sound
from mnst_video.options import Options
from mnst_video.plan.source import clip_of
from mnst_video.presets import make_options

# Files of a test stay from one example to the next, and are written anew.
settings.register_profile("files", suppress_health_check=[HealthCheck.function_scoped_fixture])


def attempt(work):
    """What a call returns, or the line that a person is told; any other error is the test's."""
    try:
        return work(), ""
    except MnstError as error:
        return None, str(error)


# Presets

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["auto", "0=0, 1=1", "0=0, 2b=1 repeat 4b", "1:30", "rms:0.3", "../x", "25/1"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
names = st.sampled_from(sorted([*Options.model_fields, "style", "repeat", "gamma_from", "extends"]))


@given(st.dictionaries(names | st.text(max_size=8), values, max_size=5))
@settings(settings.get_profile("files"), max_examples=300)
def test_a_preset_of_anything_is_options_or_one_line(tmp_path, settings_of_preset):
    path = tmp_path / "preset.json"
    path.write_text(json.dumps({"options": settings_of_preset}))
    options, problem = attempt(lambda: make_options([str(path)], {}))
    assert isinstance(options, Options) or problem


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(settings.get_profile("files"), max_examples=300)
def test_any_bytes_are_a_preset_or_one_line(tmp_path, data):
    path = tmp_path / "preset.toml"
    path.write_bytes(data)
    options, problem = attempt(lambda: make_options([str(path)], {}))
    assert isinstance(options, Options) or problem


# Clips


def damaged(data, rng):
    """A file that was cut off, overwritten, mixed up, or that lost a piece or a few bits."""
    data = bytearray(data)
    at, length = rng.randrange(len(data)), rng.randrange(1, 200)
    kind = rng.randrange(5)
    if kind == 0:
        del data[at:]
    elif kind == 1:
        del data[at : at + length]
    elif kind == 2:
        data[at : at + length] = rng.randbytes(length)
    elif kind == 3:
        data[at:at] = data[: rng.randrange(len(data))]
    else:
        for _ in range(rng.choice([1, 10, 100])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


CLIPS = {
    "a.mp4": (),
    "b.mp4": ("-movflags", "frag_keyframe+empty_moov", "-pix_fmt", "yuv420p10le"),
    "a.mkv": ("-c:v", "ffv1"),
    "a.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-cpu-used", 8, "-c:a", "libopus"),
    "a.avi": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "a.ts": ("-c:v", "mpeg2video"),
    "a.gif": ("-c:v", "gif", "-pix_fmt", "rgb8"),
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory, ffmpeg):
    folder = tmp_path_factory.mktemp("clips")
    for name, extra in CLIPS.items():
        ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=s=32x32:r=24", "-f", "lavfi", "-i", "sine"),
            *("-t", 0.4, "-g", 4, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
            *(*extra, "-map", 0, *(() if name == "a.gif" else ("-map", 1)), folder / name),
        )
    return folder


@pytest.mark.parametrize("name", CLIPS)
@given(seed=st.integers(0, 2**32))
@settings(settings.get_profile("files"), max_examples=25)
def test_a_damaged_clip_is_read_as_far_as_it_goes_or_refused(tmp_path, clips, name, seed):
    path = tmp_path / name
    path.write_bytes(damaged((clips / name).read_bytes(), random.Random(seed)))
    info, _ = attempt(lambda: probe(path))
    if info is None:
        return
    read = []
    _, problem = attempt(lambda: read.extend(frame.shape for frame in read_frames(info, 32, 32)))
    assert set(read) <= {(32, 32, 3)}
    assert len(read) == info.times.frames if not problem else len(read) < info.times.frames
    for work in (
        lambda: clip_of(path, Options(allow_partial=True).input),
        lambda: probe(path, depth="index"),
        lambda: read_near(info, [0, info.times.frames - 1], 32, 32),
        lambda: read_sound(path, origin=info.start),
    ):
        _, problem = attempt(work)
        assert "\n" not in problem


@given(seed=st.integers(0, 2**32))
@settings(settings.get_profile("files"), max_examples=20)
def test_a_damaged_clip_is_rendered_whole_or_not_at_all(tmp_path, clips, quick, seed):
    rng = random.Random(seed)
    name = rng.choice(["a.mp4", "a.mkv", "a.webm", "a.ts"])
    source, output = tmp_path / name, tmp_path / "out" / "out.mp4"
    source.write_bytes(damaged((clips / name).read_bytes(), rng))
    shutil.rmtree(output.parent, ignore_errors=True)
    output.parent.mkdir()
    partial = rng.random() < 0.5
    info, _ = attempt(lambda: clip_of(source, Options(allow_partial=partial).input))
    assume(
        info is None or info.times.frames < 40
    )  # damaged times can make an hour of repeats of it
    options = quick(first_steps=1, allow_partial=partial)
    report, _ = attempt(lambda: render(source, output, options))
    assert output.exists() == (report is not None)
    if report is not None:
        shown = sum(info.times.shown(frame) for frame in range(info.times.frames))
        assert (report.frames, probe(output, rate="vfr").times.frames) == (info.times.frames, shown)
    assert {path.suffix for path in output.parent.iterdir()} <= {".mp4", ".json", ".mnst"}


# Pictures


@given(seed=st.integers(0, 2**32))
@settings(settings.get_profile("files"), max_examples=60)
def test_a_damaged_picture_is_read_or_refused(tmp_path, texture, seed):
    rng = random.Random(seed)
    path = tmp_path / f"a{rng.choice(['.png', '.jpg', '.tif'])}"
    save_image(texture(40, 30, 1), path)
    path.write_bytes(damaged(path.read_bytes(), rng))
    photo, problem = attempt(lambda: load_photo(path))
    assert problem or photo.frame.shape[2] == 3
