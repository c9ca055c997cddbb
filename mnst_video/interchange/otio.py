"""OpenTimelineIO: markers as keys, the clips of the first video track as cuts."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

from mnst_video.errors import InputError, MachineError
from mnst_video.interchange.score import Lane, Marker, Score, Writing, score_of_markers, text_of


def read_otio(text: str) -> Score:
    """The markers of a timeline and of what lies on it, and its cuts. Raises InputError."""
    otio = _otio()
    try:
        timeline = otio.adapters.read_from_string(text, "otio_json")
        stack = timeline.tracks
        tracks = timeline.video_tracks()
    except (otio.exceptions.OTIOError, AttributeError, ValueError) as error:
        raise InputError(f"this is no timeline of OpenTimelineIO ({error})") from None
    markers = [
        Marker(_seconds(item.transformed_time(marker.marked_range.start_time, stack)), marker.name)
        for item in (stack, *stack, *timeline.find_children())
        for marker in getattr(item, "markers", ())
    ]
    cuts = []
    for item in tracks[0] if tracks else ():
        if isinstance(item, otio.schema.Clip):
            cuts.append(_seconds(tracks[0].range_of_child(item).start_time))
    inside = tuple(sorted({cut for cut in cuts if cut > 0}))
    if not markers:
        return Score(cuts=inside)
    score = score_of_markers([marker for marker in markers if marker.time >= 0])
    return Score(score.keys, inside, notes=score.notes)


def write_otio(lane: Lane, _: Writing) -> str:
    """A timeline of one clip a shot, with a marker a key."""
    otio = _otio()
    fps = float(lane.clock.fps)

    def at(seconds: Fraction) -> Any:
        return otio.opentime.RationalTime(round(seconds * lane.clock.fps), fps)

    timeline = otio.schema.Timeline(f"mnst-video {lane.name}")
    track = otio.schema.Track("shots", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    places = [Fraction(0), *lane.cuts, lane.clock.length]
    for number, (start, end) in enumerate(pairwise(places), 1):
        taken = otio.opentime.TimeRange(at(start), at(end) - at(start))
        track.append(otio.schema.Clip(f"shot {number}", source_range=taken))
    for key in lane.inside:
        one = otio.opentime.RationalTime(1, fps)
        marked = otio.opentime.TimeRange(at(key.time), one)
        timeline.tracks.markers.append(otio.schema.Marker(text_of(key), marked))
    return str(otio.adapters.write_to_string(timeline, "otio_json")) + "\n"


def _seconds(time: Any) -> Fraction:
    return Fraction(time.value).limit_denominator(10**6) / Fraction(time.rate).limit_denominator(
        10**6
    )


def _otio() -> Any:
    try:
        import opentimelineio
    except ImportError:
        raise MachineError(".otio needs: pip install 'mnst-video[otio]'") from None
    return opentimelineio
