"""What is read may not change while it is worked with, and is looked at no more than that takes."""

import pytest

from mnst_video.errors import InputError, UsageError
from mnst_video.job import unchanged
from mnst_video.job.events import FrameDone
from mnst_video.job.render import render
from mnst_video.media.images import save_image
from mnst_video.media.input import decode


def test_a_sound_that_changes_is_noticed(tmp_path, clip, quick, make_clip):
    sound, output = make_clip("sound.m4a", frames=6), tmp_path / "out.mp4"

    def observe(event):
        if isinstance(event, FrameDone) and event.done == 2:
            sound.write_bytes(sound.read_bytes() + b"more")

    with pytest.raises(InputError, match=r"sound\.m4a: has changed since the render began"):
        render(clip, output, quick(audio=sound), observe=observe)
    assert not output.exists()


def test_only_the_pictures_of_a_frame_are_looked_at_after_it(tmp_path, texture, quick, monkeypatch):
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(8):
        save_image(texture(32, 24, number), folder / f"{number}.png")
    looked = []
    stamp = unchanged._stamp
    monkeypatch.setattr(unchanged, "_stamp", lambda path: looked.append(path) or stamp(path))
    render(folder, tmp_path / "out.mp4", quick(first_steps=1))
    assert len(looked) <= 8 * 2 + 5 * 8  # and all of them at the beginnings and the ends


def test_one_picture_is_read_once_for_all_its_frames(tmp_path, texture, quick, monkeypatch):
    save_image(texture(32, 24, 1), tmp_path / "a.png")
    read = []
    load = decode.load_photo
    monkeypatch.setattr(decode, "load_photo", lambda *given: read.append(given) or load(*given))
    report = render(tmp_path / "a.png", tmp_path / "out.mp4", quick(seconds=0.5, gamma="0.5"))
    assert report.frames == 12
    assert len(read) <= 3  # for the shots, the paint and a fade


def test_cuts_in_beats_are_compared_by_where_they_are(tmp_path, make_clip, quick):
    source, output = make_clip(frames=24), tmp_path / "out.mp4"

    def stop(event):
        if isinstance(event, FrameDone) and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(source, output, quick(cuts="1b", bpm=120), observe=stop)
    with pytest.raises(UsageError, match=r"cuts: \[12\] → \[6\]"):
        render(source, output, quick(cuts="1b", bpm=240))
    assert render(source, output, quick(cuts="1b", bpm=120)).reused == 2
