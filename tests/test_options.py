"""Options: what is accepted, what is said about the rest, and which preset wins."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from mnst_video.errors import UsageError
from mnst_video.options import QUALITY, TIMING, Options, resource
from mnst_video.presets import make_options, preset_names, read_preset
from mnst_video.timeline.keys import Timeline
from mnst_video.timeline.timecode import Time


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("gama_from", "gamma_from"), ("stepps", "steps"), ("style_wieght", "style_weight")],
)
def test_an_unknown_option_names_the_nearest(wrong, right):
    with pytest.raises(UsageError, match=f"there is no option {wrong}; did you mean {right}"):
        make_options((), {wrong: 1})


def test_an_unknown_option_that_is_near_nothing_gets_no_hint():
    with pytest.raises(UsageError, match=r"there is no option xyzzy$"):
        make_options((), {"xyzzy": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "many"),
        ("steps", 1.5),
        ("steps", 0),
        ("first_steps", -1),
        ("crf", 64),
        ("threads", 0),
        ("max_side", 8),
        ("style1", 3),
        ("device", 3),
        ("precision", "fp8"),
        ("losses", "mine"),
        ("content_layer", "block1_conv1"),
        ("warm_start", "perhaps"),
        ("style_scale", 0.0),
        ("content_weight", -0.1),
        ("layer_shares", (0.2, 0.2, 0.2, 0.2)),
        ("layer_shares", (0.2, 0.2, 0.2, 0.2, -0.2)),
        ("layer_shares", "0,0,0,0,0"),
        ("layer_shares", "bold"),
        ("rate", 0.0),
        ("rate_decay", 1.5),
        ("steps", "6"),
        ("steps", True),
        ("content_weight", True),
        ("sigma", True),
        ("start", True),
        ("start", "9 o'clock"),
        ("bpm", 0),
        ("bpm", "fast"),
        ("bpm", True),
        ("beats_per_bar", 0),
        ("gamma", True),
        ("gamma", ["0=0"]),
        ("audio", 3),
        ("react", "rms"),
        ("react", ["clap:0.5"]),
        ("react", [{"kind": "rms", "amount": 0.3, "colour": "red"}]),
        ("sigma", "automatic"),
        ("sigma", 0),
        ("sigma", "-2"),
        ("sigma", None),
        ("output_size", "large"),
        ("output_size", "1280"),
        ("output_size", "1280x"),
        ("output_size", "0x10"),
        ("output_size", "-1x10"),
        ("cuts", "1.5,x"),
        ("cuts", ""),
        ("cuts", 3),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"options: {name} = ") as caught:
        make_options((), {name: value})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "marked"),
    [
        ({"gamma_from": 1.5}, "gamma: start=»1.5«, end=1: must be between 0 and 1"),
        ({"gamma_to": -0.5}, "gamma: start=0, end=»-0.5«: must be between 0 and 1"),
        ({"gamma_to": "red"}, "gamma: start=0.0, end=»red«: red is not a number"),
        ({"gamma": 2}, "gamma: »2«: must be between 0 and 1"),
        ({"gamma": "0=0, 5=1 eas-in"}, "»eas-in«: there is no easing eas-in; did you mean ease-in"),
        ({"strength": "0=-1"}, "strength: 0=»-1«: must be between 0 and 1"),
        ({"position": 0}, "position: »0«: must be 1 or more"),
    ],
)
def test_a_wrong_timeline_is_shown_with_the_place_marked(given, marked):
    with pytest.raises(UsageError) as caught:
        make_options((), given)
    assert str(caught.value).startswith(f"options: {marked}"[:9])
    assert marked in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gamma": 0.5, "gamma_from": 0.5}, "give gamma, or gamma_from and gamma_to, not both"),
        ({"strokes": "bald"}, "strokes: give one of fine, even, bold"),
        ({"strokes": ["bold"]}, "strokes: give one of fine, even, bold"),
        ({"strokes": "bold", "layer_shares": [1, 1, 1, 1, 1]}, "give strokes"),
        ({"losses": "article", "strokes": "bold"}, "are of the relative losses"),
        ({"gamma": 0.5, "position": 1}, r"give gamma \(two styles\) or position \(a setlist\)"),
        ({"style": ["a", "b"], "style1": "c"}, "give style for all pictures, or style1 and style2"),
        ({"style": ["a"]}, "style is a list of two pictures or more"),
        ({"style": "a"}, "style is a list of two pictures or more"),
        ({"repeat": "8b", "gamma": "0b=0\nREPEAT 4b"}, "gamma says already how it repeats"),
        ({"style": ["a", "b"], "more_styles": ["c"]}, "give style for all pictures"),
        ({"repeat": "8b"}, "repeat needs the keys that it repeats"),
        ({"repeat": "8b", "gamma": 0.5}, "repeat needs the keys that it repeats"),
    ],
)
def test_shorthands_that_contradict_each_other_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        make_options((), given)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"gamma_from": 0.2, "gamma_to": 0.7}, {"gamma": "start=0.2, end=0.7"}),
        ({"strokes": "bold"}, {"layer_shares": (0.1, 0.1, 0.2, 0.3, 0.3)}),
        ({"strokes": "even"}, {}),
        ({"layer_shares": "1, 0,0,2,0.5"}, {"layer_shares": [1.0, 0.0, 0.0, 2.0, 0.5]}),
        ({"gamma_from": 0.2}, {"gamma": "start=0.2, end=1"}),
        ({"gamma_to": 0.2}, {"gamma": "start=0, end=0.2"}),
        ({"gamma": 0.25}, {"gamma": "0.25"}),
        ({"gamma": "0b=0, 4b=1", "repeat": "8b"}, {"gamma": "0b=0, 4b=1 repeat 8b"}),
        (
            {"style": ["a", "b", "c"]},
            {"style1": "a", "style2": "b", "more_styles": ["c"]},
        ),
        ({"style": ["a", "b"]}, {"style1": "a", "style2": "b"}),
        ({"react": "rms:0.3"}, {"react": [{"kind": "rms", "amount": 0.3}]}),
        ({"cuts": "1.5, 1:30"}, {"cuts": [1.5, 90]}),
    ],
)
def test_shorthands_stand_for_options(given, same):
    assert make_options((), given) == make_options((), same) == Options(**given)


def test_options_survive_json():
    """A finished clip's record is read as a preset."""
    options = make_options(
        (),
        {
            "style": ["/a", "/b", "/c"],
            "position": "0=1, 10s=2 ease-in-out, -1bar=3 repeat 8bar",
            "strength": "0:(0.0), 30:(1)",
            "react": ["rms:0.3[band=20-150]", "beat:-0.25"],
            "start": "0:01.5",
            "cuts": "1.5,32b",
            "bpm": 127.5,
        },
    )
    again = Options(**json.loads(options.model_dump_json()))
    assert again == options


def test_quality_and_timing_are_options_and_share_none():
    assert set(Options.model_fields) > TIMING | QUALITY
    assert not TIMING & QUALITY


NUMBERS = [
    name for name, field in Options.model_fields.items() if isinstance(field.default, float)
] + ["start", "end", "sigma", "cuts", "bpm", "beat_offset", "gamma", "strength", "position"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_number_may_be_nan_or_infinite(name, value):
    with pytest.raises(UsageError, match=name):
        make_options((), {name: value if name == "cuts" else float(value)})


def test_the_message_for_a_size_out_of_range_names_the_bound():
    with pytest.raises(UsageError, match=r"output_size = 1280x8: .*16"):
        make_options((), {"output_size": "1280x8"})


def test_the_message_for_a_wrong_cut_says_what_is_wrong():
    with pytest.raises(UsageError, match=r"cuts = 1,2x: .*such as 1\.5,3\.25: 2x is not a time"):
        make_options((), {"cuts": "1,2x"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("sigma", "auto", "auto"),
        ("sigma", "shot", "shot"),
        ("sigma", "2.5", 2.5),
        ("sigma", 1, 1.0),
        ("output_size", "source", "source"),
        ("output_size", "1280x720", (1280, 720)),
        ("output_size", "1280X720", (1280, 720)),
        ("output_size", [1280, 720], (1280, 720)),
        ("output_size", None, None),
        ("cuts", "auto", "auto"),
        ("cuts", "none", "none"),
        ("cuts", "1.5", (Time.parse("1.5"),)),
        ("cuts", "1.5,3.25", (Time.parse("1.5"), Time.parse("3.25"))),
        ("cuts", [1, "2.5"], (Time.parse("1"), Time.parse("2.5"))),
        ("gamma", 1, Timeline.constant(1.0)),
        ("strength", "0.5", Timeline.constant(0.5)),
        ("start", 0.25, Time.parse("0.25")),
        ("start", "8bar", Time.parse("8bar")),
        ("bpm", "127.5", 127.5),
        ("bpm", "auto", "auto"),
        ("audio", "song.wav", Path("song.wav")),
    ],
)
def test_a_right_value_is_taken(name, text, value):
    assert getattr(make_options((), {name: text}), name) == value


def test_something_must_pull():
    with pytest.raises(UsageError, match="cannot both be 0"):
        make_options((), {"style_weight": 0, "content_weight": 0})
    assert make_options((), {"style_weight": 0}).style_weight == 0.0


def test_options_cannot_be_changed():
    with pytest.raises(ValidationError):
        Options().steps = 3


def test_without_presets_and_options_the_defaults_hold():
    assert make_options((), {}) == Options()


def test_a_later_preset_wins_and_options_win_over_all(tmp_path):
    one = write(tmp_path / "one.toml", "steps = 11\ncrf = 11\nfirst_steps = 11\n")
    two = write(tmp_path / "two.toml", "steps = 22\ncrf = 22\n")
    options = make_options((one, two), {"crf": 33})
    assert (options.first_steps, options.steps, options.crf) == (11, 22, 33)
    options = make_options((two, one), {})
    assert (options.first_steps, options.steps, options.crf) == (11, 11, 11)


def test_an_option_that_equals_the_default_wins_too(tmp_path):
    preset = write(tmp_path / "one.toml", "steps = 11\nlosses = 'article'\n")
    given = {"steps": Options().steps, "losses": Options().losses}
    assert make_options((preset,), given) == Options()


def test_a_presets_styles_lie_beside_it(tmp_path, monkeypatch):
    (tmp_path / "looks").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    absolute = tmp_path / "b.png"
    text = f"style1 = 'pictures/a.png'\nstyle2 = '{absolute.as_posix()}'\n"
    write(tmp_path / "looks" / "oil.toml", text)
    options = make_options(("../looks/oil.toml",), {})
    assert options.style1.resolve() == tmp_path / "looks" / "pictures" / "a.png"
    assert options.style2 == absolute
    given = make_options(("../looks/oil.toml",), {"style1": Path("mine.png")})
    assert given.style1 == Path("mine.png")


def test_an_unknown_preset_lists_the_shipped_ones():
    with pytest.raises(UsageError, match=r"preset oils: not found.*article"):
        make_options(("oils",), {})


def test_a_preset_file_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"preset no/such\.toml: not found"):
        make_options(("no/such.toml",), {})


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("bad.toml", "steps = \n", r"bad\.toml: cannot be read"),
        ("bad.json", "{", r"bad\.json: cannot be read"),
        ("list.json", "[1, 2]", "holds no options"),
        ("none.json", '{"steps": 3}', "holds no options"),
        ("typo.toml", "stepps = 3\n", r"typo\.toml: there is no option stepps; did you mean steps"),
        ("range.toml", "gamma_from = 3.0\n", r"range\.toml: gamma: start=»3«"),
        ("clock.toml", "start = 01:30:00\n", r'start = 01:30:00 is a clock .*start = "01:30:00"'),
        ("self.toml", "extends = 'self.toml'\n", "extends itself"),
        ("base.toml", "extends = 'no.toml'\n", r"no\.toml: not found"),
        ("two.toml", "extends = ['fine', 'article']\n", "extends takes the name of one preset"),
        ("typed.toml", "steps = '6'\n", r"typed\.toml: steps = 6: input should be a valid integer"),
        ("table.toml", "[look]\nsteps = 3\n", r"table\.toml: there is no option look"),
    ],
)
def test_a_preset_that_is_wrong_is_named(tmp_path, name, text, reason):
    with pytest.raises(UsageError, match=reason):
        make_options((write(tmp_path / name, text),), {})


def test_a_wrong_preset_is_refused_also_where_an_option_covers_it(tmp_path):
    preset = write(tmp_path / "range.toml", "gamma_from = 3.0\n")
    with pytest.raises(UsageError, match=r"range\.toml"):
        make_options((preset,), {"gamma_from": 0.5})


def test_the_last_source_decides_between_gamma_and_position(tmp_path):
    one = write(tmp_path / "one.toml", "position = '0=1, 1=2'\nstrength = 0.5\n")
    two = write(tmp_path / "two.toml", "gamma = 0.3\n")
    options = make_options((one, two), {})
    assert (options.gamma, options.position) == (Timeline.constant(0.3), None)
    options = make_options((two, one), {})
    assert (options.gamma, options.position.keys[1].value) == (None, 2.0)
    options = make_options((two, one), {"gamma_to": 0.5})
    assert (options.gamma, options.position) == (Timeline.ramp(0.0, 0.5), None)
    assert options.strength == Timeline.constant(0.5)


def test_a_preset_extends_another_key_by_key(tmp_path):
    (tmp_path / "below").mkdir()
    text = "style1 = 'a.png'\nstyle2 = 'b.png'\nsteps = 11\nrate = 2.0\ngamma = '0b=0, 1b=1'\n"
    write(tmp_path / "below" / "base.toml", text)
    text = "extends = 'below/base.toml'\nstyle2 = 'c.png'\nsteps = 22\nrepeat = '2b'\n"
    options = make_options((write(tmp_path / "top.toml", text),), {})
    assert (options.steps, options.rate) == (22, 2.0)
    assert options.style1 == tmp_path / "below" / "a.png"
    assert options.style2 == tmp_path / "c.png"
    assert options.gamma == Timeline.parse("0b=0, 1b=1 repeat 2b")
    text = "extends = 'below/base.toml'\nstyle = ['c.png', 'd.png', 'e.png']\n"
    options = make_options((write(tmp_path / "list.toml", text),), {})
    assert options.styles == tuple(tmp_path / name for name in ("c.png", "d.png", "e.png"))
    for text, gamma, position in (
        ("gamma_to = 0.5", "start=0, end=0.5", None),
        ("gamma = 0.25\nstyle1 = 'x.png'", "0.25", None),
        ("position = '0=1, 1=2'\nrepeat = '3s'", None, "0=1, 1=2 repeat 3"),
    ):
        preset = write(tmp_path / "over.toml", f"extends = 'top.toml'\n{text}\n")
        options = make_options((preset,), {})
        assert (options.gamma and str(options.gamma)) == gamma
        assert (options.position and str(options.position)) == position
    preset = write(tmp_path / "again.toml", "extends = 'top.toml'\nrepeat = '5b'\n")
    assert str(make_options((preset,), {}).gamma) == "0b=0, 1b=1 repeat 5b"
    text = 'gamma = """0b=0, 1b=1\nREPEAT 4b"""\n'
    write(tmp_path / "lines.toml", text)
    preset = write(tmp_path / "again.toml", "extends = 'lines.toml'\nrepeat = '3b'\n")
    assert str(make_options((preset,), {}).gamma) == "0b=0, 1b=1 repeat 3b"
    preset = write(tmp_path / "one.toml", "extends = 'list.toml'\nstyle2 = 'x.png'\n")
    assert [p.name for p in make_options((preset,), {}).styles] == ["c.png", "x.png", "e.png"]
    options = make_options((write(tmp_path / "fine.toml", "extends = 'fine'\ncrf = 3\n"),), {})
    assert (options.crf, options.steps) == (3, make_options(("fine",), {}).steps)


def test_a_presets_keys_need_not_know_the_clip_and_typed_ones_must(tmp_path):
    one = write(tmp_path / "one.toml", "gamma = '0=0, 300=1'\nstrength = '0=0, 300=1'\n")
    options = make_options((one,), {"strength": "0=0, 300=1"})
    assert (options.gamma.typed, options.strength.typed) == (False, True)


def test_a_typed_style_replaces_one_picture_of_a_presets_setlist(tmp_path):
    one = write(tmp_path / "one.toml", "style = ['a.png', 'b.png', 'c.png']\n")
    options = make_options((one,), {"style2": Path("/x.png")})
    assert options.styles == (tmp_path / "a.png", Path("/x.png"), tmp_path / "c.png")
    options = make_options((one,), {"style": [Path("/x.png"), Path("/y.png")]})
    assert options.styles == (Path("/x.png"), Path("/y.png"))


def test_the_preset_default_is_the_built_in_quality(tmp_path):
    one = write(tmp_path / "one.toml", "steps = 11\ngamma = 0.3\nstyle_scale = 2.0\n")
    options = make_options((one, "default"), {})
    assert options == Options(gamma=0.3)
    assert set(read_preset("default")) == QUALITY


def test_a_folder_or_bytes_are_no_preset(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("folder.toml", "bytes.toml"):
        with pytest.raises(UsageError, match=f"{name}: cannot be read"):
            make_options((str(tmp_path / name),), {})


@pytest.mark.parametrize("name", preset_names())
def test_a_shipped_preset_is_about_quality_or_about_timing(name):
    values = read_preset(name)
    assert values
    make_options((name,), {})
    set_by_it = {option for option, value in values.items() if value is not None}
    assert set_by_it <= QUALITY or set_by_it <= TIMING


def test_the_article_preset_has_the_articles_numbers():
    options = make_options(("article",), {})
    assert options.losses == "article"
    assert options.content_layer == "block5_conv2"
    assert (options.content_weight, options.style_weight) == (0.002, 0.02)
    assert (options.first_rate, options.rate_decay, options.first_steps) == (12.0, 0.6, 100)
    assert (options.sigma, options.pyramid_levels, options.warm_start) == (1.0, 1, False)


def test_a_finished_clips_record_is_a_preset(tmp_path):
    options = Options(
        style1=tmp_path / "a.png",
        style2=tmp_path / "b.png",
        sigma=2.5,
        cuts=[1.0, 2.0],
        output_size=(320, 240),
        steps=3,
    )
    record = {"output": "x.mp4", "options": options.model_dump(mode="json")}
    path = write(tmp_path / "x.mp4.mnst.json", json.dumps(record))
    assert make_options((path,), {}) == options
    assert make_options((path,), {"steps": 4}).steps == 4


def test_resources_are_found():
    assert resource("presets/article.toml").is_file()
    assert Options().style1.is_file()
    assert Options().style2.is_file()
    assert "article" in preset_names()


def test_of_a_mask_of_gamma_and_a_wipe_the_later_source_decides(tmp_path):
    one = write(tmp_path / "one.toml", "wipe = 'left'\nsoftness = 0.1\n")
    two = write(tmp_path / "two.toml", "mask_from = 'person'\n")
    assert str(make_options((one, two), {}).gamma_mask) == "person"
    assert make_options((one, two), {}).wipe is None
    assert str(make_options((two, one), {}).wipe) == "left"
    assert make_options((two, one), {}).gamma_mask is None
    assert str(make_options((two,), {"wipe": "iris"}).wipe) == "iris"
    with pytest.raises(UsageError, match="not both"):
        make_options((), {"wipe": "left", "gamma_mask": "m.png"})
    with pytest.raises(UsageError, match="the article keeps nothing"):
        make_options(("article",), {"content_mask": "m.png"})


def test_masks_in_a_preset_are_beside_it(tmp_path):
    values = "gamma_mask = 'm.mp4[short=loop]'\nstrength_mask = 'luma:0-0.5'\n"
    options = make_options((write(tmp_path / "one.toml", values),), {})
    assert options.gamma_mask.path == tmp_path / "m.mp4"
    assert options.masks.paths == (tmp_path / "m.mp4",)
    assert options.masks.mode == "replace"
    # As JSON and back, as records have them.
    again = Options.model_validate(options.model_dump(mode="json"))
    assert again == options
