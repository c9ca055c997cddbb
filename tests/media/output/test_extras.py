"""What else a clip holds comes along where it can, and is said where it cannot."""

import av
import numpy as np
import pytest

from mnst_video.job.render import render
from mnst_video.media.images import save_image
from mnst_video.media.input.probe import probe
from mnst_video.media.output.checks import output_notes
from mnst_video.media.output.containers import EncoderSettings


@pytest.fixture
def rich_clip(tmp_path, clip, ffmpeg, texture):
    """A clip with two chapters, subtitles and a cover."""
    save_image(texture(24, 24), tmp_path / "cover.png")
    (tmp_path / "words.srt").write_text("1\n00:00:00,040 --> 00:00:00,200\nLa la\n")
    (tmp_path / "chapters.txt").write_text(
        ";FFMETADATA1\n"
        + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={a}\nEND={a + 125}\ntitle=Part {a}\n"
            for a in (0, 125)
        )
    )
    path = tmp_path / "rich.mp4"
    names = ("rich.mp4", clip, tmp_path / "words.srt", tmp_path / "cover.png")
    ffmpeg(
        *(word for name in names[1:] for word in ("-i", name)),
        *("-i", tmp_path / "chapters.txt", "-map_metadata", 3, "-map_chapters", 3),
        *("-map", 0, "-map", 1, "-map", 2, "-c", "copy", "-c:s", "mov_text", "-c:v:1", "png"),
        *("-disposition:v:1", "attached_pic", path),
    )
    return path


def streams(path):
    with av.open(str(path)) as container:
        kinds = [
            (s.type, s.codec_context.codec.canonical_name)
            for s in container.streams
            if s.codec_context
        ]
        return kinds, [c["metadata"].get("title") for c in container.chapters()]


@pytest.mark.parametrize(
    ("name", "subtitles", "cover"),
    [("a.mp4", "mov_text", True), ("a.mkv", "subrip", False), ("a.mov", "mov_text", False)],
)
def test_chapters_subtitles_and_the_cover_are_kept(
    tmp_path, rich_clip, quick, name, subtitles, cover
):
    assert probe(rich_clip).extras.chapters == 2
    render(rich_clip, tmp_path / name, quick())
    kinds, chapters = streams(tmp_path / name)
    assert chapters == ["Part 0", "Part 125"]
    assert ("subtitle", subtitles) in kinds
    assert [codec for kind, codec in kinds if kind == "video"][1:] == ["png"] * cover
    assert kinds[0][0] == "video"  # as editors expect it
    written = probe(tmp_path / name)
    assert (written.times.frames, bool(written.extras.covers)) == (6, cover)


def test_what_is_left_out_is_said(tmp_path, rich_clip):
    info, settings = probe(rich_clip), EncoderSettings()
    assert output_notes(tmp_path / "a.mp4", info, None, None, settings) == ()
    lost = output_notes(tmp_path / "a.gif", info, None, None, settings)
    for name in ("chapters", "subtitles", "cover"):
        assert f"its {name} left out: .gif does not hold it" in lost
    part = output_notes(tmp_path / "a.mkv", info, None, info.times.span(range(3)), settings)
    assert "its chapters left out: a part of the clip is rendered" in part


def test_the_last_row_and_column_are_repeated_and_not_black(tmp_path, ffmpeg, quick):
    light = np.full((49, 65, 3), 200, np.uint8)
    save_image(light, tmp_path / "light.png")
    source = tmp_path / "odd.mkv"
    ffmpeg("-loop", 1, "-i", tmp_path / "light.png", "-frames:v", 2, "-c:v", "ffv1", source)
    render(source, tmp_path / "a.mp4", quick(strength="0", max_side=65))
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert frame.shape == (50, 66, 3)
    assert frame.min() >= 190
