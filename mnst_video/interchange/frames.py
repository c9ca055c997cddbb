"""Formats that count frames: Deforum's schedules, Parseq's documents, After Effects' keyframes.

Deforum: `FRAME:(VALUE)`, straight between them. Parseq: the `keyframes` and `rendered_frames` of a
document as its documentation has it. After Effects: the text that it copies keyframes as.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

from mnst_video.errors import InputError, TextError
from mnst_video.interchange.score import Lane, Score, Writing, keyed, straightened
from mnst_video.timeline.curve import Keyframe
from mnst_video.timeline.keys import Timeline

# Fields of Parseq that γ may stand in, the likeliest first: style 1's share is the first prompt's.
FIELDS = ("gamma", "prompt_weight_1", "strength")


def read_deforum(text: str, fps: Fraction) -> Score:
    """A schedule as keys. Raises InputError."""
    try:
        keys = Timeline.parse(" ".join(text.split())).keys
    except TextError as error:
        raise InputError(str(error)) from None
    return keyed(Keyframe(key.time.parts[0] / fps, key.value) for key in keys)


def write_deforum(lane: Lane, _: Writing) -> str:
    """The values of all frames as a schedule."""
    return ", ".join(f"{frame}:({value:.6g})" for frame, value in lane.bends) + "\n"


def read_parseq(text: str, fps: Fraction | None, field: str | None) -> Score:
    """A field of a document, as it was rendered, or its keyframes. Raises InputError.

    fps: where the document has none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON ({error})") from None
    if not isinstance(document, dict):
        raise InputError("this is no document of Parseq")
    options = document.get("options")
    options = options if isinstance(options, dict) else {}
    rate = _rate(options.get("output_fps")) or _rate(options.get("input_fps")) or fps
    if rate is None:
        raise InputError("it does not say its frames a second: give --fps, or a --clip")
    rendered, keyframes = (_rows(document.get(name)) for name in ("rendered_frames", "keyframes"))
    name = field or next((f for f in FIELDS if any(f in r for r in (*rendered, *keyframes))), None)
    points = _points(rendered, name) or _points(keyframes, name)
    if name is None or not points:
        there = sorted({key for row in (*rendered, *keyframes) for key in row if key != "frame"})
        raise InputError(f"no such field; give one with --field: {', '.join(there)[:120]}")
    frames, values = [frame for frame, _ in points], [value for _, value in points]
    score = keyed(Keyframe(frames[i] / rate, values[i]) for i in straightened(frames, values))
    return Score(score.keys, bpm=_rate(options.get("bpm")), notes=(f"read from its {name}",))


def _rate(value: object) -> Fraction | None:
    with suppress(ValueError, ZeroDivisionError):
        number = Fraction(str(value))
        return number if number > 0 else None
    return None


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _points(rows: Sequence[Mapping[str, Any]], name: str | None) -> list[tuple[int, float]]:
    """Frames and the values of a field there, in order."""
    found: dict[int, float] = {}
    for row in rows:
        frame, value = row.get("frame"), row.get(name or "")
        if isinstance(frame, int) and isinstance(value, (int, float)):
            found[frame] = float(value)
    return sorted(found.items())


def write_parseq(lane: Lane, writing: Writing) -> str:
    """A document with the values of all frames as a field; style 2 is the second prompt."""
    name, tempo = writing.field or "prompt_weight_1", lane.clock.tempo
    fps = float(lane.clock.fps)
    keys = [{"frame": frame, name: value, f"{name}_i": "L"} for frame, value in lane.bends]
    rendered: list[dict[str, Any]] = [
        {"frame": frame, name: value} for frame, value in enumerate(lane.values)
    ]
    fields = [name]
    if writing.field is None:
        fields.append("prompt_weight_2")
        for row in (*keys, *rendered):
            row["prompt_weight_2"] = 1.0 - row[name]
    document = {
        "meta": {"generated_by": "mnst-video"},
        "options": {
            "input_fps": fps,
            "output_fps": fps,
            "bpm": tempo.bpm if tempo else 120,
        },
        "managedFields": fields,
        "keyframes": keys,
        "rendered_frames": rendered,
    }
    return json.dumps(document, indent=1) + "\n"


def write_after_effects(lane: Lane, writing: Writing) -> str:
    """Keyframes of a Slider Control, 0 to 100, to paste onto a layer."""
    lines = [
        "Adobe After Effects 8.0 Keyframe Data",
        "",
        f"\tUnits Per Second\t{float(lane.clock.fps):g}",
        f"\tSource Width\t{writing.size[0]}",
        f"\tSource Height\t{writing.size[1]}",
        "\tSource Pixel Aspect Ratio\t1",
        "\tComp Pixel Aspect Ratio\t1",
        "",
        "Effects\tSlider Control #1\tSlider #2",
        "\tFrame\t\t",
        *(f"\t{frame}\t{100.0 * value:.6g}\t" for frame, value in lane.bends),
        "",
        "",
        "End of Keyframe Data",
        "",
    ]
    return "\n".join(lines)
