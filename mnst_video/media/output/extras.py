"""What else a file holds, and what becomes of it: chapters, subtitles, a cover."""

from dataclasses import dataclass

from mnst_video.media.clip import Clip, Passage
from mnst_video.media.output.containers import Container

# Subtitles that are text, and can become another kind of text; the others are pictures.
TEXT = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})


@dataclass(frozen=True)
class _Kept:
    """What is kept: the codec of each subtitle track that is, by its number, and the covers."""

    subtitles: dict[int, str]
    covers: tuple[int, ...]
    chapters: bool
    notes: tuple[str, ...]


def _kept(container: Container | None, suffix: str, source: Clip, passage: Passage | None) -> _Kept:
    extras = source.extras
    there = {"chapters": extras.chapters, "subtitles": extras.subtitles, "cover": extras.covers}
    if passage is not None:  # their times are those of the whole clip
        subtitles, chapters = {}, False
    else:
        subtitles = {
            number: kind
            for number, codec in enumerate(extras.subtitles)
            if (kind := _subtitle(container, codec))
        }
        chapters = container is not None and container.chapters
    covers = extras.covers if container is not None and container.cover else ()
    lost = {
        "chapters": not chapters,
        "subtitles": len(subtitles) < len(extras.subtitles),
        "cover": not covers,
    }
    why = "a part of the clip is rendered" if passage is not None else f"{suffix} does not hold it"
    notes = tuple(f"its {name} left out: {why}" for name in there if there[name] and lost[name])
    return _Kept(subtitles, covers, chapters, notes)


def _subtitle(container: Container | None, codec: str) -> str:
    """What a track of subtitles becomes; nothing where it cannot be held."""
    if container is None or not container.subtitles:
        return ""
    if codec in TEXT:
        return "copy" if codec in container.subtitles else container.subtitles[0]
    return "copy" if container.muxer == "matroska" and codec != "unknown" else ""


def extra_notes(
    container: Container | None, suffix: str, source: Clip, passage: Passage | None
) -> tuple[str, ...]:
    """What of it is left out, for a person to read."""
    return _kept(container, suffix, source, passage).notes


def extra_arguments(container: Container, source: Clip, passage: Passage | None) -> list[str]:
    """The streams of it that are written, where the clip is ffmpeg's input number 1."""
    kept = _kept(container, "", source, passage)
    words = ["-map_chapters", "1" if kept.chapters else "-1"]
    for place, (number, codec) in enumerate(kept.subtitles.items()):
        words += ["-map", f"1:s:{number}", f"-c:s:{place}", codec]
    for place, stream in enumerate(kept.covers, 1):  # after the pictures
        words += ["-map", f"1:{stream}", f"-c:v:{place}", "copy"]
        words += [f"-disposition:v:{place}", "attached_pic"]
    return words
