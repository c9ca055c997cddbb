"""Everything that decides the bytes of a job's frames."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mnst_video.media.files import file_digest
from mnst_video.media.input.mask_source import MASKS
from mnst_video.option_types import Mark
from mnst_video.options import marked
from mnst_video.painting.settings import Paint
from mnst_video.plan.analysis import given_cuts
from mnst_video.plan.setup import Setup
from mnst_video.timeline.fader import Fader

# The options that decide a frame as they are; others do by what they come to on a clip.
FRAMES = frozenset(field.name for field in fields(Paint)) - marked(Mark.STILLS) | marked(
    Mark.FRAMES
)


def fader_json(fader: Fader) -> dict[str, Any]:
    """Gamma, and the number, from 1, of the style that gamma = 1 shows; 0 shows the next."""
    return {"gamma": fader.gamma, "pair": fader.number}


def fingerprint(
    setup: Setup, machines: Mapping[str, Any], files: Mapping[Path, str | None]
) -> dict[str, Any]:
    """Everything that decides the bytes of the frames, by the names a person knows.

    machines: what of them decides it. files: the digests of the clip or its pictures, and of masks.
    """
    options, size = setup.options, setup.size
    faders = [setup.course.fader(frame) for frame in setup.frames]
    curve = json.dumps([fader_json(fader) for fader in faders]).encode()
    digests = map(file_digest, () if options.model else options.styles)
    return {
        **options.model_dump(mode="json", include=set(FRAMES)),
        "cuts": given_cuts(setup) or options.cuts,  # beats are where the tempo has them
        "input": _together(files[path] for path in setup.clip.files),
        **_masks(setup, files),
        **{f"style{number}": digest for number, digest in enumerate(digests, 1)},
        "gamma": hashlib.sha256(curve).hexdigest(),
        "model": setup.model_digest,
        "polish": options.polish,
        "frames": f"{setup.frames.start} to {setup.frames.stop - 1}",
        "size": f"{size[0]}x{size[1]}",
        **machines,
    }


def _masks(setup: Setup, files: Mapping[Path, str | None]) -> dict[str, Any]:
    """Those that are asked for: how they are read, and the digest of their files."""
    if setup.masks is None:
        return {}
    options, found = setup.options.masks, {}
    for mask in setup.masks.masks:
        named = replace(mask.source, path=Path("file"))
        digest = _together(files[path] for path in mask.files) if mask.files else ""
        found[mask.name] = f"{named} {digest}".strip()
    if options.wipe is not None:
        found |= {"wipe": str(options.wipe), "softness": f"{options.softness:g}"}
    return found


def _together(digests: Iterable[str | None]) -> str | None:
    """The digest of some digests; of one it is that."""
    digests = list(digests)
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digest or "" for digest in digests).encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings that differ, in words; digests are only said to be of something else."""

    def change(name: str) -> str:
        if name == "gamma":
            return "another course of gamma"
        if name in MASKS and None not in (old.get(name), new.get(name)):
            return f"{name}: another mask"
        if name in ("input", "weights", "model") or (
            name.startswith("style") and name[5:].isdecimal()
        ):
            return f"{name}: another file"
        return f"{name}: {old.get(name)} → {new.get(name)}"

    names = sorted({*old, *new})
    return ", ".join(change(name) for name in names if old.get(name) != new.get(name))
