"""The command line as a person, or a script, meets it."""

import dataclasses
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from PIL import Image
from rich.console import Console

from mnst_video.cli import doctor
from mnst_video.cli import main as cli
from mnst_video.cli.flags import COMPLETIONS
from mnst_video.cli.show import progress
from mnst_video.cli.show.durations import minutes
from mnst_video.cli.show.plan import plan_lines
from mnst_video.cli.show.progress import _Pace
from mnst_video.errors import InputError, MachineError
from mnst_video.job import render as job
from mnst_video.job.events import FrameDone
from mnst_video.job.render import render
from mnst_video.media.images import save_image
from mnst_video.option_types import SHORTHANDS
from mnst_video.options import Options, resource
from mnst_video.plan.plan import Plan
from mnst_video.plan.shots import Shot
from mnst_video.presets import make_options, preset_names

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"

# Options for presets: who wants them knows why, and writes them down.
ROOT = Path(__file__).parents[2]

PRESET_ONLY = {
    *("losses", "content_layer", "warm_start", "pyramid_levels", "pixel_rate", "coarse_to_fine"),
    *("first_rate", "rate", "fresh_rate", "rate_decay", "uncovered_weight"),
    *("momentum", "settled"),
    "more_styles",  # --style
}

COMMANDS = typer.main.get_command(cli.app)


def flags():
    """Every flag of every command, as (command, flag)."""
    found = [("mnst-video", flag) for p in COMMANDS.params for flag in p.opts]
    commands = dict(COMMANDS.commands)
    for group in ("presets", "timeline"):
        for name, command in commands.pop(group).commands.items():
            commands[f"{group} {name}"] = command
    for name, command in commands.items():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                found += [(name, flag) for flag in parameter.opts + parameter.secondary_opts]
    return found


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the console script in this process and in `tmp_path`; its code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mnst-video", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        written = capsys.readouterr()
        return caught.value.code or 0, written.out, written.err

    yield call
    signal.signal(signal.SIGTERM, handler)


# Help and documentation


def test_the_version(run):
    assert run("--version") == (0, f"mnst-video {version('mnst-video')}\n", "")


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_the_help_shows_the_main_options_and_the_commands(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for word in ("INPUT", "--output", "--style1", "--style2", "--gamma-from", "--gamma-to"):
        assert word in out
    for word in ("--preset", "--overwrite", "--start", "--end", "render", "doctor", "article"):
        assert word in out
    assert "--rate-decay" not in out
    assert "--temporal-weight" not in out


def test_the_help_of_render_shows_every_option(run):
    code, out, err = run("render", "--help")
    assert (code, err) == (0, "")
    for command, flag in flags():
        if command == "render":
            assert re.search(rf"(?<![\w-]){flag}(?![\w-])", out), flag


def test_every_option_is_a_flag_or_known_to_be_for_presets():
    render_flags = {flag for command, flag in flags() if command == "render"}
    reachable = {flag[2:].replace("-", "_") for flag in render_flags}
    assert set(Options.model_fields) - reachable == PRESET_ONLY
    for command in ("plan", "presets save"):
        own = {flag[2:].replace("-", "_") for name, flag in flags() if name == command}
        assert reachable & {*Options.model_fields, *SHORTHANDS} <= own


def test_the_help_shows_the_defaults(run):
    out = run("render", "--help")[1]
    for name in ("steps", "first_steps", "strength", "content_weight", "cuts"):
        flag = "--" + name.replace("_", "-")
        line = next(line for line in out.splitlines() if re.search(rf"{flag}\s", line))
        assert f"(default: {Options.model_fields[name].default})" in line


@pytest.mark.parametrize(("command", "flag"), flags())
def test_every_flag_is_documented(command, flag):
    assert re.search(rf"(?<![\w-]){flag}(?![\w-])", DOCS.read_text()), f"{command} {flag}"


@pytest.mark.parametrize("command", COMMANDS.commands)
def test_every_command_is_documented(command):
    assert f"mnst-video {command}" in DOCS.read_text()


@pytest.mark.parametrize("code", ["0", "1", "2", "3", "4", "5", "130, 143"])
def test_every_exit_code_is_documented(code):
    assert f"| {code} |" in DOCS.read_text()


# Rendering


def test_a_render_writes_beside_the_input_and_says_so_on_stdout(run, clip, quick_flags, tmp_path):
    code, out, err = run(clip, *quick_flags)
    assert code == 0
    output = tmp_path / "clip_mnst.mp4"
    assert output.exists()
    assert re.fullmatch(re.escape(str(output)) + r": 0\.25 s, 6 frames, in 0:\d\d\n", out)
    assert "γ 0 → 1 (0 is stripes.png, 1 is noise.png), σ " in err
    facts = "clip.mp4: 6 frames at 24 fps, 1 shot, 32×24 of 64×48 (--max-side), CPU (1 threads)"
    assert f"{facts}, float32" in err


def test_options_may_stand_before_the_input(run, make_clip, quick_flags, tmp_path):
    clip = make_clip(frames=1)
    code, _, err = run(*quick_flags, "--progress", "none", "-o", "out.mp4", clip)
    assert (code, err) == (0, "")
    assert (tmp_path / "out.mp4").exists()


def test_a_file_called_like_a_command_is_reachable(run, make_clip, quick_flags, tmp_path):
    shutil.move(make_clip(frames=1), tmp_path / "doctor")
    code, out, _ = run("./doctor", *quick_flags, "--progress", "none")
    assert code == 0
    assert out.startswith("doctor_mnst.mp4: ")
    assert (tmp_path / "doctor_mnst.mp4").exists()


def test_a_file_that_looks_like_a_flag_is_reachable(run, make_clip, quick_flags, tmp_path):
    make_clip("-i.mp4", frames=1)
    code, _, err = run(*quick_flags, "--progress", "none", "-o", "out.mp4", "--", "-i.mp4")
    assert (code, err) == (0, "")
    assert (tmp_path / "out.mp4").exists()


def test_render_may_be_named(run, make_clip, quick_flags, tmp_path):
    assert run("render", make_clip(frames=1), *quick_flags, "-o", "out.mp4")[0] == 0
    assert (tmp_path / "out.mp4").exists()


def test_presets_and_options_arrive(run, make_clip, quick_flags, tmp_path):
    (tmp_path / "one.toml").write_text("gamma_to = 0.5\ncrf = 30\nrate = 2.0\n")
    (tmp_path / "two.toml").write_text("gamma_to = 0.25\n")
    presets = ("--preset", "one.toml", "--preset", "two.toml")
    code = run(make_clip(frames=2), *quick_flags, *presets, "--crf", "40", "-o", "out.mp4")[0]
    assert code == 0
    options = json.loads((tmp_path / "out.mp4.mnst.json").read_text())["options"]
    assert (options["gamma"], options["crf"], options["rate"]) == (
        "start=0, end=0.25",
        40,
        2.0,
    )


def test_kept_frames_are_named_and_used_again(run, make_clip, quick_flags, tmp_path):
    arguments = (make_clip(frames=2), *quick_flags, "--keep-frames", "-o", "out.mp4")
    code, out, _ = run(*arguments)
    assert (code, out.splitlines()[1]) == (0, "frames: out.mp4.mnst")
    assert (tmp_path / "out.mp4.mnst" / "000001.png").exists()
    code, out, err = run(*arguments, "--overwrite", "--crf", "30")
    assert code == 0
    assert "2 frames, 2 of them from before" in out
    assert "going on: 2 of 2 frames are done already" in err


def test_a_preview_is_written_beside_the_input_and_says_what_it_left_out(
    run, clip, quick_flags, tmp_path
):
    code, out, err = run(clip, *quick_flags, "--preview")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    output = re.escape(str(tmp_path / "clip_preview.mp4"))
    assert re.fullmatch(output + r": 0\.25 s, 6 pictures, in 0:\d\d", first)
    assert second.startswith("preview: all 6 frames, cuts not looked for: strokes are coarser")
    assert not list(tmp_path.glob("*.mnst*"))
    code, out, err = run(clip, *quick_flags, "--preview")
    assert (code, out) == (2, "")
    assert "clip_preview.mp4: exists; use --overwrite" in err
    assert run(clip, *quick_flags, "--preview", "--overwrite", "--progress", "none")[0] == 0


# Stills


def test_a_still_is_painted(run, clip, quick_flags, tmp_path):
    code, out, err = run("still", clip, *_without(quick_flags, "--steps", "--cuts"), "--at", "3f")
    assert (code, err) == (0, "")
    assert re.fullmatch(re.escape(str(tmp_path / "clip_mnst.png")) + r": 32×24, in 0:\d\d\n", out)
    code, out, err = run("still", clip, "--at", "1:5", "-o", "b.png")
    assert (code, out) == (2, "")
    assert "--at 1:5: minutes and seconds have two digits" in err


def _without(flags, *names):
    """The flags but for those named, with their values."""
    return [
        w for i, w in enumerate(flags) if w not in names and (i == 0 or flags[i - 1] not in names)
    ]


# Planning and presets


def test_a_plan_prints_and_renders_nothing(run, clip, quick_flags, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run("plan", clip, *quick_flags, "--gamma", "0=0 hold, 3f=1")
    assert (code, err) == (0, "")
    assert "0 is stripes.png, 1 is noise.png" in out
    assert "0:00.125" in out
    assert "of disk while it renders" in out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_plan_shows_the_masks(run, clip, quick_flags):
    flags = ("--wipe", "iris", "--strength-mask", "luma:0.2-0.8[invert]")
    code, out, _ = run("plan", clip, *quick_flags, *flags)
    assert code == 0
    assert "strength_mask: luma:0.2-0.8[invert]; wipe: iris, 0.25" in out
    code, out, _ = run("plan", clip, *quick_flags, *flags, "--json")
    shown = {"strength_mask": "luma:0.2-0.8[invert]", "wipe": "iris, 0.25"}
    assert json.loads(out)["masks"] == shown
    assert json.loads(run("plan", clip, *quick_flags, "--json")[1])["masks"] is None


def test_a_plan_as_json_and_as_a_picture(run, clip, quick_flags, tmp_path):
    flags = ("--gamma", "0.25", "--json", "--plot", "curve.svg")
    code, out, err = run("plan", clip, *quick_flags, *flags)
    assert (code, err) == (0, "")
    assert json.loads(out)["gamma"] == [0.25] * 6
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_a_plan_in_a_narrow_terminal_keeps_its_curve(run, clip, quick_flags, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = run("plan", clip, *quick_flags)[1]
    curve = [line for line in out.splitlines() if "┤" in line]
    assert [len(line) for line in curve] == [10 + 64] * 6


def test_the_presets_are_listed_a_line_each(run):
    code, out, err = run("presets")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines()]
    assert names == preset_names()
    assert {"default", "article", "draft", "fine", "crossfade", "verse-chorus"} <= set(names)
    assert {"strobe", "pulse", "ping-pong"} <= set(names)
    for line in out.splitlines():
        assert line.endswith(".")
        assert len(line) <= 110


def test_a_preset_is_shown_as_it_is_written_and_as_it_comes_out(run, tmp_path):
    code, out, err = run("presets", "show", "strobe")
    assert (code, err) == (0, "")
    assert out == resource("presets/strobe.toml").read_text()
    assert "epilep" in out
    code, out, _ = run("presets", "show", "strobe", "--resolved")
    values = tomllib.loads(out)
    assert values["gamma"] == "0b=0 hold, 1b=1 hold repeat 2b"
    assert values["steps"] == Options().steps
    (tmp_path / "all.toml").write_text(out)
    assert make_options(("all.toml",), {}) == make_options(("strobe",), {})
    assert tomllib.loads(run("presets", "show", "default")[1])["steps"] == Options().steps
    code, out, err = run("presets", "show", "strobo")
    assert (code, out) == (2, "")
    assert "did you mean strobe?" in err


def test_the_present_options_are_saved_with_comments(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    flags = ("--preset", "pulse", "--style1", "pictures/a.png", "--style2", "/b.png")
    more = ("--gamma", "0=0, 5=1 ease-in", "--start", "1:05", "--crf", "18")
    code, out, err = run("presets", "save", "mine.toml", *flags, *more)
    assert (code, err) == (0, "")
    assert out == "mine.toml: use it with --preset mine.toml\n"
    text = (tmp_path / "mine.toml").read_text()
    assert tomllib.loads(text) == {
        "style1": "pictures/a.png",
        "style2": "/b.png",
        "gamma": "0=0, 5=1 ease-in",
        "react": ["rms:0.8[band=20-150,release=0.12]"],
        "start": "65",
        "crf": 18,
    }
    assert text.count("# ") == 7  # the title, and one for each
    given = {"style1": "pictures/a.png", "style2": "/b.png", "gamma": "0=0, 5=1 ease-in"}
    same = make_options(("pulse",), {**given, "start": "1:05", "crf": 18})
    assert make_options(("mine.toml",), {}) == same
    code, out, err = run("presets", "save", "mine.toml", "--steps", "3")
    assert (code, out) == (2, "")
    assert "mine.toml: exists; use --overwrite" in err
    assert run("presets", "save", "mine.toml", "--steps", "3", "--overwrite")[0] == 0
    assert tomllib.loads((tmp_path / "mine.toml").read_text()) == {"steps": 3}


def test_masks_are_saved_and_read_relative_to_the_preset(run, tmp_path):
    (tmp_path / "looks").mkdir()
    flags = ("--gamma-mask", "looks/m.png[mode=multiply]", "--strength-mask", "key:#00ff00,30")
    assert run("presets", "save", "looks/mine.toml", *flags)[0] == 0
    values = tomllib.loads((tmp_path / "looks" / "mine.toml").read_text())
    assert values == {"gamma_mask": "m.png[mode=multiply]", "strength_mask": "key:#00ff00,30"}
    options = make_options(("looks/mine.toml",), {})
    assert str(options.gamma_mask) == "looks/m.png[mode=multiply]"
    assert str(options.strength_mask) == "key:#00ff00,30"


def test_a_setlist_is_saved_as_a_list(run, tmp_path):
    styles = [word for name in "abc" for word in ("--style", f"{name}.png")]
    assert run("presets", "save", "list.toml", *styles, "--position", "2")[0] == 0
    values = tomllib.loads((tmp_path / "list.toml").read_text())
    assert values == {"style": ["a.png", "b.png", "c.png"], "position": "2"}
    # Two end a longer list that another preset has given.
    assert run("presets", "save", "two.toml", *styles[:4])[0] == 0
    assert len(make_options(("list.toml", "two.toml"), {"gamma": 0.5}).styles) == 2


def test_a_typed_key_past_the_end_is_an_error_and_a_presets_a_note(
    run, clip, quick_flags, tmp_path
):
    code, out, err = run(clip, *quick_flags, "--gamma", "0=0, 3=1")
    assert (code, out) == (2, "")
    assert err == ("mnst-video: gamma: 0=0, »3«=1: 3 is past the end, 0.25 s: did you mean 3f?\n")
    (tmp_path / "p.toml").write_text("gamma = '0=0, 3=1'\n")
    code, out, err = run(clip, *quick_flags, "--preset", "p.toml")
    assert code == 0
    assert "note: gamma: 3 is past the end, 0.25 s: this key of the preset is dropped" in err


def test_a_preset_that_needs_a_tempo_says_what_to_type(run, clip, quick_flags):
    for name in ("strobe", "verse-chorus"):
        code, _, err = run(clip, *quick_flags, "--preset", name)
        assert code == 2
        assert "needs a tempo: add --bpm 120, or --bpm auto" in err


def test_json_progress_is_an_object_a_line(run, make_clip, quick_flags):
    clip = make_clip("a:cat:b.mp4", frames=3)
    code, out, err = run(clip, *quick_flags, "--progress", "json")
    events = [json.loads(line) for line in err.splitlines()]
    assert (code, out.count("\n")) == (0, 1)
    assert [e["event"] for e in events] == ["look", "plan", "frame", "frame", "frame", "encode"]
    look, plan, *frames, encode = events
    assert (look["done"], look["total"]) == (6, 6)
    assert (plan["frames"], plan["first"], plan["size"]) == (3, 0, [32, 24])
    assert plan["output"] == str(clip.with_name("a:cat:b_mnst.mp4"))
    assert [(e["frame"], e["done"], e["gamma"]) for e in frames] == [
        (0, 1, 0.0),
        (1, 2, 0.5),
        (2, 3, 1.0),
    ]
    assert encode["frames"] == 3
    documented = DOCS.read_text()
    for event in events:
        row = next(line for line in documented.splitlines() if f"| `{event['event']}` |" in line)
        assert set(re.findall(r"`(\w+)`", row)) == {*event} - {"event"} | {event["event"]}


def test_a_network_is_trained_and_plays(run, make_clip, quick_flags, tmp_path):
    clip, model = make_clip(frames=2), str(tmp_path / "pair.safetensors")
    flags = [flag for flag in quick_flags if flag not in ("--first-steps", "--steps", "--cuts")]
    flags = [flag for flag in flags if flag not in ("1", "2", "none")] + ["1"]
    code, out, err = run("train", clip, "-o", model, "--minutes", "0.01", *flags)
    assert (code, err) == (0, "")
    assert re.match(rf"{model}: \d+ steps on 2 frames, in 0:0\d\na picture of it: ", out)
    assert "of the style" in out
    machine = ("--device", "cpu", "--precision", "float32", "--threads", "1", "--max-side", "32")
    code, out, _ = run(clip, "--model", model, *machine, "--cuts", "none", "--gamma", "0.5")
    assert (code, "2 frames" in out) == (0, True)
    code, _, err = run("train", clip, "-o", model, "--minutes", "0.01", *flags)
    assert (code, "give more --minutes" in err) == (2, True)
    code, out, _ = run("export", model)
    assert (code, out.strip()) == (0, str(tmp_path / "pair.onnx"))
    code, _, err = run("export", model)
    assert (code, "pair.onnx: exists; use --overwrite" in err) == (2, True)
    code, _, err = run("live", clip, "--model", model, *machine, "--once", "--no-window")
    assert code == 0
    assert re.match(r"[12] frames, \d", err)


def test_no_progress_prints_nothing_on_stderr(run, make_clip, quick_flags):
    code, out, err = run(make_clip(frames=2), *quick_flags, "--progress", "none")
    assert (code, err) == (0, "")
    assert "2 frames" in out


# What goes wrong

SMALL = ("--max-side", "32", "--first-steps", "2", "--threads", "1")

WRONG = {
    "missing file": (3, ["missing.mp4"], "missing.mp4: there is no such file"),
    "folder": (3, ["folder"], "folder: there are no numbered pictures"),
    "empty file": (3, ["empty.mp4"], "empty.mp4: the file is empty"),
    "text": (3, ["text.mp4"], "text.mp4: this is not a video"),
    "style": (3, ["clip.mp4", "--style1", "text.mp4"], "text.mp4: this is not a picture"),
    "shots": (2, ["clip.mp4", "--shots", "0-3"], "--shots 0-3: write numbers from 1, such as 3"),
    "shots where": (2, ["clip.mp4", "--shots", "3"], "give the --frames-dir that the runs share"),
    "shots and a clip": (
        2,
        ["clip.mp4", "--shots", "3", "--frames-dir", "f", "-o", "o.mp4"],
        "--output: --shots paints frames and nothing else",
    ),
    "shots of a preview": (
        2,
        ["clip.mp4", "--preview", "--shots", "3"],
        "a preview keeps no frames",
    ),
    "no style": (3, ["clip.mp4", "--style2", "no.png"], "no.png: there is no such picture"),
    "gamma": (2, ["clip.mp4", "--gamma-from", "1.5"], "gamma: start=»1.5«, end=1"),
    "negative gamma": (2, ["clip.mp4", "--gamma-to", "-1"], "end=»-1«: must be"),
    "nan": (2, ["clip.mp4", "--gamma-to", "nan"], "end=»nan«: nan is not a number"),
    "no number": (2, ["clip.mp4", "--gamma-to", "red"], "--gamma-to"),
    "wipe": (2, ["clip.mp4", "--wipe", "rihgt"], "there is no wipe 'rihgt'; did you mean right?"),
    "softness": (2, ["clip.mp4", "--wipe", "left", "--softness", "2"], "softness = 2.0"),
    "two masks of gamma": (2, ["clip.mp4", "--wipe", "up", "--mask-from", "person"], "not both"),
    "mask": (2, ["clip.mp4", "--gamma-mask", "m.png[mode=add]"], "mode=add is not right"),
    "mask by two names": (2, ["clip.mp4", "--gamma-mask", "a", "--mask-from", "b"], "one of them"),
    "no mask": (3, ["clip.mp4", "--gamma-mask", "no.png"], "no.png: there is no such file"),
    "no opacity": (3, ["clip.mp4", "--strength-mask", "alpha"], "--strength-mask alpha:"),
    "mask of another shape": (
        3,
        ["clip.mp4", "--content-mask", "photo.png"],
        "photo.png: is 700×40, and the clip 64×48",
    ),
    "mask of nothing": (3, ["clip.mp4", "--mask-from", "text.mp4"], "text.mp4: this is not a"),
    "two timelines": (2, ["clip.mp4", "--gamma", "0.5", "--gamma-to", "1"], "not both"),
    "keys": (2, ["clip.mp4", "--gamma", "0=0, 5"], "0=0, »5«: a key is TIME=VALUE"),
    "easing": (2, ["clip.mp4", "--strength", "0=0 easein"], "did you mean ease-in?"),
    "one style": (2, ["clip.mp4", "--style", "a.png"], "two pictures or more"),
    "reaction": (2, ["clip.mp4", "--react", "bass:1"], "there is no reaction bass"),
    "bpm": (2, ["clip.mp4", "--bpm", "fast"], "bpm = fast: give beats a minute"),
    "tempo": (2, ["clip.mp4", "--gamma", "4b=1"], "»4b«=1: 4b needs a tempo: add --bpm"),
    "start": (2, ["clip.mp4", "--start", "8b"], "start = 8b: 8b needs a tempo"),
    "time": (2, ["clip.mp4", "--end", "1:5"], "two digits"),
    "audio": (3, ["clip.mp4", "--audio", "text.mp4"], "text.mp4: its sound cannot be read"),
    "plan": (3, ["plan", "missing.mp4"], "missing.mp4: there is no such file"),
    "plan keys": (2, ["plan", "clip.mp4", "--gamma", "0=2"], "0=»2«: must be between 0 and 1"),
    "plot": (2, ["plan", "clip.mp4", "--max-side", "32", "--plot", "x.exe"], "unknown kind of pic"),
    "save": (2, ["presets", "save", "x.txt", "--steps", "3"], "a preset's name ends in .toml"),
    "save nothing": (2, ["presets", "save", "x.toml"], "no options to save"),
    "plot there": (2, ["plan", "clip.mp4", "--plot", "photo.png"], "photo.png: exists; use"),
    "plot on input": (
        2,
        ["calibrate", "photo.png", "--plot", "photo.png", "--overwrite"],
        "photo.png: is the input, a style or the sound",
    ),
    "step on input": (
        2,
        ["still", "p_0002.png", "-o", "p.png", "--overwrite", *SMALL, "--save-every", "2"],
        "p_0002.png: is the input, a style or the sound",
    ),
    "step there": (
        2,
        ["still", "photo.png", "-o", "p.png", *SMALL, "--save-every", "1"],
        "p_0002.png: exists",
    ),
    "output is style": (
        2,
        ["still", "p_0002.png", "--style1", "photo.png", "-o", "photo.png", "--overwrite"],
        "photo.png: is the input, a style or the sound",
    ),
    "output is a row's style": (
        2,
        [
            *("sweep", "p_0002.png", "--rows", "style1=p_0002.png,photo.png"),
            *("-o", "photo.png", "--overwrite"),
        ],
        "photo.png: is the input, a style or the sound",
    ),
    "output is sound": (
        2,
        ["clip.mp4", "--audio", "there.mp4", "-o", "there.mp4", "--overwrite"],
        "there.mp4: is the input, a style or the sound",
    ),
    "evaluate a folder": (3, ["evaluate", "clip.mp4", "."], "this is a folder"),
    "no content": (
        3,
        ["still", "none.png", "-o", "photo.png", "--overwrite"],
        "none.png: there is no such picture",
    ),
    "no name": (2, ["render", ""], "the input's name is empty"),
    "long content": (2, ["still", "n" * 300 + ".png"], "the name is too long"),
    "long output": (2, ["still", "photo.png", "-o", "n" * 245 + ".png"], "the name is too long"),
    "at of a picture": (2, ["still", "photo.png", "--at", "1s"], "is one picture; --at is for"),
    "at in beats": (2, ["still", "clip.mp4", "--at", "2b"], "2b needs a tempo: add --bpm 120"),
    "matte": (2, ["still", "photo.png", "--matte", "rgb(300,0,0)"], "write a colour"),
    "rate": (2, ["sweep", "photo.png", "-o", "a.mp4", "--fps", "1e999999999"], "write frames a"),
    "fast gif": (2, ["sweep", "photo.png", "-o", "a.gif", "--fps", "100"], "up to 50 frames"),
    "wide jpeg": (
        2,
        ["sweep", "photo.png", "-o", "a.jpg", "--pictures", "101", "--max-side", "700"],
        "too wide for a JPEG; use .png",
    ),
    "rows": (2, ["sweep", "photo.png", "--rows", "gamma=" + 9999 * "["], "gamma"),
    "two lines": (3, ["still", "no\nfile.png"], "no file.png"),
    "show": (2, ["presets", "show", "oils"], "preset oils: not found"),
    "sigma": (2, ["clip.mp4", "--sigma", "high"], "sigma = high"),
    "preview jobs": (2, ["clip.mp4", "--preview", "--jobs", "2"], "--jobs 2: a preview's"),
    "sweep jobs": (
        2,
        ["sweep", "clip.mp4", "-o", "s.mp4", "--jobs", "2"],
        "--jobs 2: in s.mp4 each",
    ),
    "preview restarts": (2, ["clip.mp4", "--preview", "--restart"], "--restart: a preview keeps"),
    "preview keeps": (2, ["clip.mp4", "--preview", "--keep-frames"], "--keep-frames: a preview"),
    "preview's frames": (2, ["clip.mp4", "--preview", "--frames-dir", "f"], "--frames-dir: a pre"),
    "rows of a moving sweep": (
        2,
        ["sweep", "clip.mp4", "-o", "a.mp4", "--rows", "sigma=1"],
        "moves, and --rows is for a sheet",
    ),
    "preview exists": (2, ["clip.mp4", "--preview", "-o", "there.mp4"], "there.mp4: exists"),
    "preview of text": (3, ["text.mp4", "--preview"], "text.mp4: this is not a video"),
    "preview's passage": (2, ["clip.mp4", "--preview", "--start", "9"], "start = 9 is not inside"),
    "unknown flag": (2, ["clip.mp4", "--gama-from", "1"], "--gama-from"),
    "no value": (2, ["clip.mp4", "--steps"], "--steps"),
    "no input": (2, ["--steps", "3"], "INPUT"),
    "two inputs": (2, ["clip.mp4", "text.mp4"], "text.mp4"),
    "passage": (
        2,
        ["clip.mp4", "--start", "9"],
        "start = 9 is not inside the clip, which lasts 0.25 s",
    ),
    "passage turned": (2, ["clip.mp4", "--start", "0.2", "--end", "0.1"], "no frame lies"),
    "output exists": (2, ["clip.mp4", "-o", "there.mp4"], "there.mp4: exists; use --overwrite"),
    "extension": (2, ["clip.mp4", "-o", "out.avi"], "out.avi: unknown kind of video"),
    "codec": (2, ["clip.mp4", "--codec", "h266"], "codec = h266: there is no codec h266; use one"),
    "codec's file": (2, ["clip.mp4", "--codec", "ffv1"], "--codec ffv1: .mp4 does not hold it"),
    "hardware": (
        4,
        ["clip.mp4", *SMALL, "--codec", "h264_amf"],
        "--codec h264_amf: does not work on this machine",
    ),
    "crf": (2, ["clip.mp4", "--crf", "60"], "--crf 60: h264 has 0 to 51"),
    "preset of the encoder": (
        2,
        ["clip.mp4", "--preview", "--encoder-preset", "fastest"],
        "--encoder-preset fastest: h264 has ultrafast",
    ),
    "pictures there": (2, ["clip.mp4", "-o", "p_%04d.png"], "such as p_0002.png; use --overwrite"),
    "one picture": (2, ["clip.mp4", "-o", "out.png"], "out.png: unknown kind of video; use one of"),
    "output is input": (2, ["clip.mp4", "-o", "clip.mp4"], "clip.mp4: is the input"),
    "output folder": (2, ["clip.mp4", "-o", "no/out.mp4"], "there is no folder"),
    "preset": (2, ["clip.mp4", "--preset", "oils"], "preset oils: not found"),
    "device": (2, ["clip.mp4", "--device", "abacus"], "--device abacus"),
    "precision": (2, ["clip.mp4", "--precision", "fp8"], "precision = fp8"),
    "progress": (2, ["clip.mp4", "--progress", "loud"], "loud"),
    "weights": (4, ["clip.mp4", "--weights", "no.pth"], "no.pth: the weights cannot be read"),
}


@pytest.fixture
def material(tmp_path, make_clip):
    make_clip("clip.mp4")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("It was a dark and stormy night.\n" * 20)
    (tmp_path / "there.mp4").write_bytes(b"a take")
    for name, size in (("photo.png", (700, 40)), ("p_0002.png", (40, 32))):
        Image.new("RGB", size, "teal").save(tmp_path / name)


@pytest.mark.usefixtures("material")
@pytest.mark.parametrize("case", WRONG)
def test_a_failure_is_one_line_on_stderr_and_the_code_of_its_kind(run, monkeypatch, tmp_path, case):
    monkeypatch.setenv("COLUMNS", "40")  # also on a narrow terminal
    expected, arguments, words = WRONG[case]
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(*arguments)
    assert code == expected
    assert out == ""
    assert err.startswith("mnst-video: ")
    assert err.count("\n") == 1
    assert words in err
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_flag_names_the_nearest(run, clip):
    assert "--gamma-from" in run(clip, "--gama-from", "1")[2]


@pytest.mark.parametrize("name", ["a:cat:b.mp4", "[red]b.mp4", "[/]b.mp4", "a\\b.mp4"])
def test_a_file_is_named_as_it_is_called(run, name):
    code, _, err = run(name)
    assert (code, err) == (3, f"mnst-video: {name}: there is no such file\n")


def test_debug_shows_the_traceback(run):
    code, _, err = run("missing.mp4", "--debug")
    assert code == 3
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1] == "mnst-video: missing.mp4: there is no such file"


def test_a_bug_of_ours_is_one_line_too(run, monkeypatch):
    def broken(*_, **__):
        raise ValueError("first line\nsecond line")

    monkeypatch.setattr(job, "render", broken)
    code, out, err = run("clip.mp4")
    assert (code, out) == (1, "")
    assert err == (
        "mnst-video: a bug in mnst-video: ValueError: first line second line "
        "(--debug shows where)\n"
    )
    monkeypatch.setattr(sys, "argv", ["mnst-video", "clip.mp4", "--debug"])
    with pytest.raises(ValueError, match="first line"):
        cli.main()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_render_with_their_codes(run, monkeypatch, number, code):
    monkeypatch.setattr(job, "render", lambda *_, **__: os.kill(os.getpid(), number))
    returned, out, err = run("clip.mp4")
    assert (returned, out) == (code, "")
    assert err.count("\n") == 1
    assert "the same command goes on from there" in err


def test_other_settings_are_told_with_what_to_do(run, make_clip, quick_flags):
    clip = make_clip(frames=2)
    assert run(clip, *quick_flags, "--keep-frames", "-o", "out.mp4")[0] == 0
    again = (clip, *quick_flags, "--overwrite", "--keep-frames", "-o", "out.mp4", "--sigma", "1")
    code, _, err = run(*again)
    assert (code, err.count("\n")) == (2, 1)
    assert "sigma: auto → 1.0" in err
    assert run(*again, "--restart")[0] == 0


# Doctor


def test_the_doctor_names_the_versions_and_finds_nothing_wrong(run):
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    for package in doctor.PACKAGES:
        assert f"✓ {package}: {version(package)}\n" in out
    words = ("python: ", "device: ", "weights: ", "base network: ", "ffmpeg: ffmpeg version ")
    for word in (*words, f"[onnx]: onnx {version('onnx')}\n"):
        assert f"✓ {word}" in out
    assert "✗" not in out


@pytest.mark.parametrize("missing", ["load_weights", "packaged_path"])
def test_the_doctor_says_what_is_wrong(run, monkeypatch, missing):
    def broken():
        raise MachineError("weights.bin: the packaged weights are damaged")

    monkeypatch.setattr(doctor, missing, broken)
    code, out, err = run("doctor")
    assert (code, err) == (4, "")
    assert "✗ weights: weights.bin: the packaged weights are damaged\n" in out


def test_the_doctor_notices_an_ffmpeg_that_does_not_run(run, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "none"))
    code, out, _ = run("doctor")
    assert code == 4
    assert "✗ ffmpeg: does not run" in out


# Displays


@pytest.fixture
def events(make_clip, quick, tmp_path):
    found = []
    render(make_clip(frames=3), tmp_path / "out.mp4", quick(), observe=found.append)
    return found


@pytest.fixture
def plan(events):
    return next(event for event in events if isinstance(event, Plan))


def shown(style, events, terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=160)
    with progress.make_display(style, console) as display:
        for event in events:
            display(event)
    return file.getvalue()


def test_a_terminal_gets_a_live_display_and_a_log_gets_lines(events):
    live, lines = shown("auto", events, True), shown("auto", events, False)
    assert "\x1b[" in live
    assert "γ 0 → 1" in live
    assert "\x1b" not in lines
    assert shown("plain", events, False).splitlines()[:2] == lines.splitlines()[:2]
    assert lines.splitlines()[-1] == "encoding 3 frames"
    assert any(line.startswith("frame 3/3, shot 1, γ 1.000") for line in lines.splitlines())
    assert shown("none", events, True) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_names_are_shown_as_they_are(plan, terminal):
    plan = with_setup(plan, options={"style2": Path("[bold]b.png")})
    assert "[bold]b.png" in shown("auto", [plan], terminal)


def with_setup(plan, options=None, values=None):
    """A plan with other options, or with other values of gamma on each frame."""
    setup = plan.setup
    if options:
        setup = dataclasses.replace(setup, options=setup.options.model_copy(update=options))
    if values:
        course = dataclasses.replace(setup.course, values=values)
        setup = dataclasses.replace(setup, course=course, frames=range(len(values)))
    return dataclasses.replace(plan, setup=setup)


@pytest.mark.parametrize(
    ("values", "course"),
    [
        ((1.0, 0.5, 0.0), "γ 1 → 0 (0 is stripes.png, 1 is noise.png), σ"),
        ((1.0, 1.0), "γ 1 → 1 ("),
        ((0.0, 1.0, 0.0), "γ 0 → 0, between 0 and 1 ("),
        ((0.25,), "γ 0.25 → 0.25 ("),
    ],
)
def test_the_plan_shows_the_course_of_gamma_and_what_its_ends_are(plan, values, course):
    assert plan_lines(with_setup(plan, values=values))[0].startswith(course)


def test_the_clock():
    assert [minutes(s) for s in (0, 7.4, 59.6, 3599, 3723)] == [
        *("0:00", "0:07", "1:00", "59:59", "1:02:03")
    ]


# As a process


def test_the_package_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "mnst_video", "missing.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (InputError.exit_code, "")
    assert done.stderr == "mnst-video: missing.mp4: there is no such file\n"


def test_the_time_left_counts_only_what_is_pending():
    """Resumed in the second shot: its first frame is done, so only short frames are left."""
    plan = SimpleNamespace(
        frames=10,
        shots=(Shot(0, 0, 5), Shot(1, 5, 10)),
        pending=(7, 8, 9),
        busy=1,
    )
    pace = _Pace(plan)
    assert pace.left(7) == "–"
    pace.add(FrameDone(7, 8, 1, 0.5, None, seconds=30.0))
    assert pace.left(8) == "1:00"
    pace.jobs = 2
    assert pace.left(8) == "0:30"


def test_the_links_of_the_readme_and_the_docs_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), f"{page}: {link}"


def test_the_reproduction_has_the_text_of_its_template():
    """Its tables are the script's; what is said of them stands in the template."""

    def text(name):
        lines = (ROOT / "docs" / name).read_text().splitlines()
        return [line for line in lines if not line.startswith(("|", "@"))]

    template = (ROOT / "docs" / "reproduction.in.md").read_text()
    tables = [line for line in template.splitlines() if line.startswith("|")]
    assert text("reproduction.md") == text("reproduction.in.md")
    assert set(tables) <= set((ROOT / "docs" / "reproduction.md").read_text().splitlines())


def test_a_still_shows_its_progress_in_the_same_words_as_a_render(run, clip, quick_flags):
    still = ("still", clip, *quick_flags[:4], *SMALL, "--overwrite", "--progress")
    code, _, err = run(*still, "json")
    assert code == 0
    counts = [json.loads(line) for line in err.splitlines()]
    assert counts == [{"event": "count", "done": n, "total": 2} for n in (1, 2)]
    assert run(*still, "none")[0::2] == (0, "")


def test_a_still_takes_sequences_and_beats(run, tmp_path, texture, quick_flags):
    (tmp_path / "shots").mkdir()
    for number in range(4):
        save_image(texture(48, 32, number), tmp_path / "shots" / f"{number:03}.png")
    taken = {}
    for name, at in (("frame", "2f"), ("beat", "1b")):
        flags = ("--fps", "4", "--bpm", "120", "--at", at, "-o", f"{name}.png")
        code, _, err = run(
            "still", "shots", *quick_flags[:4], *SMALL, *flags, "--preset", "verse-chorus"
        )
        assert code == 0, err
        taken[name] = (tmp_path / f"{name}.png").read_bytes()
    assert taken["frame"] == taken["beat"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mnst-video clip.mp4 --preset verse", {"verse-chorus"}),
        ("mnst-video presets show dr", {"draft"}),
        ("mnst-video clip.mp4 --codec h264_va", {"h264_vaapi"}),
        ("mnst-video clip.mp4 --react on", {"onset:"}),
        ("mnst-video sti", {"still"}),
    ],
)
def test_the_shell_completes_commands_presets_and_codecs(line, offered):
    environment = {**os.environ, "_MNST_VIDEO_COMPLETE": "complete_zsh"}
    environment["_TYPER_COMPLETE_ARGS"] = line
    program = "import sys; sys.argv[0] = 'mnst-video'; from mnst_video.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    found = re.findall(r'\("((?:[^"\\]|\\.)+)"', done.stdout)
    assert {word.replace("\\", "") for word in found} == offered


def test_an_easing_is_completed_where_it_stands():
    assert COMPLETIONS["gamma"]("0=0, 1s=1 ease-in-out-s") == ["0=0, 1s=1 ease-in-out-sine"]
    assert COMPLETIONS["gamma"]("0=0") == []
