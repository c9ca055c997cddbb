"""Clips: what a file is, its frames, and how a new one is encoded with the sound of the old."""

import contextlib
import os
import statistics
import subprocess
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, groupby, pairwise
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.images import Frame, check_name, resize

# The libraries' own complaints would land in the middle of the progress display; what matters of
# them is raised as an error.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
av.logging.set_level(None)

# Only these containers are opened: a playlist or an ffconcat script in a file called .mp4 would
# otherwise make ffmpeg read any other file.
FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,mxf,gif,apng,nut,dv,wtv,ivf,h264"

MUSIC_FORMATS = f"{FORMATS},wav,w64,mp3,flac,aac,aiff,caf,ac3,eac3"

# What keeps ffmpeg from opening anything else.
_RESTRICTED = ("-protocol_whitelist", "file,pipe", "-format_whitelist", MUSIC_FORMATS)

# The flag of a stream that is a music file's cover.
COVER = av.stream.Disposition.attached_pic

# Pixels that `read_near` decodes: two or three seconds of work for two cores.
DECODED = 10**9
# Seconds by which a clip's last frame may come before the time that its index has for it.
LAST_FRAME = 1

# What we write, and which sound each container takes as it is; any other becomes AAC.
CONTAINERS: dict[str, frozenset[str]] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    ".m4v": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"}),
    ".mkv": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"})
    | frozenset({"flac", "opus", "vorbis", "dts"}),
}

# Rates that files mean when their timestamps say nearly so.
STANDARD_RATES = tuple(
    Fraction(rate) * factor
    for rate in (24, 25, 30, 48, 50, 60, 100, 120)
    for factor in (Fraction(1), Fraction(1000, 1001))
)


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a clip, from its packets.

    width, height: pixels of a displayed frame: upright, with square pixels.
    fps: the rate to encode at.
    times: each frame's seconds from the first frame.
    start: seconds from the start of the file, where its sound may begin, to the first frame.
    origin: the first frame's seconds on the file's own clock.
    keyframes: the frames that can be decoded without those before them.
    audio: the codec of each sound track.
    notes: what is odd about the file, for a person to read.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    times: tuple[Fraction, ...]
    start: Fraction
    origin: Fraction
    keyframes: tuple[int, ...]
    audio: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def frames(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last frame's end."""
        return self.times[-1] + 1 / self.fps

    def frame_at(self, seconds: Fraction | float) -> int:
        """The frame that begins nearest to a time; `frames` where the clip's end is nearest."""
        after = bisect_left(self.times, Fraction(seconds))
        before = max(after - 1, 0)
        next_begins = self.times[after] if after < self.frames else self.duration
        return before if seconds - self.times[before] < next_begins - seconds else after

    def passage(self, frames: range) -> "Passage | None":
        """The time of some consecutive frames, or None where they are all that there are."""
        if len(frames) == self.frames:
            return None
        end = self.times[frames.stop] if frames.stop < self.frames else self.duration
        return Passage(self.times[frames.start], end)


def probe(path: Path | str, *, quick: bool = False) -> VideoInfo:
    """What a clip is. Raises InputError, with a reason, where it cannot be read as a video.

    quick: where a file has an index of its frames, read that instead of the whole file. Where the
        frame rate varies, times can then be off by as much as it does.
    """
    path = Path(path)
    _check_file(path)
    try:
        with _open(path) as container:
            stream = _video_stream(container)
            if stream is None:
                raise InputError(f"{path}: there is no video in this file")
            base = stream.time_base or Fraction(1, 1)
            found = _index(container, stream) if quick else []
            found = sorted(found or _packets(container, stream))
            stamps = [stamp for stamp, _ in found]
            keyframes = tuple(number for number, (_, is_key) in enumerate(found) if is_key)
            indexed = 0
            if "mp4" in container.format.name:  # its index names also what was cut off
                indexed = sum(not entry.is_discard for entry in stream.index_entries)
            start = Fraction(0)
            if stamps and container.start_time is not None:
                start = max(start, stamps[0] * base - Fraction(container.start_time, av.time_base))
            declared = stream.average_rate or stream.guessed_rate
            aspect = stream.sample_aspect_ratio or Fraction(1)
            contexts = [s.codec_context for s in container.streams.audio]
            audio = tuple(c.codec.canonical_name if c else "unknown" for c in contexts)
    except av.error.FFmpegError as error:
        reason = error.strerror
        raise InputError(f"{path}: this is not a video that can be read ({reason})") from None
    if not stamps:
        raise InputError(f"{path}: the video in this file has no frames")
    width, height, turned = _decoded_size(path)
    if aspect > 0:
        # The aspect is that of the coded picture, which OpenCV may have turned upright.
        if turned:
            height = round(height * aspect)
        else:
            width = round(width * aspect)
    times = tuple((stamp - stamps[0]) * base for stamp in stamps)
    fps, notes = _frame_rate(times, declared, base)
    times += tuple(times[-1] + (i + 1) / fps for i in range(indexed - len(times)))
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        fps=fps,
        times=times,
        start=start,
        origin=stamps[0] * base,
        keyframes=keyframes or (0,),
        audio=audio,
        notes=notes,
    )


def _open(path: Path) -> InputContainer:
    """A local file of `FORMATS`. Raises FFmpegError."""
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    # Tags are not used, and those of old files are often not UTF-8.
    return av.open(f"file:{path.resolve()}", options=options, metadata_errors="replace")


def _video_stream(container: InputContainer) -> VideoStream | None:
    return next((s for s in container.streams.video if COVER not in s.disposition), None)


def _stamp(timed: "Packet[VideoStream] | VideoFrame") -> int | None:
    """When a packet or a frame is shown, on the clock of its stream."""
    # AVI has no presentation times, and no reordered frames either.
    return timed.dts if timed.pts is None else timed.pts


def _packets(container: InputContainer, stream: VideoStream) -> list[tuple[int, bool]]:
    """When each frame is shown, and whether it is a keyframe, from the whole file."""
    packets = (p for p in container.demux(stream) if p.size and not p.is_discard)
    found = ((_stamp(p), p.is_keyframe) for p in packets)
    return [(stamp, is_key) for stamp, is_key in found if stamp is not None]


def _index(container: InputContainer, stream: VideoStream) -> list[tuple[int, bool]]:
    """The same from the index of an mp4; nothing where there is none, or not of all frames.

    The index has times of decoding: those of showing are the same ones later, in another order.
    """
    entries = stream.index_entries
    whole = "mp4" in container.format.name and len(entries) == stream.frames > 0
    if not whole or stream.start_time is None or any(entry.is_discard for entry in entries):
        return []
    later = stream.start_time - entries[0].timestamp
    return [(entry.timestamp + later, entry.is_keyframe) for entry in entries]


def _check_file(path: Path) -> None:
    check_name(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; give a video file")
    if not path.is_file():
        raise InputError(f"{path}: this is not a file")  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if empty:
        raise InputError(f"{path}: the file is empty")


def _frame_rate(
    times: tuple[Fraction, ...], declared: Fraction | None, tick: Fraction
) -> tuple[Fraction, tuple[str, ...]]:
    """The exact rate, and what is to be said about it.

    A rate counts only where it fits the timestamps over the clip's whole length, to two ticks of
    the container's clock: Matroska rounds timestamps to 1 ms, and headers are often wrong.
    """
    for rate in STANDARD_RATES:  # Matroska says 19001/317 where 60000/1001 is meant
        if declared and abs(rate - declared) < declared / 5000:
            declared = rate
    if len(times) < 2:
        return declared or Fraction(25), ()
    intervals = [b - a for a, b in pairwise(times)]
    median, mean = statistics.median(intervals), times[-1] / len(intervals)
    average = (1 / mean).limit_denominator(1001)
    if any(abs(interval - median) > 2 * tick + median / 50 for interval in intervals):
        return average, (
            f"the frame rate varies: written at its average, {float(average):.3f} fps",
        )
    candidates = sorted(STANDARD_RATES, key=lambda rate: abs(1 / rate - mean))
    if declared in STANDARD_RATES:
        candidates.insert(0, Fraction(declared))
    elif declared:
        candidates.append(Fraction(declared))
    fitting = (r for r in candidates if abs(len(intervals) / r - times[-1]) <= 2 * tick)
    return next(fitting, average), ()


def _capture(path: Path) -> cv2.VideoCapture:
    """An open OpenCV decoder, restricted to `FORMATS` in local files."""
    variable = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    before = os.environ.get(variable)
    os.environ[variable] = f"protocol_whitelist;file|format_whitelist;{FORMATS}"
    try:
        return cv2.VideoCapture(f"file:{path.resolve()}", cv2.CAP_FFMPEG)
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def _decoded_size(path: Path) -> tuple[int, int, bool]:
    """Width and height of the first frame, upright, and whether it was turned by 90 degrees."""
    capture = _capture(path)
    try:
        decoded, frame = capture.read()
        turned = capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 == 90
    finally:
        capture.release()
    if not decoded:
        raise InputError(f"{path}: the video opens, but not one frame of it can be decoded")
    return frame.shape[1], frame.shape[0], turned


def read_frames(
    info: VideoInfo,
    width: int,
    height: int,
    start: int = 0,
    end: int | None = None,
    only: Container[int] | None = None,
) -> Generator[Frame, None, None]:
    """Frames `start` to `end` (half open) of a clip at a size: uint8 `(height, width, 3)`, RGB.

    only: the numbers of those of them that are wanted; None is all.
    All frames before `start` are decoded too: a seek is not exact in every format.
    Raises InputError where the file yields fewer frames than it has.
    """
    end = info.frames if end is None else end
    capture = _capture(info.path)
    try:
        for index in range(end):
            if not capture.grab():
                whole = float(info.times[index])
                raise InputError(
                    f"{info.path}: damaged or cut off: only {index} of its {info.frames} frames "
                    f"can be decoded; render what is whole with --end {whole:.3f}"
                )
            if index >= start and (only is None or index in only):
                decoded, bgr = capture.retrieve()
                if not decoded:
                    raise InputError(f"{info.path}: frame {index} cannot be decoded")
                yield resize(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)), width, height)
    finally:
        capture.release()


def read_near(
    info: VideoInfo, numbers: Sequence[int], width: int, height: int
) -> list[tuple[int, Frame]]:
    """For each of some frames it or one near it, in a time that does not grow with the clip.

    Decoding begins at keyframes, and about `DECODED` pixels are decoded in all: for a frame that
    lies too far behind its keyframe stands the nearest one that can be had.
    Returns the number of the frame that was taken, and it, as `read_frames` has it.
    Raises InputError where one cannot be decoded.
    """
    chosen = _in_reach(info, numbers)
    pictures: dict[int, Frame] = {}
    number = chosen[0]
    try:
        with _open(info.path) as container:
            stream = _video_stream(container)
            assert stream is not None
            stream.thread_type = "AUTO"
            for key, group in groupby(sorted(set(chosen)), partial(_key_before, info)):
                wanted = list(group)
                frames = _decode(container, stream, info, key, wanted[-1])
                found = next(frames, None)
                for number in wanted:
                    begins = info.origin + info.times[number]
                    while found is not None and found[0] < begins:
                        last, found = found, next(frames, None)
                        if found is None and last[0] > begins - LAST_FRAME:
                            found = begins, last[1]
                    if found is None:
                        raise _undecodable(info, number)
                    pictures[number] = resize(_upright(found[1]), width, height)
    except av.error.FFmpegError:
        raise _undecodable(info, number) from None
    return [(number, pictures[number]) for number in chosen]


def _undecodable(info: VideoInfo, number: int) -> InputError:
    return InputError(
        f"{info.path}: damaged or cut off: its frame at {float(info.times[number]):.3f} s cannot "
        "be decoded; take what is whole with --start and --end"
    )


def _in_reach(info: VideoInfo, numbers: Sequence[int]) -> list[int]:
    """For each of some frames it, or the nearest one that `read_near` has the time for."""
    keys = [_key_before(info, number) for number in numbers]
    reach = DECODED // (info.width * info.height) // len(set(keys))
    chosen = []
    for number, key in zip(numbers, keys, strict=True):
        after = bisect_right(info.keyframes, number)
        nearest = min(number, key + reach), *info.keyframes[after : after + 1]
        chosen.append(min(nearest, key=lambda near: abs(near - number)))
    return chosen


def _key_before(info: VideoInfo, number: int) -> int:
    """The last keyframe up to a frame; the clip's first one where there is none."""
    return info.keyframes[max(bisect_right(info.keyframes, number) - 1, 0)]


def _decode(
    container: InputContainer, stream: VideoStream, info: VideoInfo, key: int, last: int
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """The frames from a keyframe to another frame, with their times on the file's clock."""
    base = stream.time_base or Fraction(1)
    start, end = (info.origin + info.times[number] for number in (key, last))
    begun = False
    for packet in _packets_from(container, stream, (start, start - 1, info.origin)):
        stamp = _stamp(packet)
        if stamp is None:  # the end of the file
            break
        begun = begun or (packet.is_keyframe and stamp * base >= start)
        if not begun:
            continue
        yield from _timed(packet.decode(), base)
        if stamp * base == end or (packet.dts is not None and packet.dts * base > end):
            break
    yield from _timed(stream.codec_context.decode(None), base)


def _packets_from(
    container: InputContainer, stream: VideoStream, places: Sequence[Fraction]
) -> Iterator["Packet[VideoStream]"]:
    """Packets from the first of some times on, or from before it: seeks in MPEG can end behind it.

    The other times are tried where it is missed.
    """
    base = stream.time_base or Fraction(1)
    for place in places:
        with contextlib.suppress(av.error.FFmpegError):  # what cannot seek is read on
            container.seek(round(place / base), stream=stream)
        stream.codec_context.flush_buffers()
        packets = container.demux(stream)
        first = next(packets)
        stamp = _stamp(first)
        if stamp is not None and stamp * base <= places[0]:
            break
    return chain([first], packets)


def _timed(frames: list[VideoFrame], base: Fraction) -> Iterator[tuple[Fraction, VideoFrame]]:
    for frame in frames:
        stamp = _stamp(frame)
        if stamp is not None:
            yield stamp * base, frame


def _upright(frame: VideoFrame) -> Frame:
    """A decoded frame as `read_frames` has it: RGB, BT.709, turned as the file says."""
    rgb = frame.to_ndarray(
        format="rgb24",
        dst_color_trc=ColorTrc.BT709,
        dst_color_primaries=ColorPrimaries.BT709,
    )
    return np.rot90(rgb, frame.rotation // 90)


def check_output(path: Path) -> None:
    """Raise UsageError unless `path` has an extension that we write."""
    if path.suffix.lower() not in CONTAINERS:
        known = ", ".join(CONTAINERS)
        raise UsageError(f"{path}: unknown kind of video; use one of {known}")


@dataclass(frozen=True)
class Passage:
    """A part of a clip's time, in seconds from its first frame; its sound is cut to it."""

    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class Soundtrack:
    """A file whose sound replaces the clip's own; both begin together. codecs: of each track."""

    path: Path
    codecs: tuple[str, ...]


@contextlib.contextmanager
def open_encoder(
    path: Path,
    source: VideoInfo | Fraction,
    size: tuple[int, int],
    *,
    sound: Soundtrack | None = None,
    passage: Passage | None = None,
    crf: int = 18,
) -> Iterator[Callable[[Frame], None]]:
    """A function that writes frames as H.264, BT.709, with the sound of the clip `source`.

    Frames are uint8 `(H, W, 3)`, RGB; `size` is (width, height). A passage's sound becomes AAC;
    another soundtrack is cut where the clip ends. A rate as `source` makes a silent clip.
    The file appears under its own name when the block ends without an error and it holds every
    frame that was written; otherwise nothing is left. ffmpeg never outlives the block.
    Raises UsageError for an unknown extension, MachineError where ffmpeg fails.
    """
    check_output(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        command = _command(partial, source, size, sound, passage, crf)
    except RuntimeError as error:
        raise MachineError(f"{path}: ffmpeg is not there ({error})") from None
    count = 0
    with tempfile.TemporaryFile() as log:
        # A session of its own: Ctrl-C is for us to handle, and must not look like a failing ffmpeg.
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"{path}: ffmpeg does not start ({error})") from None
        pipe = process.stdin
        assert pipe is not None

        def write(frame: Frame) -> None:
            nonlocal count
            pipe.write(np.ascontiguousarray(frame).data)
            count += 1

        try:
            yield write
            pipe.close()
            if process.wait() != 0:
                raise BrokenPipeError
            written = 0
            with contextlib.suppress(InputError):
                written = probe(partial).frames
            if not written == count > 0:  # ffmpeg reports success on input that was cut short
                raise MachineError(f"{path}: the encoder wrote {written} of {count} frames")
            try:
                partial.replace(path)
            except OSError as error:
                raise MachineError(f"{path}: cannot be written ({error.strerror})") from None
        except BrokenPipeError:
            process.wait()
            log.seek(0)
            reason = log.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise MachineError(f"{path}: ffmpeg failed ({reason[-1].strip()[:200]})") from None
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                pipe.close()
            partial.unlink(missing_ok=True)


def _command(
    partial: Path,
    source: VideoInfo | Fraction,
    size: tuple[int, int],
    sound: Soundtrack | None,
    passage: Passage | None,
    crf: int,
) -> list[str]:
    """The ffmpeg command line: raw frames on standard input, sound from the source."""
    fps = source if isinstance(source, Fraction) else source.fps
    rate = f"{fps.numerator}/{fps.denominator}"
    files: list[Path] = []
    delay, heard = Fraction(0), []
    if isinstance(source, VideoInfo):
        files = [source.path] if sound is None else [source.path, sound.path]
        delay = source.start if sound is None else delay
        heard = ["-map", f"{len(files)}:a?", "-map_metadata", "1"]
        heard += _sound_options(partial, source, sound, passage, delay)
    # The colours are named on the input too: without that, RGB becomes untagged BT.601.
    # Padded as RGB: in 4:2:0, an odd picture would lose its last row and column.
    picture = ["pad=ceil(iw/2)*2:ceil(ih/2)*2", "scale=out_color_matrix=bt709:out_range=tv"]
    if passage is None and delay:
        # In a fine time base: in that of the frames it would be cut to whole frames.
        picture.append(f"settb=1/90000,setpts=PTS+{round(delay * 90000)}")
    return [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"),
        *("-r", rate, "-color_primaries", "bt709", "-color_trc", "bt709", "-i", "pipe:0"),
        *(word for file in files for word in (*_RESTRICTED, "-i", f"file:{file.resolve()}")),
        *("-map", "0:v:0", *heard),
        *("-vf", ",".join(picture), "-fps_mode", "passthrough"),
        *(("-enc_time_base", "1/90000") if delay and passage is None else ()),
        *("-c:v", "libx264", "-crf", str(crf), "-pix_fmt", "yuv420p"),
        *("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
        *("-color_range", "tv", "-movflags", "+faststart"),
        # However long a picture takes to come, its sound is not written before it.
        *("-max_interleave_delta", "0"),
        f"file:{partial.resolve()}",
    ]


def _sound_options(
    partial: Path,
    source: VideoInfo,
    sound: Soundtrack | None,
    passage: Passage | None,
    delay: Fraction,
) -> list[str]:
    """What ffmpeg does with the sound: copied where it can be; cut to a passage."""
    if passage is not None:
        a, b = (float(delay + t) for t in (passage.start, passage.end))
        cut = f"atrim={a:.6f}:{b:.6f},asetpts=PTS-{a:.6f}/TB"
        return ["-af", cut, "-c:a", "aac", "-b:a", "256k"]
    codecs = source.audio if sound is None else sound.codecs
    fits = set(codecs) <= CONTAINERS[partial.suffix.lower()]
    kept = ["-c:a", "copy"] if fits else ["-c:a", "aac", "-b:a", "256k"]
    return kept if sound is None else [*kept, "-t", f"{float(source.duration):.6f}"]
