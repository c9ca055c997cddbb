"""The sound of a clip that is written: what is copied, and what becomes of the rest."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mnst_video.media.clip import Clip, Passage
from mnst_video.media.ffmpeg import local
from mnst_video.media.output.containers import LOSSLESS, OPUS_LAYOUTS, SOUND_ENCODERS, Container


@dataclass(frozen=True)
class Soundtrack:
    """A file whose sound replaces the clip's own; both begin together. codecs: of each track."""

    path: Path
    codecs: tuple[str, ...]


def codec_shown(codec: str) -> str:
    """A codec's name for people."""
    names = {"pcm_s24le": "PCM, 24 bits", "opus": "Opus"}
    return names.get(codec, codec.upper())


def sound_delay(
    container: Container,
    source: Clip | Fraction,
    sound: Soundtrack | None,
    passage: Passage | None,
) -> Fraction:
    """The seconds from the start of the file to its first frame: those of the source."""
    kept = sound is None and passage is None and container.lossy
    return source.start if isinstance(source, Clip) and kept else Fraction(0)


def becomes(container: Container, codec: str, passage: Passage | None) -> str | None:
    """The codec that a track of sound becomes; None: it is copied."""
    if passage is None and codec in container.sounds:
        return None
    without_loss = codec in LOSSLESS or codec.startswith("pcm_")
    return container.lossless if without_loss else container.lossy


def source_inputs(source: Clip | Fraction, sound: Soundtrack | None) -> list[str]:
    """The files that sound, and what else is kept, are from, and the metadata of the clip."""
    if isinstance(source, Fraction):
        return []
    files = [] if source.decoding.pictures else [source.path]
    files += [] if sound is None else [sound.path]
    words = [word for file in files for word in local(file)]
    return [*words, "-map_metadata", "-1" if source.decoding.pictures else "1"]


def sound_arguments(
    container: Container,
    source: Clip | Fraction,
    sound: Soundtrack | None,
    passage: Passage | None,
    audible: bool,
) -> list[str]:
    """What becomes of each track of sound, which is that of the last input."""
    if isinstance(source, Fraction) or not audible or not container.lossy:
        return []
    files = (not source.decoding.pictures) + (sound is not None)
    if not files:
        return []
    words = ["-map", f"{files}:a?"]
    filters = []
    if passage is not None:
        begin = source.start if sound is None else Fraction(0)
        a, b = (float(begin + t) for t in (passage.start, passage.end))
        filters = [f"atrim={a:.6f}:{b:.6f},asetpts=PTS-{a:.6f}/TB"]
    elif sound is not None:
        words += ["-t", f"{float(source.times.duration):.6f}"]
    for track, codec in enumerate(source.audio if sound is None else sound.codecs):
        other = becomes(container, codec, passage)
        if other is None:
            words += [f"-c:a:{track}", "copy"]
            continue
        encoder, rate = SOUND_ENCODERS[other]
        words += [f"-c:a:{track}", encoder, *((f"-b:a:{track}", rate) if rate else ())]
        chain = filters + ([OPUS_LAYOUTS] if other == "opus" else [])
        words += [f"-filter:a:{track}", ",".join(chain)] if chain else []
    return words
