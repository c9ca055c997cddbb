"""A moment of a clip that is looked at; without torch, so that who asks for a look needs none."""

from dataclasses import dataclass

from mnst_video.timeline.fader import Fader, Split


@dataclass(frozen=True)
class Moment:
    """What is looked at. number: of the frame. fader, strength: where they stand there.

    split: what a mask stands for there. share: γ, of a wipe.
    """

    number: int
    fader: Fader
    strength: float
    split: Split
    share: float
