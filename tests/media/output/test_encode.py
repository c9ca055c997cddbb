"""What comes out: for each kind of file its codec, colours, size, times, sound and opacity."""

import dataclasses
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from mnst_video.errors import MachineError, UsageError
from mnst_video.media.clip import Passage
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.pictures import probe_sequence
from mnst_video.media.input.probe import probe
from mnst_video.media.output.checks import check_encoder, check_output, output_notes
from mnst_video.media.output.containers import CODECS, CONTAINERS, EncoderSettings, format_of
from mnst_video.media.output.encode import open_encoder
from mnst_video.media.output.soundtrack import Soundtrack

BT709, LIMITED = 1, 1  # in ffmpeg's numbering
PATCHES = [
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)),
    *((200, 120, 40), (30, 60, 90), (128, 128, 128), (0, 0, 0)),
]
PLAIN = EncoderSettings()


def patches(width=64, height=48):
    """Eight patches of colour, and around them grey."""
    frame = np.full((height, width, 3), 90, np.uint8)
    for i, color in enumerate(PATCHES):
        y, x = 24 * (i // 4), 16 * (i % 4)
        frame[y : y + 24, x : x + 16] = color
    return frame


def centres(frame):
    return [frame[24 * (i // 4) + 12, 16 * (i % 4) + 8].astype(int) for i in range(8)]


def write(path, frames, source=Fraction(24), asked=PLAIN, **settings):
    height, width = frames[0].shape[:2] if isinstance(frames, list) and frames else (48, 64)
    with open_encoder(path, source, (width, height), asked=asked, **settings) as give:
        for frame in frames:
            give(frame)
    return path


def interrupted(appeared=bool):
    """A frame, and then an error."""
    yield patches()
    assert not appeared()
    raise RuntimeError("no more")


def opened(path):
    """Of the pictures: codec, pixel format, width, height, frames."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        count = sum(1 for packet in container.demux(stream) if packet.size)
        return codec.codec.canonical_name, codec.pix_fmt, codec.width, codec.height, count


def colors_of(path):
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        return codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range


def animation(path):
    """The pictures of an animation, as RGBA, their milliseconds, and how often it loops."""
    with Image.open(path) as picture:
        frames, durations = [], []
        for number in range(picture.n_frames):
            picture.seek(number)
            frames.append(np.asarray(picture.convert("RGBA")))
            durations.append(picture.info["duration"])
        return frames, durations, picture.info["loop"]


def sounds(path):
    """Of each track of sound its codec and its packets' bytes."""
    with av.open(str(path)) as container:
        tracks = container.streams.audio
        found = {t.index: (t.codec_context.codec.canonical_name, []) for t in tracks}
        for packet in container.demux(tracks):
            if packet.size:
                found[packet.stream.index][1].append(bytes(packet))
    return [(codec, b"".join(data)) for codec, data in found.values()]


# Codec, pixels and size

KINDS = {
    "a.mp4": ("h264", "yuv420p", 66, 50, 3),
    "a.M4V": ("h264", "yuv420p", 66, 50, 3),
    "a.mov": ("prores", "yuv422p10le", 66, 49, 3),
    "a.mkv": ("ffv1", "bgr0", 65, 49, 3),
    "a.webm": ("vp9", "yuv420p", 66, 50, 3),
    "a.gif": ("gif", "bgra", 65, 49, 3),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_extension_has_its_codec_and_pads_only_what_it_must(tmp_path, name):
    frame = np.full((49, 65, 3), 90, np.uint8)
    frame[20:, 30:] = 180
    path = write(tmp_path / name, [frame] * 3)
    assert opened(path) == KINDS[name]
    (shown, *_) = read_frames(probe(path), *KINDS[name][2:4])
    after = shown[:49, :65].astype(int)
    assert np.abs(after - frame).mean() < 2  # neither scaled nor moved
    assert max(np.abs(after - frame)[[0, -1]].max(), np.abs(after - frame)[:, [0, -1]].max()) < 30


CHOSEN = {
    ("a.mp4", "h264"): ("h264", "yuv420p"),
    ("a.mp4", "h265"): ("hevc", "yuv420p"),
    ("a.mp4", "av1"): ("av1", "yuv420p10le"),
    ("a.mp4", "vp9"): ("vp9", "yuv420p"),
    ("a.mov", "prores"): ("prores", "yuv422p10le"),
    ("a.mov", "h264"): ("h264", "yuv420p"),
    ("a.mov", "h265"): ("hevc", "yuv420p"),
    ("a.mkv", "h264"): ("h264", "yuv420p"),
    ("a.mkv", "h265"): ("hevc", "yuv420p"),
    ("a.mkv", "av1"): ("av1", "yuv420p10le"),
    ("a.mkv", "vp9"): ("vp9", "yuv420p"),
    ("a.mkv", "prores"): ("prores", "yuv422p10le"),
    ("a.webm", "vp9"): ("vp9", "yuv420p"),
    ("a.webm", "av1"): ("av1", "yuv420p10le"),
}


@pytest.mark.parametrize(("name", "codec"), CHOSEN)
def test_each_codec_in_each_container_has_bt709_and_the_colours(tmp_path, ffmpeg, name, codec):
    path = write(tmp_path / name, [patches()] * 5, asked=EncoderSettings(codec))
    assert opened(path) == (*CHOSEN[name, codec], 64, 48, 5)
    assert colors_of(path) == (BT709, BT709, BT709, LIMITED)
    info = probe(path)
    assert (info.times.fps, info.times.frames, info.notes) == (24, 5, ())
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    elsewhere = np.frombuffer(raw, np.uint8).reshape(5, 48, 64, 3)[1]
    assert np.abs(np.subtract(centres(elsewhere), PATCHES)).max() <= 6
    ours = list(read_frames(info, 64, 48))[1]
    assert np.abs(np.subtract(centres(ours), PATCHES)).max() <= 6


def test_all_that_a_container_holds_is_tried_here():
    soft = {name for name, codec in CODECS.items() if not codec.is_hardware}
    fits = {
        (f"a{extension}", name)
        for extension, container in CONTAINERS.items()
        for name in soft
        if CODECS[name].family in container.families
    }
    assert fits - {("a.mkv", "ffv1"), ("a.gif", "gif"), ("a.webp", "webp")} == {
        *CHOSEN,
        *(("a.m4v", codec) for name, codec in CHOSEN if name == "a.mp4"),
    }


def test_prores_is_422_hq_and_4444_with_opacity(tmp_path):
    write(tmp_path / "a.mov", [patches()] * 2)
    assert b"apch" in (tmp_path / "a.mov").read_bytes()
    write(tmp_path / "b.mov", [np.dstack([patches(), patches()[..., 0]])], opacity=True)
    assert b"ap4h" in (tmp_path / "b.mov").read_bytes()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_the_index_comes_first_and_apple_finds_h265(tmp_path, name):
    data = write(tmp_path / name, [patches()] * 2, asked=EncoderSettings("h265")).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"hvc1" in data


@pytest.mark.parametrize("size", [(64, 48), (65, 49), (1, 1)])
def test_ffv1_is_lossless(tmp_path, ffmpeg, size):
    noise = np.random.default_rng(0).integers(0, 256, (4, size[1], size[0], 3), np.uint8)
    path = write(tmp_path / "a.mkv", list(noise))
    ours = np.stack(list(read_frames(probe(path), *size)))
    assert np.array_equal(ours, noise)
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    assert raw == noise.tobytes()


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "av1"])
def test_the_quality_number_and_the_preset_decide_the_file(tmp_path, texture, codec):
    frames = [texture(96, 64, seed, 1.0) for seed in range(4)]
    name = "a.mkv"

    def size(**asked):
        path = write(tmp_path / name, frames, asked=EncoderSettings(codec, **asked))
        return path.stat().st_size

    assert size(crf=5) > 1.5 * size(crf=45)
    fast, slow = CODECS[codec].presets[0], CODECS[codec].presets[5]
    assert size(preset=fast) != size(preset=slow)


@pytest.mark.parametrize(
    ("path", "asked", "message"),
    [
        ("a.mp4", {"codec": "prores"}, r"--codec prores: \.mp4 does not hold it; use \.mov, \.mkv"),
        ("a.gif", {"codec": "h264"}, r"--codec h264: \.gif does not hold it"),
        ("a.webm", {"codec": "h264_nvenc"}, r"--codec h264_nvenc: \.webm does not hold it"),
        ("a.mp4", {"crf": 52}, "--crf 52: h264 has 0 to 51"),
        ("a.mp4", {"codec": "hevc_nvenc", "crf": 0}, "--crf 0: hevc_nvenc has 1 to 51"),
        ("a.mp4", {"preset": "fst"}, "--encoder-preset fst: h264 has ultrafast, superfast"),
        ("a.mov", {"preset": "slow"}, "--encoder-preset slow: prores has no presets"),
        ("a.mp4", {"codec": "av1", "preset": "14"}, "av1 has 0, 1, .*13"),
    ],
)
def test_what_a_codec_cannot_do_is_refused(path, asked, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        check_output(tmp_path / path, (), False, EncoderSettings(**asked), Fraction(24))
    assert list(tmp_path.iterdir()) == []


def test_crf_63_is_for_those_that_have_it(tmp_path):
    for codec, most in (("h264", 51), ("h265", 51), ("vp9", 63), ("av1", 63)):
        assert format_of(tmp_path / "a.mkv", EncoderSettings(codec, most)).crf == most
        with pytest.raises(UsageError):
            format_of(tmp_path / "a.mkv", EncoderSettings(codec, most + 1))


@pytest.mark.parametrize("name", [n for n, codec in CODECS.items() if codec.is_hardware])
def test_hardware_that_is_not_there_is_told_before_the_work(tmp_path, name):
    def attempt():
        check_encoder(tmp_path / "a.mp4", (256, 256), EncoderSettings(name))
        pytest.skip("it is there")

    with pytest.raises(MachineError, match=rf"--codec {name}: does not work on .+ \(.+\); use"):
        attempt()


@pytest.mark.parametrize("name", [n for n, codec in CODECS.items() if not codec.is_hardware])
def test_the_trial_passes_for_what_ffmpeg_has(tmp_path, name):
    family = CODECS[name].family
    extension = next(key for key, c in CONTAINERS.items() if family in c.families)
    check_encoder(tmp_path / f"a{extension}", (65, 49), EncoderSettings(name))


# Animations


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(50), Fraction(7)])
def test_an_animation_lasts_as_long_and_loops(tmp_path, texture, name, fps):
    pictures = [texture(64, 48, seed) for seed in range(20)]
    frames, durations, loop = animation(write(tmp_path / name, pictures, fps))
    assert (len(frames), loop) == (20, 0)
    assert sum(durations) == pytest.approx(float(20000 / fps), abs=10)
    ends = np.cumsum(durations)[:-1]
    right = [float(1000 * (n + 1) / fps) for n in range(19)]
    assert np.abs(ends - right).max() <= (5.01 if name == "a.gif" else 1)


@pytest.mark.parametrize(("name", "most"), [("a.gif", 3), ("a.webp", 12)])
def test_an_animation_has_the_colours_of_each_frame(tmp_path, name, most):
    """Each of eight pictures has other colours: more in all than a palette has."""
    pictures = [np.roll(patches(), shift, axis=2) // (1 + shift % 3) for shift in range(8)]
    frames, _, _ = animation(write(tmp_path / name, pictures))
    assert len(frames) == 8
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(np.subtract(centres(frame[..., :3]), centres(picture))).max() <= most


def test_a_gif_that_is_too_fast_is_refused(tmp_path, make_clip):
    with pytest.raises(UsageError, match="--fps 60: a GIF has up to 50"):
        check_output(tmp_path / "a.gif", (), False, PLAIN, Fraction(60))
    with pytest.raises(UsageError, match="up to 50"):
        check_output(tmp_path / "a.gif", (), False, PLAIN, probe(make_clip(fps="60")))
    check_output(tmp_path / "a.gif", (), False, PLAIN, Fraction(50))


# Times

UNEVEN = [0, 40, 80, 120, 160, 353, 393, 433, 633, 640, 680, 720]  # milliseconds


@pytest.fixture
def uneven(make_clip):
    """Twelve frames at uneven times, the first as late as the sound; the sound lasts longer."""
    at = "+".join(f"eq(N,{n})*{time}" for n, time in enumerate(UNEVEN))
    timed = ("-vf", f"settb=1/1000,setpts='({at})'", "-fps_mode", "passthrough", "-enc_time_base")
    return make_clip(frames=12, extra=(*timed, "1/1000", "-video_track_timescale", "16000"))


TICKS = {"a.mp4": 0, "a.mov": 0, "a.mkv": Fraction(1, 1000), "a.webm": Fraction(1, 1000)}


@pytest.mark.parametrize("name", TICKS)
def test_uneven_times_are_kept(tmp_path, uneven, name):
    info = probe(uneven, rate="vfr")
    assert info.times.vfr
    assert [round(1000 * time) for time in info.times.begins] == UNEVEN
    frames = [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(12)]
    written = probe(write(tmp_path / name, frames, info), rate="vfr")
    assert written.times.frames == 12
    off = [abs(a - b) for a, b in zip(written.times.begins, info.times.begins, strict=True)]
    assert max(off) <= TICKS[name]
    shown = [frame.mean() for frame in read_frames(written, 64, 48)]
    assert np.abs(np.subtract(shown, [20 * n for n in range(12)])).max() < 4
    assert sounds(tmp_path / name)[0][1] == sounds(uneven)[0][1] or name == "a.webm"


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_the_last_of_uneven_frames_lasts_to_the_end(tmp_path, uneven, name):
    info = probe(uneven, rate="vfr")
    info = dataclasses.replace(info, times=dataclasses.replace(info.times, duration=Fraction(9, 8)))
    write(tmp_path / name, [patches()] * 12, info)
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == Fraction(9, 8)


def test_uneven_times_of_a_passage_are_kept(tmp_path, uneven):
    info = probe(uneven, rate="vfr")
    part = info.times.passage(range(4, 9))
    written = probe(write(tmp_path / "a.mp4", [patches()] * 5, info, passage=part), rate="vfr")
    assert written.times.begins == tuple(
        time - info.times.begins[4] for time in info.times.begins[4:9]
    )
    assert written.start == 0


def test_uneven_times_of_thirds_are_kept_on_a_fine_clock(tmp_path, uneven):
    info = probe(uneven, rate="vfr")
    times = tuple(Fraction(n * n, 24) + Fraction(n, 1001 * 997) for n in range(12))
    shown = dataclasses.replace(info.times, begins=times, duration=times[-1] + 1)
    info = dataclasses.replace(info, times=shown, start=Fraction(0))
    written = probe(write(tmp_path / "a.mp4", [patches()] * 12, info), rate="vfr")
    off = [abs(a - b) for a, b in zip(written.times.begins, times, strict=True)]
    assert 0 < max(off) <= Fraction(1, 90_000)


def test_uneven_times_of_a_late_clip_are_kept(tmp_path, uneven, ffmpeg):
    late = tmp_path / "late.mp4"
    ffmpeg(
        *("-itsoffset", "0.5", "-i", uneven, "-i", uneven),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", late),
    )
    info = probe(late, rate="vfr")
    assert info.start == Fraction(1, 2)
    written = probe(write(tmp_path / "a.mp4", [patches()] * 12, info), rate="vfr")
    assert (written.times.begins, written.start) == (info.times.begins, info.start)


def test_uneven_times_of_a_late_clip_are_exact_on_an_odd_clock(tmp_path, uneven):
    times = tuple(Fraction(n * n, 12800) for n in range(100, 112))
    times = tuple(time - times[0] for time in times)
    info = probe(uneven, rate="vfr")
    shown = dataclasses.replace(info.times, begins=times, duration=Fraction(1))
    late = dataclasses.replace(info, times=shown, start=Fraction(6401, 12800))
    written = probe(write(tmp_path / "a.mp4", [patches()] * 12, late), rate="vfr")
    assert written.times.begins == times
    assert written.start == pytest.approx(late.start, abs=2e-6)  # files count microseconds


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_uneven_times_of_an_animation(tmp_path, uneven, texture, name):
    info = probe(uneven, rate="vfr")
    frames, durations, _ = animation(
        write(tmp_path / name, [texture(64, 48, seed) for seed in range(12)], info)
    )
    assert len(frames) == 12
    off = np.cumsum(durations)[:-1] - UNEVEN[1:]
    assert np.abs(off).max() <= (5.01 if name == "a.gif" else 1)


def test_a_failing_ffmpeg_is_told_where_times_are_kept(tmp_path, uneven):
    info = dataclasses.replace(probe(uneven, rate="vfr"), path=tmp_path / "gone.mp4")
    big = [np.zeros((480, 640, 3), np.uint8)] * 12
    with pytest.raises(MachineError, match=r"a\.mp4: ffmpeg failed \(.+\)"):
        write(tmp_path / "a.mp4", big, info)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_error_inside_leaves_nothing_where_times_are_kept(tmp_path, uneven):
    with pytest.raises(RuntimeError, match="no more"):
        write(tmp_path / "a.mp4", interrupted(), probe(uneven, rate="vfr"))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
@pytest.mark.parametrize("fps", ["24000/1001", "60"])
def test_a_constant_rate_is_exact_and_the_length_kept(tmp_path, make_clip, name, fps):
    source = probe(make_clip(fps=fps, frames=10))
    written = probe(write(tmp_path / name, [patches()] * 10, source))
    assert (written.times.fps, written.times.frames, written.notes) == (source.times.fps, 10, ())
    assert abs(written.times.duration - source.times.duration) < 1 / source.times.fps


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_a_late_start_is_kept(tmp_path, make_clip, ffmpeg, name):
    late = tmp_path / "late.mp4"
    clip = make_clip(frames=12)
    ffmpeg(
        *("-itsoffset", "0.5", "-i", clip, "-i", clip),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", late),
    )
    info = probe(late)
    written = probe(write(tmp_path / name, [patches()] * 12, info))
    assert float(written.start) == pytest.approx(float(info.start), abs=0.01)
    assert (written.times.fps, written.times.frames) == (24, 12)


# Sound

SOUNDS = {
    "aac": ("clip.mp4", "aac"),
    "mp3": ("clip.mp4", "libmp3lame"),
    "ac3": ("clip.mp4", "ac3"),
    "alac": ("clip.mov", "alac"),
    "pcm_s16le": ("clip.mov", "pcm_s16le"),
    "pcm_s24le": ("clip.mkv", "pcm_s24le"),
    "flac": ("clip.mkv", "flac"),
    "opus": ("clip.mkv", "libopus"),
    "vorbis": ("clip.mkv", "libvorbis"),
    "mp2": ("clip.mkv", "mp2"),
    "pcm_mulaw": ("clip.mkv", "pcm_mulaw"),
}
# What is not kept bit for bit.
BECOMES = {
    ".mp4": dict.fromkeys(
        ("pcm_s16le", "pcm_s24le", "flac", "opus", "vorbis", "mp2", "pcm_mulaw"), "aac"
    ),
    ".mov": {"flac": "pcm_s24le", "opus": "aac", "vorbis": "aac", "mp2": "aac"}
    | {"pcm_mulaw": "pcm_s24le"},
    ".mkv": {"pcm_mulaw": "flac"},
    ".webm": dict.fromkeys(SOUNDS.keys() - {"opus", "vorbis"}, "opus"),
}


@pytest.mark.parametrize("codec", SOUNDS)
@pytest.mark.parametrize("extension", BECOMES)
def test_sound_is_kept_bit_for_bit_or_converted_and_said(tmp_path, make_clip, extension, codec):
    name, encoder = SOUNDS[codec]
    source = make_clip(name, frames=12, extra=("-c:a", encoder))
    info = probe(source)
    assert info.audio == (codec,)
    path = tmp_path / f"out{extension}"
    write(path, [patches()] * 12, info)
    ((before, data),) = sounds(source)
    ((after, copied),) = sounds(path)
    becomes = BECOMES[extension].get(codec)
    notes = output_notes(path, info, None, None, PLAIN)
    if becomes is None:
        assert (after, copied, notes) == (before, data, ())
        return
    assert after == becomes
    assert len(notes) == 1
    assert notes[0].startswith(f"its sound ({codec}) becomes ")
    assert notes[0].endswith(f": {extension} does not take it so")
    with av.open(str(path)) as container:
        samples = [f.to_ndarray() for f in container.decode(container.streams.audio[0])]
        rate = container.streams.audio[0].rate
    heard = np.concatenate([s.reshape(s.shape[0], -1)[0] for s in samples]).astype(float)
    assert len(heard) / rate == pytest.approx(0.5, abs=0.09)
    middle = heard[len(heard) // 4 : len(heard) // 2] * np.hanning(
        len(heard) // 2 - len(heard) // 4
    )
    pitch = np.abs(np.fft.rfft(middle)).argmax() * rate / len(middle)
    assert pitch == pytest.approx(440, abs=15)  # the sine that it was


def test_flac_of_pcm_is_without_loss(tmp_path, make_clip, ffmpeg):
    source = make_clip("clip.mkv", frames=24, extra=("-c:a", "pcm_s16le"))
    info = probe(source)
    part = info.times.passage(range(6, 18))
    write(tmp_path / "a.mkv", [patches()] * 12, info, passage=part)
    assert sounds(tmp_path / "a.mkv")[0][0] == "flac"
    whole, cut = (
        np.frombuffer(ffmpeg("-i", path, "-f", "s16le", "-c:a", "pcm_s16le", "-"), np.int16)
        for path in (source, tmp_path / "a.mkv")
    )
    assert np.array_equal(cut, whole[12000:36000])


@pytest.mark.parametrize(
    ("name", "becomes"), [("a.mp4", "aac"), ("a.mov", "aac"), ("a.mkv", "aac"), ("a.webm", "opus")]
)
def test_the_sound_of_a_passage_is_the_containers_own(tmp_path, make_clip, name, becomes):
    info = probe(make_clip(frames=48))
    part = Passage(Fraction(1, 2), Fraction(3, 2))
    write(tmp_path / name, [patches()] * 24, info, passage=part)
    ((codec, _),) = sounds(tmp_path / name)
    assert codec == becomes
    (note,) = output_notes(tmp_path / name, info, None, part, PLAIN)
    shown = {"aac": "AAC", "opus": "Opus"}[becomes]
    assert note == f"its sound (aac) becomes {shown}: it is cut to the passage"


def test_each_track_is_kept_or_converted_for_itself(tmp_path, make_clip, ffmpeg):
    two = tmp_path / "two.mkv"
    clip = make_clip(frames=12)
    ffmpeg(
        *("-i", clip, "-map", "0:v", "-map", "0:a", "-map", "0:a"),
        *("-c", "copy", "-c:a:1", "libvorbis", two),
    )
    info = probe(two)
    write(tmp_path / "a.mp4", [patches()] * 12, info)
    (first, data), (second, _) = sounds(tmp_path / "a.mp4")
    assert (first, second, data) == ("aac", "aac", sounds(clip)[0][1])
    (note,) = output_notes(tmp_path / "a.mp4", info, None, None, PLAIN)
    assert "(vorbis) becomes AAC" in note


@pytest.mark.parametrize("layout", ["5.1(side)", "2.1", "mono", "7.1"])
def test_opus_takes_sound_of_every_layout(tmp_path, make_clip, layout):
    source = make_clip("clip.mkv", extra=("-af", f"aformat=channel_layouts={layout}"))
    source = make_clip(
        "clip.mkv", extra=("-af", f"aformat=channel_layouts={layout}", "-c:a", "pcm_s16le")
    )
    write(tmp_path / "a.webm", [patches()] * 6, probe(source))
    assert sounds(tmp_path / "a.webm")[0][0] == "opus"


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_no_sound_where_none_is_wanted(tmp_path, clip, name):
    silent = EncoderSettings(audio=False)
    info = probe(clip)
    write(tmp_path / name, [patches()] * 6, info, silent)
    assert probe(tmp_path / name).audio == ()
    assert output_notes(tmp_path / name, info, None, None, silent) == ()


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "frames", "f.%04d.png"])
def test_what_has_no_sound_says_so(tmp_path, clip, name):
    info = probe(clip)
    write(tmp_path / name, [patches()] * 6, info)
    (note,) = output_notes(tmp_path / name, info, None, None, PLAIN)
    assert note == f"its sound is left out: {name} has none"
    sound = Soundtrack(clip, ("aac",))
    write(tmp_path / name, [patches()] * 6, info, sound=sound)


def test_pictures_without_times_say_so(tmp_path, uneven):
    info = dataclasses.replace(probe(uneven, rate="vfr"), audio=())
    (note,) = output_notes(tmp_path / "frames", info, None, None, PLAIN)
    assert note == "its timestamps are left out: frames has none"


def test_a_number_without_meaning_is_said(tmp_path, make_clip):
    info = probe(make_clip(audio=False))
    (note,) = output_notes(tmp_path / "a.mov", info, None, None, EncoderSettings(crf=14))
    assert note == "--crf 14 has no say: prores has no such number"


# Opacity


def transparent(texture, width=64, height=48):
    """Frames of one colour, whose opacity is smooth and uses all of 0..255."""
    color = np.full((height, width, 3), (200, 90, 40), np.uint8)
    return [np.dstack([color, texture(width, height, n, 4.0)[..., 0]]) for n in range(4)]


@pytest.mark.parametrize(
    ("name", "codec", "most"),
    [
        ("a.mov", None, 1),
        ("a.mkv", None, 0),
        ("a.mkv", "prores", 1),
        ("a.mkv", "vp9", 20),
        ("a.webm", None, 20),
        ("a.webp", None, 0),
        ("frames", None, 0),
        ("f.%03d.tif", None, 0),
    ],
)
@pytest.mark.parametrize("size", [(64, 48), (65, 49)])
def test_opacity_comes_back(tmp_path, texture, name, codec, most, size):
    frames = transparent(texture, *size)
    path = write(tmp_path / name, frames, asked=EncoderSettings(codec), opacity=True)
    if name == "a.webp":
        shown = animation(path)[0]
        back = [frame[..., 3] for frame in shown]
    else:
        info = probe(path) if path.suffix in CONTAINERS else probe_sequence(path)
        assert info.decoding.alpha
        size_now = info.width, info.height
        back = [a[: size[1], : size[0]] for a in read_opacity(info, *size_now)]
        shown = list(
            read_frames(
                dataclasses.replace(
                    info, decoding=dataclasses.replace(info.decoding, matte="black")
                ),
                *size_now,
            )
        )
        right = frames[1][..., :3] * (frames[1][..., 3:] / 255.0)
        assert np.abs(shown[1][: size[1], : size[0]] - right).mean() < 4
        if size_now != size:  # what is padded repeats the edge
            beyond = shown[1][size[1] :, : size[0]].astype(int)
            assert np.abs(beyond - right[-1:]).mean() < 8
    assert len(back) == 4
    for alpha, frame in zip(back, frames, strict=True):
        assert np.abs(alpha.astype(int) - frame[..., 3]).max() <= most


# Pictures


@pytest.mark.parametrize(
    ("name", "first"),
    [("frames", "0001.png"), ("f.%04d.png", "f.0001.png"), ("f%d.tif", "f1.tif")],
)
def test_pictures_are_numbered_from_one_and_lossless(tmp_path, texture, name, first):
    frames = [texture(65, 49, seed) for seed in range(11)]
    path = write(tmp_path / name, frames)
    folder = path if path.is_dir() else tmp_path
    assert (folder / first).exists()
    assert len(list(folder.iterdir())) == 11
    info = probe_sequence(path)
    assert (info.times.frames, info.decoding.alpha) == (11, False)
    assert all(np.array_equal(a, b) for a, b in zip(read_frames(info, 65, 49), frames, strict=True))


def test_pictures_appear_together_or_not_at_all(tmp_path):
    folder = tmp_path / "frames"
    with pytest.raises(RuntimeError, match="no more"):
        write(folder, interrupted(folder.exists))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MachineError, match="no frames"):
        write(folder, [])
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_are_there_are_kept_unless_told_otherwise(tmp_path, texture):
    folder = tmp_path / "frames"
    frames = [texture(64, 48, seed) for seed in range(3)]
    write(folder, frames)
    (folder / "notes.txt").write_text("keep")
    with pytest.raises(UsageError, match=r"there are pictures already, such as 0001\.png"):
        check_output(folder, (), False, PLAIN, Fraction(24))
    with pytest.raises(UsageError, match="holds the input"):
        check_output(folder, (folder / "0002.png",), True, PLAIN, Fraction(24))
    with pytest.raises(UsageError, match="holds the input"):
        check_output(folder, (folder / "shot_7.png",), True, PLAIN, Fraction(24))
    check_output(folder, (), True, PLAIN, Fraction(24))
    check_output(folder / "b.%04d.png", (), False, PLAIN, Fraction(24))
    write(folder, frames[1:])
    assert sorted(p.name for p in folder.iterdir()) == ["0001.png", "0002.png", "notes.txt"]
    assert np.array_equal(cv2.imread(str(folder / "0001.png"))[..., ::-1], frames[1])


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("no/frames", {}, "there is no folder"),
        ("no/f.%04d.png", {}, "there is no folder"),
        ("file", {}, "is a file; give a folder"),
        ("n" * 241, {}, "the name is too long; 240 bytes"),
        ("one.png", {}, "unknown kind of video; use one of .mp4, .*pattern"),
        ("f.%04d.jpg", {}, "unknown kind of video"),
        ("frames", {"codec": "h264"}, "--codec h264: .*is pictures"),
        ("frames", {"preset": "slow"}, "--encoder-preset slow: .*is pictures"),
    ],
)
def test_pictures_that_cannot_be_written_are_refused(tmp_path, name, asked, message):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=message):
        check_output(tmp_path / name, (), False, EncoderSettings(**asked), Fraction(24))


@pytest.mark.parametrize("name", ["a.webm", "a.gif", "a.webp", "a.mov"])
def test_nothing_half_written_is_left(tmp_path, name):
    with pytest.raises(RuntimeError, match="no more"):
        write(tmp_path / name, interrupted())
    with pytest.raises(MachineError):
        write(tmp_path / name, [])
    assert list(tmp_path.iterdir()) == []
