"""Audacity's label tracks: `START⇥END⇥TEXT` in seconds, a line a label.

The format is that of Audacity's manual, "Importing and Exporting Labels".
"""

import re
from fractions import Fraction

from mnst_video.errors import InputError
from mnst_video.interchange.score import Lane, Marker, Score, Writing, score_of_markers, text_of

_LINE = re.compile(r"(?P<start>\d+(?:[.,]\d+)?)\t(?P<end>\d+(?:[.,]\d+)?)(?:\t(?P<text>.*))?")


def is_labels(text: str) -> bool:
    """Whether a text is labels: its first line is."""
    return _LINE.fullmatch(text.lstrip("\n").partition("\n")[0].rstrip("\r")) is not None


def read_labels(text: str) -> Score:
    """Labels as keys, at their starts. Raises InputError."""
    markers = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("\\"):  # the second line of a label with frequencies
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"line {number} is no label: {line[:40]}")
        markers.append(Marker(Fraction(match["start"].replace(",", ".")), match["text"] or ""))
    return score_of_markers(markers)


def write_labels(lane: Lane, _: Writing) -> str:
    """Keys as labels without a length."""
    return "".join(f"{float(k.time):.6f}\t{float(k.time):.6f}\t{text_of(k)}\n" for k in lane.inside)
