"""Options: what is accepted, what is said about the rest, and which preset wins."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from mnst_video.config import Options, make_options, preset_names, read_preset, resource
from mnst_video.errors import UsageError


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
        ("crf", 52),
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
        ("rate", 0.0),
        ("rate_decay", 1.5),
        ("start", -1.0),
        ("gamma_from", 1.5),
        ("gamma_to", -0.001),
        ("gamma_from", "left"),
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
        ("cuts", "-1"),
        ("cuts", 3),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"options: {name} = ") as caught:
        make_options((), {name: value})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


NUMBERS = [
    name for name, field in Options.model_fields.items() if isinstance(field.default, float)
] + ["start", "end", "sigma", "cuts"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_number_may_be_nan_or_infinite(name, value):
    with pytest.raises(UsageError, match=name):
        make_options((), {name: value if name == "cuts" else float(value)})


def test_the_message_for_a_size_out_of_range_names_the_bound():
    with pytest.raises(UsageError, match=r"output_size = 1280x8: .*16"):
        make_options((), {"output_size": "1280x8"})


def test_the_message_for_a_negative_cut_says_what_is_wrong():
    with pytest.raises(UsageError, match=r"cuts = 1,-2: .*(greater|seconds)"):
        make_options((), {"cuts": "1,-2"})


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
        ("cuts", "1.5", (1.5,)),
        ("cuts", "1.5,3.25", (1.5, 3.25)),
        ("cuts", [1, 2.5], (1.0, 2.5)),
        ("gamma_from", 1, 1.0),
        ("gamma_to", 0.0, 0.0),
        ("start", 0.25, 0.25),
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
        ("range.toml", "gamma_from = 3.0\n", r"range\.toml: gamma_from = 3\.0"),
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


def test_a_folder_or_bytes_are_no_preset(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("folder.toml", "bytes.toml"):
        with pytest.raises(UsageError, match=f"{name}: cannot be read"):
            make_options((str(tmp_path / name),), {})


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_is_valid(name):
    values = read_preset(name)
    options = make_options((name,), {})
    assert values
    for option, value in values.items():
        assert getattr(options, option) == value or option.startswith("style")


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
        cuts=(1.0, 2.0),
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
