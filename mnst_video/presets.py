"""Presets: settings in files, how they add up, and how they are written."""

import datetime
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mnst_video.errors import TextError, UsageError
from mnst_video.media.files import write_bytes
from mnst_video.media.input.mask_source import MASKS, MaskSource
from mnst_video.option_types import SHORTHANDS, spell_out
from mnst_video.options import QUALITY, Options, resource
from mnst_video.timeline.keys import Timeline

# Not a file: the built-in values of all options of quality.
DEFAULT = "default"
DEFAULT_SUMMARY = "The built-in look and method: what holds without a preset."

PATHS = ("style1", "style2", "weights", "audio", "model")
# Values of them that are words, not files.
WORDS = {"weights": ("packaged", "torchvision"), "model": ("auto",)}


def make_options(presets: Iterable[str], given: Mapping[str, Any]) -> Options:
    """Options from presets, the later winning, and from what the user gave, which wins over all.

    A preset is a shipped one's name, a TOML file, or the `.mnst.json` file of a finished clip.
    Raises UsageError with the name of the option and the nearest right one.
    """
    merged: dict[str, Any] = {}
    for preset in presets:
        values = read_preset(preset)
        checked = _validate(values, f"preset {preset}")
        for name in values:
            value = getattr(checked, name)
            if isinstance(value, Timeline):  # it need not know how long the clip is
                values[name] = replace(value, typed=False)
        merged |= values
    _validate(given, "options")
    return _validate(merged | spell_out(given), "options")


def read_preset(preset: str) -> dict[str, Any]:
    """The settings of one preset, by the names of `Options`, not yet validated.

    Paths in it are relative to it. Raises UsageError where it cannot be read.
    """
    if preset == DEFAULT:
        return {name: Options.model_fields[name].default for name in sorted(QUALITY)}
    return _read(preset, ())


def _read(preset: str, extending: tuple[Path, ...]) -> dict[str, Any]:
    """The settings of a file, spelled out, on top of those of the preset that it extends."""
    path = preset_path(preset)
    if path.resolve() in extending:
        raise UsageError(f"preset {preset}: extends itself")
    values: Any
    try:
        text = path.read_text(encoding="utf-8-sig")
        is_record = path.suffix.lower() == ".json"
        values = json.loads(text) if is_record else tomllib.loads(text)
    except FileNotFoundError:
        raise UsageError(f"preset {preset}: not found; {_known(preset)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"preset {preset}: cannot be read ({error})") from None
    if is_record:
        values = values.get("options") if isinstance(values, dict) else None
    if not isinstance(values, dict):
        raise UsageError(f"preset {preset}: this file holds no options")
    for name, value in values.items():
        if isinstance(value, (datetime.time, datetime.date)):
            raise UsageError(
                f"preset {preset}: {name} = {value} is a clock time or a date in TOML; a time in "
                f'a clip is a text: {name} = "{value}"'
            )
        values[name] = _beside(path, name, value)
    base, below = values.pop("extends", None), {}
    if base is not None and not isinstance(base, str):
        raise UsageError(f"preset {preset}: extends takes the name of one preset, in quotes")
    if base == DEFAULT:
        below = read_preset(DEFAULT)
    elif base is not None:
        base = str(path.parent / base) if _is_file(base) else base
        below = _read(base, (*extending, path.resolve()))
    if "repeat" in values and not {"gamma", "gamma_from", "gamma_to", "position"} & values.keys():
        # Alone it repeats the keys that are extended.
        keys = {name: below[name] for name in ("gamma", "position") if below.get(name)}
        values |= {name: _without_repeat(keys[name]) for name in keys}
    try:
        return below | spell_out(values)
    except ValueError as error:
        raise UsageError(f"preset {preset}: {error}") from None


def _without_repeat(keys: object) -> object:
    """The text of keys without the loop at its end; what is no such text stays itself."""
    return re.split(r"\brepeat\b", keys, flags=re.IGNORECASE)[0] if isinstance(keys, str) else keys


def _beside(preset: Path, name: str, value: Any) -> Any:
    """A path in a preset, seen from the preset; an absolute path stays itself."""
    if name in ("style", "more_styles") and isinstance(value, list):
        return [str(preset.parent / v) if isinstance(v, str) else v for v in value]
    if name in (*MASKS, "mask_from") and isinstance(value, str):
        return _mask_seen(value, lambda path: str(preset.parent / path))
    if name in PATHS and isinstance(value, str) and value not in WORDS.get(name, ()):
        return str(preset.parent / value)
    return value


def _mask_seen(text: str, place: Callable[[str], str]) -> str:
    """A mask with its file, if it is one, elsewhere; what is no mask stays itself."""
    try:
        source = MaskSource.parse(text)
    except ValueError:
        return text
    if source.kind != "file":
        return text
    return str(replace(source, path=Path(place(source.path.as_posix()))))


def _is_file(preset: str) -> bool:
    return Path(preset).suffix.lower() in {".toml", ".json"}


def preset_path(preset: str) -> Path:
    """The file of a preset that is a file's path or a shipped one's name. Raises UsageError."""
    if _is_file(preset):
        return Path(preset)
    if preset not in preset_names():
        raise UsageError(f"preset {preset}: not found; {_known(preset)}")
    return resource("presets") / f"{preset}.toml"


def _known(preset: str) -> str:
    near = get_close_matches(preset, preset_names(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}shipped ones are {', '.join(preset_names())}"


def preset_names() -> list[str]:
    """The names of the shipped presets."""
    return [DEFAULT, *sorted(path.stem for path in resource("presets").glob("*.toml"))]


def preset_text(preset: str) -> str:
    """A preset as it is written, with its comments. Raises UsageError."""
    if preset == DEFAULT:
        return to_toml(read_preset(DEFAULT), DEFAULT_SUMMARY)
    read_preset(preset)
    return preset_path(preset).read_text(encoding="utf-8-sig")


def preset_summary(name: str) -> str:
    """What a shipped preset is, in a line: the first line of its file."""
    return preset_text(name).splitlines()[0].removeprefix("# ")


def options_toml(options: Options, names: Iterable[str], title: str, folder: Path) -> str:
    """Options of these names as a preset that lies in `folder`, with what each does as a comment.

    Those that are None are left out: they are what nobody has set.
    """
    values = options.model_dump(mode="json", include=set(names), exclude_none=True)
    for name in PATHS:
        if name in values and values[name] not in WORDS.get(name, ()):
            values[name] = _seen_from(folder, values[name])
    for name in (mask for mask in MASKS if mask in values):
        values[name] = _mask_seen(values[name], partial(_seen_from, folder))
    if "more_styles" in values:
        values = {"style": [_seen_from(folder, str(path)) for path in options.styles]} | {
            name: value
            for name, value in values.items()
            if name not in ("style1", "style2", "more_styles")
        }
    return to_toml(values, title)


def check_preset_target(path: Path, overwrite: bool) -> None:
    """Raise UsageError where a preset cannot or must not be written."""
    if path.suffix.lower() != ".toml":
        raise UsageError(f"{path}: a preset's name ends in .toml")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: exists; use --overwrite, or another name")
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        problem = "cannot be written to" if folder.is_dir() else "is not there"
        raise UsageError(f"{path}: the folder {folder} {problem}")


def save_preset_file(path: Path, options: Options, overwrite: bool) -> None:
    """Write what was set of the options, by presets or by hand, as a preset.

    Raises UsageError where nothing was set or the file is there, MachineError.
    """
    check_preset_target(path, overwrite)
    if not options.model_fields_set:
        raise UsageError("no options to save: give them as for a render, such as --gamma 0.4")
    names = [name for name in Options.model_fields if name in options.model_fields_set]
    text = options_toml(options, names, f"Saved by mnst-video as {path.name}", path.parent)
    write_bytes(path, text.encode())


def _seen_from(folder: Path, path: str) -> str:
    """Relative where the file lies in or below the folder."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its name
    base = Path(os.path.abspath(folder))  # noqa: PTH100
    inside = absolute.is_relative_to(base)
    return (absolute.relative_to(base) if inside else absolute).as_posix()


def to_toml(values: Mapping[str, Any], title: str) -> str:
    """A flat TOML file with comments."""
    lines = [f"# {title}", ""]
    for name, value in values.items():
        if value is None:
            continue
        field = Options.model_fields.get(name)
        if field is not None:
            lines.append(f"# {field.description}")
        # Texts, numbers, true, false and lists of them are the same in JSON and TOML.
        shown = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        lines.append(f"{name} = {shown}")
    return "\n".join(lines) + "\n"


def _validate(values: Mapping[str, Any], where: str) -> Options:
    try:
        return Options(**values)
    except ValidationError as error:
        errors = error.errors()
        # Of a union's members, the one that is no word says more about what is wrong.
        first = next((e for e in errors if e["type"] != "literal_error"), errors[0])
        name = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            near = get_close_matches(name, (*Options.model_fields, *SHORTHANDS), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{where}: there is no option {name}{hint}") from None
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, TextError):
            raise UsageError(f"{where}: {name}: {cause}") from None
        reason = first["msg"].removeprefix("Value error, ")
        reason = reason[:1].lower() + reason[1:]
        shown = f"{name} = {values[name]}: " if name in values else ""
        raise UsageError(f"{where}: {shown}{reason}") from None
