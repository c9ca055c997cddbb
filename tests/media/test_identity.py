"""At strength 0 the program is a transcoder: what goes in comes out, frame by frame.

Each clip is rendered into lossless MKV, and compared with what a process of ffmpeg makes
of the input: its frames, their order, their times, their pixels, and the packets of its sound.
"""

import io
import subprocess
from fractions import Fraction

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from mnst_video.job.render import render
from mnst_video.media.clip import Clip
from mnst_video.media.images import save_image
from mnst_video.options import Options
from mnst_video.plan.source import clip_of

# Seconds by which a time may be off, as Matroska rounds them; mean difference in levels of 255.
TIMES, LEVELS = 0.0021, 4.0
FRAMES, SIZE = 5, (64, 48)

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", 8, "-pix_fmt", "yuv420p")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", 8, "-x265-params", "log-level=error")
AV1 = ("-c:v", "libsvtav1", "-preset", 12, "-crf", 10)
VP8 = ("-c:v", "libvpx", "-crf", 4, "-b:v", "4M")
VP9 = ("-c:v", "libvpx-vp9", "-cpu-used", 8, "-crf", 10, "-b:v", 0, "-pix_fmt", "yuv420p")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", 2)
MPEG4 = ("-c:v", "mpeg4", "-q:v", 2)
FFV1 = ("-c:v", "ffv1", "-pix_fmt", "yuv420p")
PRORES = ("-c:v", "prores_ks", "-profile:v", 3)
FIELDS = ("-flags", "+ilme+ildct")
BT709 = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
ALPHA = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*lt(X,40)'"
SILENT = ("-an",)


def tall(aspect):
    return ("-vf", f"setsar={aspect}")


# Name of the file, and ffmpeg's output options; it is made of pictures and a sine.
KINDS = {
    # Containers and codecs
    "mp4 h264": ("a.mp4", X264),
    "mp4 h264 reordered": ("a.mp4", (*X264, "-preset", "fast", "-bf", 2)),
    "mp4 h264 fragments": ("a.mp4", (*X264, "-movflags", "frag_keyframe+empty_moov")),
    "mp4 h264 index first": ("a.mp4", (*X264, "-movflags", "+faststart")),
    "mp4 h265": ("a.mp4", X265),
    "mp4 av1": ("a.mp4", AV1),
    "mp4 vp9": ("a.mp4", VP9),
    "mp4 mpeg4": ("a.mp4", MPEG4),
    "mp4 mpeg2": ("a.mp4", MPEG2),
    "mp4 mp3": ("a.mp4", (*X264, "-c:a", "libmp3lame")),
    "mp4 alac": ("a.mp4", (*X264, "-c:a", "alac")),
    "m4v h264": ("a.m4v", X264),
    "mov h264": ("a.mov", X264),
    "mov prores": ("a.mov", (*PRORES, "-c:a", "pcm_s24le")),
    "mov mjpeg": ("a.mov", ("-c:v", "mjpeg", "-q:v", 2)),
    "mov png": ("a.mov", ("-c:v", "png")),
    "mov rle": ("a.mov", ("-c:v", "qtrle")),
    "mov raw": ("a.mov", ("-c:v", "rawvideo", "-pix_fmt", "uyvy422")),
    "mkv h264": ("a.mkv", X264),
    "mkv h264 flac": ("a.mkv", (*X264, "-c:a", "flac")),
    "mkv h265": ("a.mkv", X265),
    "mkv mpeg2": ("a.mkv", MPEG2),
    "mkv ffv1": ("a.mkv", FFV1),
    "mkv theora": ("a.mkv", ("-c:v", "libtheora", "-q:v", 10)),
    "mkv lossless h264 rgb": ("a.mkv", ("-c:v", "libx264rgb", "-qp", 0)),
    "mkv huffyuv": ("a.mkv", ("-c:v", "huffyuv", "-pix_fmt", "yuv422p")),
    "mkv utvideo": ("a.mkv", ("-c:v", "utvideo", "-pix_fmt", "gbrp")),
    "mkv jpeg 2000": ("a.mkv", ("-c:v", "jpeg2000", "-q:v", 1)),
    "webm vp8": ("a.webm", VP8),
    "webm vp9": ("a.webm", VP9),
    "webm av1": ("a.webm", AV1),
    "avi mpeg4": ("a.avi", MPEG4),
    "avi mpeg4 reordered": ("a.avi", (*MPEG4, "-bf", 2)),
    "avi h264 reordered": ("a.avi", (*X264, "-preset", "fast", "-bf", 2)),
    "avi mjpeg": ("a.avi", ("-c:v", "mjpeg", "-q:v", 2, "-pix_fmt", "yuvj420p")),
    "avi raw": ("a.avi", ("-c:v", "rawvideo", "-pix_fmt", "bgr24")),
    "avi ffv1": ("a.avi", FFV1),
    "avi msmpeg4": ("a.avi", ("-c:v", "msmpeg4v2", "-q:v", 2)),
    "ts h264": ("a.ts", X264),
    "ts h265": ("a.ts", X265),
    "ts mpeg2": ("a.ts", MPEG2),
    "ts mpeg2 reordered": ("a.ts", (*MPEG2, "-bf", 2, "-g", 4)),
    "m2ts h264": ("a.m2ts", X264),
    "mpg mpeg1": ("a.mpg", ("-c:v", "mpeg1video", "-q:v", 2)),
    "mpg mpeg2": ("a.mpg", (*MPEG2, "-bf", 2)),
    "ogv theora": ("a.ogv", ("-c:v", "libtheora", "-q:v", 10)),
    "flv h264": ("a.flv", (*X264, "-ar", 44100)),
    "flv sorenson": ("a.flv", ("-c:v", "flv", "-q:v", 2, "-ar", 44100)),
    "wmv": ("a.wmv", ("-c:v", "wmv2", "-q:v", 2)),
    "mxf mpeg2": ("a.mxf", (*MPEG2, "-ar", 48000)),
    "nut mpeg4": ("a.nut", MPEG4),
    "nut raw": ("a.nut", ("-c:v", "rawvideo", "-pix_fmt", "rgb24")),
    "wtv mpeg2": ("a.wtv", MPEG2),
    "ivf vp8": ("a.ivf", (*VP8, *SILENT)),
    "ivf av1": ("a.ivf", (*AV1, *SILENT)),
    "gif": ("a.gif", SILENT),
    "apng": ("a.apng", ("-plays", 0, *SILENT)),
    "apng called png": ("a.png", ("-plays", 0, "-f", "apng", *SILENT)),
    "bare h264": ("a.h264", (*X264, *SILENT)),
    "bare h265": ("a.hevc", (*X265, *SILENT)),
    # Shapes
    "pixels 2:3": ("a.mp4", (*X264, *tall("2/3"))),
    "pixels 4:3": ("a.mkv", (*X264, *tall("4/3"))),
    "pixels 12:11": ("a.mov", (*X264, *tall("12/11"))),
    "pixels 16:11": ("a.ts", (*MPEG2, *tall("16/11"))),
    "odd size": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp", "-vf", "scale=65:49")),
    "odd size, vp9": ("a.webm", (*VP9, "-vf", "scale=65:49")),
    "odd size, 10 bits": (
        "a.mkv",
        ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le", "-vf", "scale=65:49"),
    ),
    "cropped by h264": ("a.mp4", (*X264, "-bsf:v", "h264_metadata=crop_right=6:crop_bottom=4")),
    # Colours
    "full range": ("a.mp4", (*X264, "-pix_fmt", "yuvj420p")),
    "bt709": ("a.mp4", (*X264, "-vf", "scale=out_color_matrix=bt709", *BT709)),
    "4:2:2": ("a.mkv", (*X264, "-pix_fmt", "yuv422p")),
    "4:4:4": ("a.mkv", (*X264, "-pix_fmt", "yuv444p")),
    "grey": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray")),
    "10 bits h264": ("a.mp4", (*X264, "-pix_fmt", "yuv420p10le")),
    "10 bits h265": ("a.mp4", (*X265, "-pix_fmt", "yuv420p10le")),
    "10 bits vp9": ("a.webm", (*VP9, "-pix_fmt", "yuv420p10le")),
    "12 bits": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv444p12le")),
    "16 bits": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp16le")),
    "16 bits grey": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray16le")),
    # Opacity
    "opacity vp8": ("a.webm", (*VP8, "-vf", ALPHA, "-pix_fmt", "yuva420p", "-auto-alt-ref", 0)),
    "opacity vp9": ("a.webm", (*VP9, "-vf", ALPHA, "-pix_fmt", "yuva420p")),
    "opacity prores": (
        "a.mov",
        ("-c:v", "prores_ks", "-vf", ALPHA, "-profile:v", 4, "-pix_fmt", "yuva444p10le"),
    ),
    "opacity png": ("a.mov", ("-c:v", "png", "-vf", ALPHA)),
    "opacity rle": ("a.mov", ("-c:v", "qtrle", "-vf", ALPHA, "-pix_fmt", "argb")),
    "opacity ffv1": ("a.mkv", ("-c:v", "ffv1", "-vf", ALPHA, "-pix_fmt", "bgra")),
    "opacity ffv1 yuv": ("a.mkv", ("-c:v", "ffv1", "-vf", ALPHA, "-pix_fmt", "yuva444p")),
    "opacity apng": ("a.apng", ("-vf", ALPHA, "-plays", 0, *SILENT)),
    # Times
    "late mp4": ("a.mp4", (*X264, "-vf", "setpts=PTS+0.5/TB")),
    "late mkv": ("a.mkv", (*X264, "-vf", "setpts=PTS+0.5/TB")),
    "late ts": ("a.ts", (*X264, "-vf", "setpts=PTS+0.5/TB")),
    "uneven mp4": ("a.mp4", (*X264, "-vf", "setpts=PTS*(1+N/4)", "-fps_mode", "vfr")),
    "uneven mkv": ("a.mkv", (*X264, "-vf", "setpts=PTS*(1+N/4)", "-fps_mode", "vfr")),
    "uneven mov": ("a.mov", (*PRORES, "-vf", "setpts=PTS*(1+N/4)", "-fps_mode", "vfr")),
    "a frame dropped": ("a.mp4", (*X264, "-vf", "select='not(eq(n,2))'", "-fps_mode", "vfr")),
    "a frame dropped, coarse clock": (
        "a.mp4",
        (*X264, "-vf", "select='not(eq(n,2))'", "-fps_mode", "vfr", "-video_track_timescale", 24),
    ),
    "a frame dropped, avi": (
        "a.avi",
        ("-c:v", "mjpeg", "-vf", "select='not(eq(n,2))'", "-fps_mode", "vfr", *SILENT),
    ),
    "coarse clock": ("a.mp4", (*X264, "-video_track_timescale", 24)),
    # What else is in it
    "no sound": ("a.mp4", (*X264, *SILENT)),
    "two tracks of sound": ("a.mkv", (*X264, "-map", 0, "-map", 1, "-map", 1, "-c:a", "flac")),
    "sound of vorbis": ("a.mkv", (*X264, "-c:a", "libvorbis")),
    "sound of opus": ("a.webm", (*VP9, "-c:a", "libopus")),
    "sound of ac3": ("a.ts", (*X264, "-c:a", "ac3")),
    "chapters": ("a.mkv", (*X264, "-map_chapters", 0)),
    "one frame": ("a.mp4", (*X264, "-frames:v", 1)),
}
RATES = {
    "10": "a.mp4",
    "25/2": "a.mp4",
    "24000/1001": "a.mkv",
    "25": "a.ts",
    "30000/1001": "a.mov",
    "50": "a.ts",
    "60000/1001": "a.avi",
    "1/2": "a.mp4",
}
TURNS = [(degrees, mirror) for degrees in (0, 90, 180, 270) for mirror in ("", "h", "v")]
INTERLACED = [
    (name, codec, top)
    for name, codec in (("a.mp4", X264), ("a.ts", MPEG2), ("a.mkv", MPEG2))
    for top in (True, False)
]


def test_there_are_enough_kinds():
    assert len(KINDS) + len(RATES) + len(TURNS) + len(INTERLACED) >= 80


@pytest.fixture(scope="session")
def pictures(tmp_path_factory, texture):
    """Numbered pictures, smooth and each of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(FRAMES):
        save_image(texture(*SIZE, number, 6.0), folder / f"{number}.png")
    return folder / "%d.png"


@pytest.fixture
def make(tmp_path, ffmpeg, pictures):
    """make(name, *options): a clip of the pictures and a sine."""

    def encode(name, *options, rate="24"):
        path = tmp_path / name
        sine = f"sine=r=44100:d={float(FRAMES / Fraction(rate))}"
        ffmpeg(
            *("-framerate", rate, "-i", pictures, "-f", "lavfi", "-i", sine),
            *(*options, path),
        )
        return path

    return encode


def decoded(path, pixels="rgb24", filters=(), stream="0:v:0", before=()):
    """Times and pictures of a clip, by ffmpeg."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *before, "-i", path]
    chain = ",".join([*filters, "scale=flags=bicubic+accurate_rnd"])
    command += ["-map", stream, "-vf", chain, "-fps_mode", "passthrough", "-copyts"]
    command += ["-enc_time_base", "1/90000", "-c:v", "rawvideo", "-pix_fmt", pixels]
    raw = subprocess.run([*map(str, command), "-f", "nut", "-"], capture_output=True, check=True)
    channels = 4 if pixels == "rgba" else 3
    found = []
    with av.open(io.BytesIO(raw.stdout)) as container:
        (video,) = container.streams.video
        shape = video.height, video.width, channels
        for packet in container.demux(video):
            if packet.size:
                picture = np.frombuffer(bytes(packet), np.uint8).reshape(shape)
                found.append((float(packet.pts * packet.time_base), picture))
    return found


def sound_of(path):
    """The packets of each track of sound, as Matroska has them."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
    matroska = path
    if path.suffix != ".mkv":  # MPEG-TS has a header on each packet of AAC
        matroska = path.with_suffix(".sound.mkv")
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(path)]
        subprocess.run([*command, "-map", "0:a", "-c", "copy", matroska], check=True)
    with av.open(str(matroska)) as container:
        tracks = {stream.index: [] for stream in container.streams.audio}
        for packet in container.demux(container.streams.audio):
            if packet.size:
                tracks[packet.stream_index].append(bytes(packet))
    return list(tracks.values())


def rendered(path, output, quick):
    """The clip and what comes of it at strength 0, with its timestamps, at its own size."""
    bare = path.suffix in (".h264", ".hevc")
    options = quick(
        strength="0", fps="25" if bare else "vfr", first_steps=1, max_side=32, output_size="source"
    )
    clip = clip_of(path, options.input)
    render(path, output, options)
    return clip


def compare(clip: Clip, want, got, alpha=None):
    assert len(got) == len(want) == clip.times.frames
    begins = [time - got[0][0] for time, _ in got]
    assert begins == pytest.approx([time - want[0][0] for time, _ in want], abs=TIMES)
    pictures = [picture.astype(float) for _, picture in got]
    size = pictures[0].shape[1::-1]
    right = [cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) for _, picture in want]
    seen = slice(0, int(size[0] * 0.55)) if alpha else slice(None)
    for number, picture in enumerate(pictures):
        off = [np.abs(picture[:, seen] - other[:, seen]).mean() for other in right]
        assert off[number] <= LEVELS, (number, off)
        assert off[number] == min(off)


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_in_comes_out(tmp_path, make, quick, kind):
    name, options = KINDS[kind]
    source, output = make(name, *options), tmp_path / "out.mkv"
    clip = rendered(source, output, quick)
    assert clip.damage is None
    clear = kind.startswith("opacity")
    decoder = {"opacity vp8": ("-c:v", "libvpx"), "opacity vp9": ("-c:v", "libvpx-vp9")}.get(
        kind, ()
    )
    before = ("-r", "25") if name.startswith("a.h") else decoder
    pixels = "rgba" if clear else "rgb24"
    want, got = decoded(source, pixels, before=before), decoded(output, pixels)
    compare(clip, want, got, alpha=clear)
    if clear:
        for (_, ours), (_, theirs) in zip(got, want, strict=True):
            assert np.abs(ours[..., 3].astype(int) - theirs[..., 3]).mean() <= 2
    if "wmav2" not in clip.audio:  # which Matroska is not given: it becomes AAC
        assert sound_of(output) == sound_of(source)


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_goes_in_and_comes_out(tmp_path, make, quick, rate):
    name = RATES[rate]
    codec = MPEG4 if name == "a.avi" else X264
    source, output = make(name, *codec, rate=rate), tmp_path / "out.mkv"
    clip = rendered(source, output, quick)
    assert (clip.times.fps, clip.damage) == (Fraction(rate), None)
    compare(clip, decoded(source), decoded(output))


@pytest.mark.parametrize(("degrees", "mirror"), TURNS)
def test_what_is_turned_comes_out_upright(tmp_path, make, ffmpeg, quick, degrees, mirror):
    source, output = tmp_path / "turned.mp4", tmp_path / "out.mkv"
    flip = (f"-display_{mirror}flip",) if mirror else ()
    plain = make("a.mp4", *X264)
    ffmpeg("-display_rotation", degrees, *flip, "-i", plain, "-c", "copy", source)
    compare(rendered(source, output, quick), decoded(source), decoded(output))


@pytest.mark.parametrize(("name", "codec", "top"), INTERLACED)
def test_what_is_interlaced_keeps_its_frames(tmp_path, make, quick, name, codec, top):
    fields = (
        f"tinterlace=interleave_{'top' if top else 'bottom'},setfield={'tff' if top else 'bff'}"
    )
    source = make(name, *codec, *FIELDS, "-vf", fields)
    output = tmp_path / "out.mkv"
    clip = rendered(source, output, quick)
    assert clip.decoding.interlaced
    compare(clip, decoded(source, filters=["bwdif=mode=send_frame"]), decoded(output))


def test_a_last_frame_is_held_as_long_as_it_says(tmp_path, ffmpeg, quick):
    source, output = tmp_path / "a.gif", tmp_path / "out.mkv"
    delays = "if(eq(N,0),0,if(eq(N,1),20,40))"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5", "-frames:v", 3),
        *("-vf", f"settb=1/100,setpts='{delays}'", "-final_delay", 300, source),
    )
    clip = clip_of(source, Options(fps="vfr").input)
    assert [float(time) for time in clip.times.begins] == [0, 0.2, 0.4]
    assert clip.times.duration == pytest.approx(3.4, abs=0.011)
    report = render(source, output, quick(strength="0", first_steps=1))
    assert report.duration == pytest.approx(3.4, abs=0.2)
    assert len(decoded(output)) == 17
