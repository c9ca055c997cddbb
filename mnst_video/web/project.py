"""What is being made of a clip: settings as a preset has them, and all that they once were."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnst_video.errors import UsageError, unwritten
from mnst_video.media.files import write_bytes
from mnst_video.option_types import spell_out
from mnst_video.options import Options
from mnst_video.plan.source import default_output
from mnst_video.presets import (
    PATHS,
    WORDS,
    make_options,
    options_toml,
    read_preset,
    save_preset_file,
)
from mnst_video.web.folders import Folders

# A model that is trained when the clip is rendered.
AUTO = ("model", "auto")
# The settings as they are, always: a preset like any other.
DRAFT = "draft.toml"


@dataclass(frozen=True)
class Version:
    """Settings at one time, and what was done to get there, for a person."""

    settings: Mapping[str, Any]
    done: str


class Project:
    """Settings of a clip, with undo without end. May be used from several threads.

    What is set lies in `NAME.studio/draft.toml` beside the clip from the first change on.
    """

    def __init__(self, source: Path, folders: Folders) -> None:
        """Raises UsageError where there is a draft that cannot be read."""
        self.source, self.folders = source, folders
        self.home = default_output(source, ".studio")
        self.revision = 0
        settings = read_preset(str(self.draft)) if self.draft.is_file() else {}
        settings = as_json(make_options((), settings), settings)
        self._versions = [Version(settings, "")]
        self._index = 0
        self._lock = threading.RLock()
        self.check: Callable[[Options], None] = _anything

    @property
    def draft(self) -> Path:
        return self.home / DRAFT

    @property
    def settings(self) -> Mapping[str, Any]:
        """As they are now."""
        return self._versions[self._index].settings

    @property
    def options(self) -> Options:
        return make_options((), self.settings)

    @property
    def undoes(self) -> str | None:
        """What `undo` takes back, for a person; None: there is nothing."""
        return self._versions[self._index].done if self._index else None

    @property
    def redoes(self) -> str | None:
        after = self._versions[self._index + 1 : self._index + 2]
        return after[0].done if after else None

    def change(self, given: Mapping[str, Any], done: str) -> None:
        """Set some settings; None takes one back to its default. Raises UsageError.

        done: for a person, of what `undo` takes back.
        """
        with self._lock:
            try:
                set_now = spell_out({n: v for n, v in given.items() if v is not None})
            except ValueError as error:
                raise UsageError(str(error)) from None
            rest = {n: v for n, v in self.settings.items() if n not in given}
            self._become({**rest, **set_now}, done)

    def become(self, settings: Mapping[str, Any], done: str) -> None:
        """Take other settings instead of all. Raises UsageError."""
        with self._lock:
            self._become(settings, done)

    def _become(self, settings: Mapping[str, Any], done: str) -> None:
        settings = {n: v for n, v in settings.items() if v is not None}
        options = make_options((), settings)
        self._check_paths(options)
        self.check(options)
        kept = as_json(options, settings)
        if kept == self.settings:
            return
        self._save(options)
        self._versions[self._index + 1 :] = [Version(kept, done)]
        self._index += 1
        self.revision += 1

    def undo(self) -> None:
        """Take the last change back, if there is one."""
        self._go(-1)

    def redo(self) -> None:
        self._go(1)

    def _go(self, way: int) -> None:
        with self._lock:
            if 0 <= self._index + way < len(self._versions):
                self._save(make_options((), self._versions[self._index + way].settings))
                self._index += way
                self.revision += 1

    def _check_paths(self, options: Options) -> None:
        """Raise UsageError where a file is one that may not be read here."""
        sound = [options.audio] if options.audio else []
        model = [options.model] if options.model and str(options.model) != AUTO[1] else []
        weights = [] if options.weights in WORDS["weights"] else [Path(options.weights)]
        for path in (*options.styles, *options.masks.paths, *sound, *model, *weights):
            self.folders.readable(path)

    def make_home(self) -> Path:
        """The folder of what belongs to the project, which is there then. Raises MachineError."""
        try:
            self.home.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritten(self.home, error) from None
        return self.home

    def _save(self, options: Options) -> None:
        self.make_home()
        if options.model_fields_set:
            save_preset_file(self.draft, options, overwrite=True)
        else:
            write_bytes(self.draft, b"# Nothing is set: the built-in look and timeline.\n")

    def save_as(self, path: Path, overwrite: bool) -> None:
        """Write the settings as a preset. Raises UsageError, MachineError."""
        save_preset_file(path, self.options, overwrite)

    def snapshot(self, path: Path) -> None:
        """Write all settings as they are now, for a render. Raises MachineError."""
        options = self.options
        names = [name for name in Options.model_fields if name in options.model_fields_set]
        text = options_toml(options, names, f"A render of {self.source.name}", path.parent)
        write_bytes(path, text.encode())


def _anything(_: Options) -> None:
    """The check of a project that nobody checks further."""


def as_json(options: Options, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were checked, as JSON has them, with absolute paths.

    The shipped pictures are left out: they lie elsewhere on another machine.
    """
    shipped = {
        name
        for name in ("style1", "style2")
        if getattr(options, name).resolve() == Options.model_fields[name].default.resolve()
    }
    names = {name for name in settings if name in Options.model_fields} - shipped
    values = options.model_dump(mode="json", include=names, exclude_none=True)
    for name in PATHS:
        if name in values and values[name] not in WORDS.get(name, ()):
            values[name] = str(Path(values[name]).resolve())
    if "more_styles" in values:
        values["more_styles"] = [str(path.resolve()) for path in options.more_styles]
    return values
