"""The beats of a sound."""

from mnst_video.errors import InputError, MachineError
from mnst_video.timeline.envelope import Sound

# Samples by which librosa's beats come late: its onset envelope is moved by half a window of 2048,
# while the flux peaks when an onset is a quarter of a window after the middle.
BEATS_LATE = 512


def detect_beats(sound: Sound) -> tuple[float, ...]:
    """Seconds of the beats, from the first frame, two or more, increasing.

    By librosa, after Ellis, "Beat Tracking by Dynamic Programming" (Journal of New Music Research,
    2007). Raises MachineError where librosa is missing, InputError where no beat is found.
    """
    try:
        from librosa.beat import beat_track
    except ImportError:
        advice = "pip install 'mnst-video[beats]', or give the tempo as a number"
        raise MachineError(f"--bpm auto needs librosa: {advice}") from None
    beats: list[int] = []
    if len(sound.samples) > sound.rate:  # on less than a second librosa warns or fails
        beats = list(beat_track(y=sound.samples, sr=sound.rate, units="samples")[1])
    if len(beats) < 2:
        raise InputError("--bpm auto: no beat is found in the sound; give --bpm as a number")
    return tuple(sound.start + (float(beat) - BEATS_LATE) / sound.rate for beat in beats)
