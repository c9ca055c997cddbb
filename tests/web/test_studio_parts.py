"""What lies behind the page: sound as peaks, times as text, versions, runs."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from mnst_video.errors import UsageError
from mnst_video.media.input.sound import RATE, read_sound
from mnst_video.options import Options
from mnst_video.plan.source import clip_of
from mnst_video.presets import make_options
from mnst_video.timeline.easing import Easing
from mnst_video.web.folders import Folders, free_name, safe_name
from mnst_video.web.hub import MOST_WAITING, Hub
from mnst_video.web.project import Project
from mnst_video.web.renders import Progress, Renders
from mnst_video.web.session import Session, flag_words
from mnst_video.web.timing import Timing, easings
from mnst_video.web.waveform import Waveform


@pytest.fixture
def clip(make_clip):
    return make_clip("clip.mp4", frames=48, fps="24")


@pytest.fixture
def project(clip):
    return Project(clip, Folders([clip.parent]))


@pytest.fixture
def session(clip):
    session = Session(clip, Folders([clip.parent]), lambda *_: None)
    yield session
    session.close()


# Sound


@pytest.mark.parametrize(("start", "end", "count"), [(0, 2, 50), (0.3, 1.1, 700), (0.5, 0.52, 400)])
def test_peaks_are_those_of_the_samples(clip, start, end, count):
    sound = read_sound(clip, origin=Fraction(0))
    found = Waveform(clip, Fraction(0)).peaks(start, end, count)
    assert found.shape == (count, 2)
    edges = (np.linspace(start, end, count + 1) - sound.start) * RATE
    for part in range(1, count - 1, max(1, count // 40)):
        # A part has at least what lies inside it, and no more than its neighbours have.
        inside = sound.samples[int(np.ceil(edges[part])) : int(edges[part + 1])]
        around = sound.samples[int(edges[part]) - 64 : int(edges[part + 1]) + 64]
        if inside.size:
            assert found[part, 1] >= round(127 * float(inside.max())) - 1
        assert found[part, 1] <= round(127 * float(around.max())) + 1
        assert found[part, 0] >= round(127 * float(around.min())) - 1


def test_peaks_beside_the_sound_are_silent(clip):
    found = Waveform(clip, Fraction(0)).peaks(-1.0, 5.0, 60)
    assert not found[:8].any()
    assert found[15:25].any()
    assert not found[40:].any()


# Times


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"seconds": 1.2004, "snap": "none", "value": 0.5}, "1.2=0.5"),
        ({"seconds": 1.0, "snap": "beat", "value": 0.5}, "2b=0.5"),
        ({"seconds": 0.333333, "snap": "beat", "value": 1}, "2/3b=1"),
        ({"seconds": 0.5, "snap": "frame", "value": 0.12345}, "12f=0.1235"),
        ({"time": "1.2.1", "value": 0.2, "easing": "ease-in"}, "1.2.1=0.2 ease-in"),
        ({"seconds": -4, "snap": "none", "value": 0}, "0=0"),
        ({"seconds": 99, "snap": "frame", "value": 0}, "47f=0"),
    ],
)
def test_keys_from_the_page_become_text_as_a_person_writes_it(clip, given, text):
    options = Options(bpm=120.0)
    timing = Timing(clip_of(clip, options.input, depth="packets"))
    far = {"time": "1.9", "value": 0.9}
    made = timing.text_of(options, [far, given], None)
    first = min(made.split(", "), key=lambda part: "1.9=" in part)
    assert first == text
    again = make_options((), {"gamma": made})
    assert str(again.gamma) == made


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{"value": 1}],
        [{"seconds": "x", "value": 1}],
        [{"time": "soon", "value": 1}],
        [{"seconds": 1, "value": None}],
        [{"seconds": 1, "value": 1, "easing": "bounce"}],
        [{"seconds": float("nan"), "value": 1}],
        [{"seconds": float("inf"), "value": 1}],
    ],
)
def test_keys_that_are_none_are_refused(clip, keys):
    timing = Timing(clip_of(clip, Options().input, depth="packets"))
    with pytest.raises(UsageError):
        timing.text_of(Options(), keys, None)


def test_the_page_has_the_easings_of_the_program():
    for name, about in easings().items():
        if "points" in about:
            points = about["points"]
            for index in (0, 5, 16, 31, 32):
                assert points[index] == pytest.approx(Easing(name)(index / 32), abs=1e-4)
        else:
            same = Easing("cubic-bezier", tuple(about["bezier"]))
            assert same(0.3) == pytest.approx(Easing(name)(0.3))


# Versions


def test_undo_has_no_end_and_the_draft_is_what_is_set(project):
    for number in range(60):
        project.change({"gamma": f"0=0, 1=0.{number + 10}"}, f"move {number}")
    texts = []
    while project.undoes is not None:
        texts.append(project.settings["gamma"])
        project.undo()
    assert len(texts) == 60
    assert project.settings == {}
    project.undo()  # nothing happens
    while project.redoes is not None:
        project.redo()
    assert project.settings["gamma"] == texts[0]
    assert make_options((str(project.draft),), {}).gamma == project.options.gamma


def test_a_change_after_undo_takes_the_place_of_what_was_undone(project):
    project.change({"steps": 3}, "steps")
    project.change({"steps": 4}, "steps")
    project.undo()
    project.change({"crf": 20}, "crf")
    assert project.redoes is None
    assert project.settings == {"steps": 3, "crf": 20}
    project.change({"steps": None}, "back")
    assert project.settings == {"crf": 20}


def test_a_wrong_change_changes_nothing(project):
    project.change({"steps": 3}, "steps")
    for wrong in ({"steps": 0}, {"gamma": "0=7"}, {"nothing": 1}, {"style1": "/etc/passwd"}):
        with pytest.raises(UsageError):
            project.change(wrong, "")
    assert project.settings == {"steps": 3}
    assert project.revision == 1


def test_what_was_set_is_there_when_the_clip_is_opened_again(project, clip):
    project.change({"gamma": "0=0.3", "strokes": "bold"}, "")
    again = Project(clip, Folders([clip.parent]))
    assert again.settings == project.settings
    assert again.undoes is None


def test_opening_a_clip_leaves_nothing(session, clip):
    assert session.state["clip"]["frames"] == 48
    session.close()
    assert sorted(path.name for path in clip.parent.iterdir()) == ["clip.mp4"]


def test_a_change_of_how_the_clip_is_read_that_cannot_be_changes_nothing(session):
    session.change({"fps": "12"}, "")
    assert session.state["clip"]["frames"] == 24
    for wrong in ({"stream": 5}, {"fps": "6", "gamma": "40f=1"}):
        with pytest.raises(UsageError):
            session.change(wrong, "")
        assert session.state["clip"]["frames"] == 24
    session.undo()
    assert session.state["clip"]["frames"] == 48


def test_a_page_that_does_not_read_is_told_to_look_anew():
    hub = Hub()

    async def talk():
        hub.begin()
        slow, quick = hub.listen(), hub.listen()
        assert "hello" in await anext(slow)
        heard = [await anext(quick)]
        for number in range(MOST_WAITING + 1):
            hub.tell("news", number)
            await asyncio.sleep(0)
            heard.append(await anext(quick))
        assert heard[-1] == f"event: news\ndata: {MOST_WAITING}\n\n"
        assert "anew" in await anext(slow)

    with ThreadPoolExecutor() as other:  # a browser's loop may run in this thread
        other.submit(asyncio.run, talk()).result()


def test_the_command_line_says_what_is_set(session):
    import shlex

    from mnst_video.cli.flags import options_of

    given = {
        "gamma": "0=0, 1s=1 ease-in-out",
        "steps": 3,
        "react": ["rms:0.3", "onset:0.2"],
        "output_size": [320, 240],
        "cuts": ["0.5", "1"],
        "no_audio": True,
        "bpm": 120,
        "layer_shares": [0.1, 0.1, 0.2, 0.3, 0.3],
    }
    session.change(given, "")
    words = shlex.split(session.command)[2:]
    flags = {}
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            flags.setdefault(name, [])
        else:
            flags[name].append(word)
    number = {"steps": int, "bpm": str}
    read = {
        name: True
        if not values
        else values
        if name == "react"
        else number.get(name, str)(values[0])
        for name, values in flags.items()
    }
    assert options_of(read) == session.project.options
    session.change({"losses": "article", "layer_shares": None}, "")  # for presets alone
    assert session.command.endswith(f"--preset {session.project.draft}")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("no_audio", False, []),
        ("no_audio", True, ["--no-audio"]),
        ("react", ["rms:0.3", "beat:1"], ["--react", "rms:0.3", "--react", "beat:1"]),
        ("output_size", [320, 240], ["--output-size", "320x240"]),
        ("style_scale", 1.5, ["--style-scale", "1.5"]),
    ],
)
def test_settings_become_flags(name, value, words):
    assert flag_words(name, value) == words


# Files


def test_names(tmp_path):
    assert safe_name("a b.png") == "a b.png"
    assert safe_name("/etc/pass\nwd.png") == "pass_wd.png"
    (tmp_path / "a.png").touch()
    (tmp_path / "a_2.png").touch()
    assert free_name(tmp_path / "a.png").name == "a_3.png"
    for name in ("", "..", "///", " . "):
        with pytest.raises(UsageError):
            safe_name(name)


def test_a_link_out_of_the_folder_is_outside(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "way").symlink_to(outside)
    folders = Folders([inside])
    assert folders.inside("x.mp4") == inside / "x.mp4"
    for path in (outside / "x", inside / "way" / "x", inside / ".." / "out", "a\0b"):
        with pytest.raises(UsageError):
            folders.inside(path)


# Runs


def test_a_log_is_read_as_it_grows(tmp_path):
    log = tmp_path / "log"
    progress = Progress()
    assert not progress.read(log)
    log.write_text('{"event": "look", "done": 3, "total": 9}\n{"event": "pl')
    assert progress.read(log)
    assert (progress.phase, progress.done, progress.total) == ("looking", 3, 9)
    with log.open("a") as file:
        plan = {
            "total": 1,
            "frames": 9,
            "reused": 2,
            "first": 0,
            "size": [64, 48],
            "notes": ["odd"],
        }
        file.write("an" + '", ' + json.dumps(plan)[1:] + "\n")
        frame = {"event": "frame", "frame": 4, "done": 3, "seconds": 2.0}
        file.write(json.dumps(frame) + "\n")
    progress.read(log)
    assert (progress.phase, progress.done, progress.left) == ("painting", 3, 12.0)
    assert progress.notes == ["note: odd"]
    with log.open("a") as file:
        file.write("mnst-video: disk: cannot be written\n" + '{"event": "end", "code": 4}\n')
    progress.read(log)
    assert progress.code == 4
    assert progress.last_line == "mnst-video: disk: cannot be written"


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_runs_wait_for_one_another_and_fail_with_a_line(project):
    project.make_home()
    runs = Renders(project, lambda: None)
    missing = project.source.with_name("missing.mp4")
    first = runs.add("render", missing, ("presets",))
    second = runs.add("render", missing, ("render", str(missing), "--progress", "json"))
    until(lambda: runs.run(second.number).state == "failed")
    assert runs.run(first.number).state == "done"
    assert "there is no such file" in runs.run(second.number).problem
    runs.close()
    again = Renders(project, lambda: None)
    assert [run["state"] for run in again.shown] == ["failed", "done"]
    again.remove(first.number)
    assert [run["number"] for run in again.shown] == [2]
    with pytest.raises(UsageError):
        again.remove(first.number)
    again.close()


def test_a_run_whose_machine_stopped_is_begun_again(project):
    home = project.make_home()
    runs = Renders(project, lambda: None)
    runs.close()
    run = runs.add("render", home / "x.mp4", ("presets",))
    saved = json.loads((home / "renders.json").read_text())
    saved[0] |= {"state": "running", "process": [2**22 - 5, 1.0]}
    (home / "renders.json").write_text(json.dumps(saved))
    again = Renders(project, lambda: None)
    until(lambda: again.run(run.number).state == "done")
    again.close()


def test_a_run_that_ends_without_a_word_is_not_begun_for_ever(project):
    home = project.make_home()
    (home / "render-001.log").mkdir()  # its log cannot be written
    runs = Renders(project, lambda: None)
    run = runs.add("render", home / "x.mp4", ("presets",))
    until(lambda: runs.run(run.number).state == "failed")
    assert "without a word" in runs.run(run.number).problem
    time.sleep(1)
    assert runs.run(run.number).state == "failed"
    runs.close()


def test_renders_of_the_command_line_are_found_by_their_records(session, clip):
    other = clip.with_name("mine.mp4")
    other.write_bytes(b"a clip")
    record = other.with_name("mine.mp4.mnst.json")
    record.write_text(json.dumps({"input": "/elsewhere.mp4"}))
    assert session.others == []
    record.write_text(json.dumps({"input": str(clip)}))
    os.utime(record, (1e9, 2e9))
    assert session.others == [other]
    assert session.other(0) == other
    with pytest.raises(UsageError):
        session.other(1)
