"""`timeline import` and `timeline export` as a person, or a script, meets them."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    """Runs the command in a folder of its own: code, stdout, stderr."""

    def call(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "mnst_video", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_labels_become_a_preset_that_a_plan_has(run, make_clip, tmp_path):
    make_clip("clip.mp4", frames=24)
    (tmp_path / "labels.txt").write_text("0\t0\t0\n0.5\t0.5\t1 hold\n")
    code, out, err = run("timeline", "import", "labels.txt")
    assert (code, err) == (0, "")
    assert 'gamma = "0=0, 0.5=1 hold"' in out
    assert run("timeline", "import", "labels.txt", "-o", "keys.toml")[0] == 0
    gamma = json.loads(run("plan", "clip.mp4", "--preset", "keys.toml", "--json")[1])["gamma"]
    assert gamma[6] == pytest.approx(0.5)
    assert gamma[12:] == [1.0] * 12
    code, _, err = run("timeline", "import", "labels.txt", "-o", "keys.toml")
    assert code == 2
    assert "--overwrite" in err


def test_keys_go_out_and_come_back(run, make_clip):
    make_clip("clip.mp4", frames=24)
    keys = "0=0.2, 12f=0.8 ease-in, end=0"
    for name in ("keys.mid", "keys.otio", "keys.edl", "keys.csv"):
        code, out, err = run("timeline", "export", "clip.mp4", "--gamma", keys, "-o", name)
        assert (code, err) == (0, ""), name
        assert name in out
        read = run("timeline", "import", name, "--clip", "clip.mp4")[1]
        assert "0=0.2, 0.5=0.8 ease-in, " in read, name


def test_a_position_and_a_strength_have_lanes_of_their_own(run, make_clip, tmp_path):
    make_clip("clip.mp4", frames=12)
    given = ("--strength", "0=0, end=1", "-o", "s.csv", "--lane", "strength")
    assert run("timeline", "export", "clip.mp4", *given)[0] == 0
    assert run("timeline", "import", "s.csv", "--lane", "strength")[1].count("strength = ") == 1
    assert (tmp_path / "s.csv").read_text().startswith("time,value,easing")
    code, _, err = run("timeline", "export", "clip.mp4", "-o", "p.csv", "--lane", "position")
    assert code == 2
    assert "gamma" in err


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (3, ("import", "nothing.csv"), "nothing.csv"),
        (2, ("import", "k.csv", "--lane", "color"), "--lane color"),
        (2, ("import", "k.csv", "--range", "1"), "--range 1"),
        (2, ("import", "k.csv", "--bpm", "0"), "--bpm 0"),
        (2, ("import", "k.csv", "-o", "k.txt"), ".toml"),
        (3, ("import", "wide.csv"), "--range"),
        (2, ("export", "clip.mp4"), "--output"),
        (2, ("export", "clip.mp4", "-o", "k.doc"), "--format"),
        (2, ("export", "clip.mp4", "-o", "clip.mp4", "--overwrite"), "clip.mp4"),
        (3, ("export", "missing.mp4", "-o", "k2.csv"), "missing.mp4"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(run, make_clip, tmp_path, code, arguments, said):
    make_clip("clip.mp4", frames=4)
    (tmp_path / "k.csv").write_text("time,value\n0,0\n")
    (tmp_path / "wide.csv").write_text("time,value\n0,0\n1,80\n")
    found, out, err = run("timeline", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert err.startswith("mnst-video: ")
    assert err.count("\n") == 1
