"""Sound: read it from files, and find its beats."""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from mnst_video.errors import InputError
from mnst_video.media.ffmpeg import MUSIC_FORMATS
from mnst_video.media.files import check_file
from mnst_video.media.input.boxes import check_index
from mnst_video.media.input.demux import open_container, readable
from mnst_video.media.input.limits import Limits
from mnst_video.timeline.envelope import Sound

# Of the analysis, in Hz: half the usual one, as what is felt as rhythm lies far below.
RATE = 22050
# Seconds of silence in all gaps together above which timestamps cannot be right.
SILENT = 3600
# Seconds by which a timestamp may differ from the sum of what came before, rounded as it is.
GAP = Fraction(1, 20)


def sound_codecs(path: Path | str) -> tuple[str, ...]:
    """The codec of each sound track of a file. Raises InputError where there is none."""
    path = Path(path)
    with _open(path) as container:
        contexts = [stream.codec_context for stream in container.streams.audio]
        if None in contexts:
            raise InputError(f"{path}: its sound is of an unknown kind; convert it to WAV first")
        return tuple(context.codec.canonical_name for context in contexts)


def read_sound(path: Path | str, *, origin: Fraction) -> Sound:
    """The first sound track of a clip or a music file, mono, at `RATE`.

    origin: the second, counted from the start of the file, that counts as 0.
    What cannot be decoded is silent. Raises InputError where there is no sound.
    """
    blocks = list(sound_blocks(path, origin=origin))
    if not blocks:
        raise InputError(f"{path}: its sound cannot be decoded")
    first = min(start for start, _ in blocks)
    places = [round((start - first) * RATE) for start, _ in blocks]
    ends = [place + len(samples) for place, (_, samples) in zip(places, blocks, strict=True)]
    if max(ends) > sum(len(samples) for _, samples in blocks) + SILENT * RATE:
        raise InputError(f"{path}: its sound has damaged timestamps; convert it to WAV first")
    whole = np.zeros(max(ends), np.float32)
    for place, end, (_, samples) in zip(places, ends, blocks, strict=True):
        whole[place:end] = samples
    # Files of floating-point samples may hold what is no number, and γ would become none.
    return Sound(np.nan_to_num(whole, copy=False, posinf=0.0, neginf=0.0), RATE, float(first))


def sound_blocks(
    path: Path | str, *, origin: Fraction, start: Fraction | None = None
) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
    """The same in blocks, as they are decoded: the second of the first sample, and samples.

    Only gaps lie between them. start: where to begin, about. Raises InputError.
    """
    with _open(Path(path)) as container:
        opens = Fraction(container.start_time or 0, av.time_base)
        if start is not None:
            with contextlib.suppress(av.error.FFmpegError):  # what cannot seek is read on
                container.seek(int((start + opens + origin) * av.time_base))
        for begins, samples in _blocks(container):
            yield begins - opens - origin, samples


def _blocks(container: InputContainer) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
    """Blocks of sound: the second in the file's clock, and mono samples."""
    stream = container.streams.audio[0]
    resampler, kind = None, None
    begins = ends = Fraction(0)
    count = 0  # samples since the last gap
    for packet in readable(container.demux(stream)):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # damaged: what it held is a gap
        for frame in frames:
            present = frame.format.name, frame.layout.name, frame.sample_rate
            time = ends if frame.pts is None else frame.pts * Fraction(frame.time_base or 1)
            if resampler is None or present != kind or abs(time - ends) > GAP:
                if resampler is not None:
                    yield begins + Fraction(count, RATE), _joined(resampler.resample(None))
                resampler, kind = av.AudioResampler("flt", "mono", RATE), present
                begins, ends, count = time, time, 0
            ends += Fraction(frame.samples, frame.sample_rate)
            frame.pts = None
            samples = _joined(resampler.resample(frame))
            if samples.size:
                yield begins + Fraction(count, RATE), samples
            count += samples.size
    if resampler is not None:  # it still holds some
        yield begins + Fraction(count, RATE), _joined(resampler.resample(None))


def _joined(frames: Iterable[av.AudioFrame]) -> NDArray[np.float32]:
    return np.concatenate([*(frame.to_ndarray()[0] for frame in frames), np.zeros(0, np.float32)])


@contextmanager
def _open(path: Path) -> Iterator[InputContainer]:
    """A local file that has sound. Raises InputError, also where reading it fails later."""
    check_file(path, "sound")
    check_index(path, Limits.of(None).frames)
    try:
        with open_container(path, MUSIC_FORMATS) as container:
            if not container.streams.audio:
                raise InputError(f"{path}: there is no sound in this file")
            yield container
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: its sound cannot be read ({error.strerror})") from None
