"""Everything that decides the bytes of a job's frames."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from mnst_video.media.files import file_digest
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
    setup: Setup, machines: Mapping[str, Any], inputs: Sequence[str | None]
) -> dict[str, Any]:
    """Everything that decides the bytes of the frames, by the names a person knows.

    machines: what of them decides it. inputs: the digests of the clip, or of its pictures.
    """
    options, size = setup.options, setup.size
    faders = [setup.course.fader(frame) for frame in setup.frames]
    curve = json.dumps([fader_json(fader) for fader in faders]).encode()
    digests = map(file_digest, () if options.model else options.styles)
    return {
        **options.model_dump(mode="json", include=set(FRAMES)),
        "cuts": given_cuts(setup) or options.cuts,  # beats are where the tempo has them
        "input": _together(inputs) if setup.clip.decoding.pictures else inputs[0],
        **{f"style{number}": digest for number, digest in enumerate(digests, 1)},
        "gamma": hashlib.sha256(curve).hexdigest(),
        "model": setup.model_digest,
        "polish": options.polish,
        "frames": f"{setup.frames.start} to {setup.frames.stop - 1}",
        "size": f"{size[0]}x{size[1]}",
        **machines,
    }


def _together(digests: Iterable[str | None]) -> str:
    """The digest of some digests."""
    return hashlib.sha256("".join(digest or "" for digest in digests).encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings that differ, in words; digests are only said to be of something else."""

    def change(name: str) -> str:
        if name == "gamma":
            return "another course of gamma"
        if name in ("input", "weights", "model") or (
            name.startswith("style") and name[5:].isdecimal()
        ):
            return f"{name}: another file"
        return f"{name}: {old.get(name)} → {new.get(name)}"

    names = sorted({*old, *new})
    return ", ".join(change(name) for name in names if old.get(name) != new.get(name))
