"""The record of a finished render, `OUTPUT.mnst.json`, which can be given as a preset."""

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnst_video.job.folder import record_path
from mnst_video.job.resume import Job
from mnst_video.media.files import write_bytes
from mnst_video.option_types import Mark
from mnst_video.options import Options, marked


def write_record(
    job: Job, output: Path, asked: Options, sigma2: tuple[tuple[float, ...], ...]
) -> None:
    """Write the record beside the output.

    asked: the options before they were shared among jobs. Raises MachineError.
    """
    setup, clip = job.setup, job.setup.clip
    about = {
        "program": f"mnst-video {version('mnst-video')}",
        "input": str(clip.path.resolve()),
        "output": output.name,
        "fps": f"{clip.times.fps.numerator}/{clip.times.fps.denominator}",
        "cuts": [shot.start for shot in job.analysis.shots[1:]],
        "sigma2": sigma2,
        "styles": [path.name for path in setup.options.styles],
        "gamma": [setup.course.fader(frame).gamma for frame in setup.frames],
        "options": _portable(asked, job),
        "settings": job.settings,
        "frames": [job.log[frame] for frame in setup.frames],
    }
    write_bytes(record_path(output), json.dumps(about, indent=1).encode())


def _portable(asked: Options, job: Job) -> dict[str, Any]:
    """The options with the size and the precision of the machines, and absolute paths."""
    options = asked.model_dump(mode="json")
    options["max_side"] = job.setup.options.side(job.setup.network.device.type)
    known = {"bfloat16": "bf16", "float32": "float32"}
    options["precision"] = known.get(job.settings["precision"], asked.precision)
    for name, source in asked.masks.sources.items():
        if source.kind == "file":
            options[name] = str(replace(source, path=source.path.resolve()))
    options["more_styles"] = [str(path.resolve()) for path in asked.more_styles]
    if asked.audio:
        options["audio"] = str(asked.audio.resolve())
    if asked.model:
        options["model"] = str(asked.model.resolve())
        for name in marked(Mark.LEARNED):  # they stand in the model
            del options[name]
        return _with_weights(options)
    for name in ("style1", "style2"):
        if getattr(asked, name) == Options.model_fields[name].default:
            del options[name]  # the shipped pictures lie elsewhere on another machine
        else:
            options[name] = str(Path(options[name]).resolve())
    return _with_weights(options)


def _with_weights(options: dict[str, Any]) -> dict[str, Any]:
    if Path(options["weights"]).is_file():
        options["weights"] = str(Path(options["weights"]).resolve())
    return options
