"""Masks: what each part of a frame is painted towards, and how paint crosses from one to another.

A mask of one value is no mask: the frame then has the very bytes of the same frame without.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.media.frames import Frame, Picture, resize
from mnst_video.method.losses import Area
from mnst_video.method.regions import Levels, by_layer, hats, inside, knots, spectrum
from mnst_video.painting.aim import FASTEST_FADE, JUMP, LEAD, Aim
from mnst_video.painting.flow import Flow, Mask, Motion, warp
from mnst_video.painting.palette import match_parts
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.timeline.fader import Fader, Split

# Frames in which paint that has crossed a boundary becomes that of the other side.
CROSSING = 8
# The share of the way to the colours of its new side that paint is drawn at once, and the change of
# the mix in a frame from which on paint that crosses is not held at all: with more of either it
# flickers, with less it comes late (docs/benchmarks.md).
COLORED, FASTEST_CROSSING = 0.5, 0.2
# The deviation, in pixels, of what is told of paint's colours.
BLUR = 2.0
# Where more of the picture than this changes sides at once, that is a cut of the mask.
CUT = 0.25


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of a frame.

    picture: uint8 `(H, W, 3)`, three masks: the sides of `split`, 255 is white's; where paint is;
        where content is kept tighter, 0 where as anywhere.
    split: what the sides stand for.
    """

    picture: Frame
    split: Split

    @property
    def sides(self) -> Levels:
        return self.picture[..., 0]

    @property
    def paint(self) -> Levels:
        return self.picture[..., 1]

    @property
    def hold(self) -> Levels:
        return self.picture[..., 2]

    def resized(self, width: int, height: int) -> "Masks":
        """The same at another size."""
        return replace(self, picture=resize(self.picture, width, height))

    def same(self, other: "Masks") -> bool:
        """Whether they are alike."""
        return self.split == other.split and np.array_equal(self.picture, other.picture)


@dataclass(frozen=True)
class Part:
    """What is painted towards one aim: a mask, float32 `(H, W)`, 0..1. level: of its sides."""

    level: int
    aim: Aim
    mask: Mask


@dataclass(frozen=True, eq=False)
class Crossing:
    """What becomes of the paint of the frame before, by place, float32 `(H, W)`.

    came: the sides that it was of, where it has come to, 0..255. went: how far the mix goes from
    there. settled: the share of the paint, 0..1, that is held. turning: how much of it is becoming
    that of another side.
    """

    came: Mask
    went: Mask
    settled: Mask
    turning: Mask


@dataclass(frozen=True, eq=False)
class MaskedAim(Aim):
    """The aim of a frame with masks. As an `Aim` it is that of the mean of its sides.

    sides: what paint is of by now, which follows the mask that is asked for within `CROSSING`
        frames. Where the flow can be trusted it came along with the paint.
    parts: with an aim each; none where the picture has but one.
    crossing: None where all of the picture is, and was, of one side.
    covering: where the mask of paint has come to be, 0..1, since the frame before.
    """

    masks: Masks = field(kw_only=True)
    sides: Levels = field(kw_only=True)
    parts: tuple[Part, ...] = ()
    crossing: Crossing | None = None
    covering: Mask | None = None

    @classmethod
    def of(
        cls,
        styles: Styles,
        calibrations: Calibrations,
        masks: Masks,
        before: Aim | None = None,
        motion: Motion | None = None,
        sides: Levels | None = None,
    ) -> Self:
        """The aim of a frame.

        before, motion: the aim of the frame before, which has masks too, and how this one follows
            from it; None where it does not.
        sides: what they were found to be before.
        """
        sides = leading = masks.sides if sides is None else sides
        was: MaskedAim | None = None
        crossing = covering = None
        if isinstance(before, MaskedAim) and motion is not None:
            was = before
            covering = _covering(was.masks.paint, masks.paint, motion)
            if not (_is_flat(sides) and _is_flat(was.sides)):
                then, now = (
                    _places(styles, calibrations, split) for split in (was.masks.split, masks.split)
                )
                there = was.sides
                if was.masks.split.black != masks.split.black:
                    # A wipe goes on to the next two styles: the same paint is of other sides.
                    there, then = _translated(then, now)[there], now
                came = _carried(there, sides, motion)
                sides, leading = _crossing(sides, came)
                crossing = _settling(came, sides, then, now)
        whole, parts = _parts(styles, calibrations, masks, leading, was)
        known = {own.name: getattr(whole, own.name) for own in fields(Aim)}
        return cls(
            **known, masks=masks, sides=sides, parts=parts, crossing=crossing, covering=covering
        )

    @property
    def covered(self) -> float:
        """The share of the picture that paint is on, 0..1."""
        return sum(float(part.mask.mean()) for part in self.parts) if self.parts else 1.0

    @property
    def hold(self) -> Levels | None:
        return self.masks.hold

    def same(self, before: Aim) -> bool:
        return (
            isinstance(before, MaskedAim)
            and self.masks.same(before.masks)
            and np.array_equal(self.sides, before.sides)
        )

    def led(self, before: Aim) -> Aim:
        # Each part is ahead by itself.
        return self if self.parts or self.crossing is not None else super().led(before)

    def moved(self, before: Aim) -> float:
        """As much as would take as many steps where all moves alike: a small part that jumps is
        new as what is uncovered is, by the square of its area."""
        if self.crossing is None:
            return super().moved(before)
        went = self.crossing.went
        most = float(went.max())
        return float(went.mean()) ** 2 / most if most > 0.0 else 0.0

    def rest(self, before: Aim) -> float | Mask:
        return super().rest(before) if self.crossing is None else self.crossing.settled

    def areas(self, uncovered: Mask | None) -> tuple[Area, ...]:
        """What is painted towards which target; none where the picture has but one.

        uncovered: `(H, W)`, 0..1, of an area with a style loss of its own.
        """
        found = []
        for part in self.parts:
            image, aim = self.styles.image, part.aim
            masks = inside(image(part.mask[..., None]))
            if masks is None:
                continue
            area = Area(
                target=aim.target,
                layer_weights=aim.layer_weights,
                masks=masks,
                weight=float(part.mask.mean())
                / self.covered
                * aim.style_weight
                / self.style_weight,
            )
            if uncovered is not None:
                own = part.mask * uncovered
                weight = self.styles.paint.uncovered_weight * aim.style_weight * float(own.mean())
                area = replace(
                    area, uncovered=by_layer(image(own[..., None])), uncovered_weight=weight
                )
            found.append(area)
        return tuple(found)

    def carried(self, trusted: Mask) -> Mask:
        # What was under the footage was painted towards nothing.
        return trusted if self.covering is None else trusted * (1.0 - self.covering)

    def fresh(self, trusted: Mask) -> Mask:
        if self.crossing is None:
            return super().fresh(trusted)
        return np.asarray(1.0 - trusted * (1.0 - self.crossing.turning), np.float32)

    def begun(
        self, content: Frame, previous: Frame, painted: Frame, warped: Picture, before: Aim
    ) -> tuple[Picture, Picture]:
        """Each part in the colours that it had; paint that turns is drawn to those of its new side.

        Steps alone would find them late, and with a tremble.
        """
        if not (self.parts and isinstance(before, MaskedAim)):
            return super().begun(content, previous, painted, warped, before)
        # Of the sides that there were: what has no paint yet has no colours.
        tables = hats(knots(spectrum(before.sides))).astype(np.float32)
        colored = match_parts(content, previous, painted, (t[before.sides] for t in tables))
        fill, there = np.zeros_like(warped), np.zeros_like(warped)
        for table, picture in zip(tables, colored, strict=True):
            fill += table[self.sides][..., None] * picture
            if self.crossing is not None:
                there += _between(table, self.crossing.came)[..., None] * picture
        if self.crossing is None:
            return warped, fill
        return _drawn(warped, there, fill), fill

    def blended(self, paint: Callable[[Aim], Picture]) -> Picture:
        if not self.parts:
            return paint(self)
        tables = hats([part.level for part in self.parts]).astype(np.float32)
        blend = np.zeros((*self.sides.shape, 3), np.float32)
        for part, table in zip(self.parts, tables, strict=True):
            blend += table[self.sides][..., None] * paint(part.aim)
        return blend


def aim_of(
    styles: Styles,
    calibrations: Calibrations,
    fader: Fader,
    masks: Masks | None = None,
    before: Aim | None = None,
    motion: Motion | None = None,
) -> Aim:
    """The aim of a frame: by its masks if it has some, see `MaskedAim.of`, else by the fader."""
    if masks is None:
        return Aim.at(styles, calibrations, fader)
    return MaskedAim.of(styles, calibrations, masks, before, motion)


def _parts(
    styles: Styles,
    calibrations: Calibrations,
    masks: Masks,
    sides: Levels,
    before: MaskedAim | None,
) -> tuple[Aim, tuple[Part, ...]]:
    """The aim of the mean of some sides, and the parts of the picture; none where it has but one.

    before: of which each part is led as a whole frame is.
    """
    covered = not _is_flat(masks.paint)
    shares = spectrum(sides, masks.paint if covered else None)
    if _is_flat(sides):
        middle = int(sides.flat[0]) / 255.0
    else:
        middle = float(shares @ np.arange(256)) / 255.0
    whole = Aim.at(styles, calibrations, masks.split.at(middle))
    if _is_flat(sides) and not covered:
        return whole, ()
    levels, cover = knots(shares), masks.paint / np.float32(255.0)
    parts = []
    for level, weights in zip(levels, hats(levels), strict=True):
        aim = Aim.at(styles, calibrations, masks.split.at(level / 255.0))
        if before is not None:
            earlier = before.masks.split.at(level / 255.0)
            aim = aim.led(Aim.at(styles, calibrations, earlier))
        mask = (weights.astype(np.float32)[sides] * cover).astype(np.float32)
        parts.append(Part(level, aim, mask))
    return whole, tuple(parts)


def _settling(
    came: Mask, sides: Levels, then: NDArray[np.float32], now: NDArray[np.float32]
) -> Crossing:
    """What becomes of paint. then, now: the place of each side among the styles, see `_places`."""
    goal = now[sides]
    faded = np.abs(now - then)[sides] / FASTEST_FADE
    crossed = np.abs(goal - _between(now, came)) / FASTEST_CROSSING
    turned = np.abs(sides - came) / (255.0 * FASTEST_FADE)
    return Crossing(
        came=came,
        went=np.abs(goal - _between(then, came)),
        settled=np.asarray(1.0 - np.maximum(faded, crossed).clip(0.0, 1.0), np.float32),
        turning=np.asarray(turned.clip(0.0, 1.0), np.float32),
    )


def _is_flat(mask: NDArray[Any]) -> bool:
    return bool((mask == mask.flat[0]).all())


def _carried(sides: Levels, wanted: Levels, motion: Motion) -> Mask:
    """The sides that the paint of the frame before was of, where it has come to: 0..255.

    New paint, where there is none from before, is what is wanted at once.
    """
    flow, trust = motion
    return np.asarray(wanted + trust * (_pulled(sides, flow) - wanted), np.float32)


def _covering(before: Levels, now: Levels, motion: Motion) -> Mask | None:
    """Where paint is seen that was not: 0..1. None where it was everywhere, or nowhere."""
    if _is_flat(before) and _is_flat(now):
        return None
    was = _pulled(before, motion[0])
    return np.asarray((now / 255.0 - was / 255.0).clip(0.0, 1.0), np.float32)


def _pulled(levels: Levels, flow: Flow) -> Mask:
    """Levels along a backward flow, 0..255, sampled as the paint is."""
    return warp(levels.astype(np.float32), flow).clip(0.0, 255.0)


def _crossing(wanted: Levels, came: Mask) -> tuple[Levels, Levels]:
    """The sides that paint is to be of now, and those that it is to be painted towards.

    These are ahead as the target of a fade is, see `Aim.led`.
    """
    way = wanted - came
    if float(np.abs(way).mean()) > 255.0 * CUT:
        return wanted, wanted
    step = way.clip(-255.0 / CROSSING, 255.0 / CROSSING)
    lead = step * (1.0 - np.abs(step) / (255.0 * JUMP)).clip(0.0)
    now = (came + step).round()
    leading = (now + lead.clip(-255.0 * LEAD, 255.0 * LEAD)).round().clip(0.0, 255.0)
    return now.astype(np.uint8), leading.astype(np.uint8)


def _places(styles: Styles, calibrations: Calibrations, split: Split) -> NDArray[np.float32]:
    """Of each of 256 values of a mask the place among the styles, as in `Aim.moved`: `(256,)`."""
    faders = [split.at(value / 255.0) for value in range(256)]
    mixes = [fader.pair + 1.0 - styles.mix(fader, calibrations) for fader in faders]
    return np.array(mixes, np.float32)


def _drawn(warped: Picture, there: Picture, fill: Picture) -> Picture:
    """Paint that is drawn from the colours of a side towards those of another.

    there, fill: pictures in the colours of where it was, and is to be. It is drawn by what is left
    of that way: paint at a boundary, which is sampled anew in each frame, has gone it long since.
    """
    way = fill - there
    gone, whole = (
        cv2.GaussianBlur((part * way).sum(axis=-1), (0, 0), BLUR) for part in (warped - there, way)
    )
    left = 1.0 - gone / np.maximum(whole, 1.0)
    drawn = warped + COLORED * (left * (whole > 1.0)).clip(0.0, 1.0)[..., None] * way
    return np.asarray(drawn.clip(0.0, 255.0), np.float32)


def _translated(then: NDArray[np.float32], now: NDArray[np.float32]) -> Levels:
    """For each of 256 values of a mask the one whose place is now what its place was."""
    falling = np.interp(then, now[::-1], np.arange(255.0, -1.0, -1.0))
    return np.asarray(falling.round(), np.uint8)


def _between(table: NDArray[np.float32], values: Mask) -> Mask:
    """A table of 256 entries at values between them."""
    return np.asarray(np.interp(values, np.arange(256), table), np.float32)
