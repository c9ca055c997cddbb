"""The second shot: a still life by a window, ray traced; the camera goes round it.

Lengths are in units of about a foot: x right, y up from the table, z away from the viewer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .common import (
    CUT,
    FRAMES,
    HEIGHT,
    SUPERSAMPLE,
    WIDTH,
    Array,
    Bools,
    mix,
    noise,
    pixel_grid,
    ramp,
    reduce,
    rgb,
    sample,
    slope_light,
    step,
)

TABLE, WALL, VESSEL, BLOOM, FRUIT = 0, 10, 20, 30, 40  # labels of surfaces; each list counts up
LIGHT = np.array([-0.60, 0.58, -0.55]) / np.linalg.norm([-0.60, 0.58, -0.55])  # to the window
WALL_Z = 1.9
ROLL = -0.65  # how far the last fruit rolls in the shot, along x


@dataclass(frozen=True)
class Vessel:
    """A turned vessel on the table, `tall`, with its radii at even heights from foot to rim."""

    x: float
    z: float
    tall: float
    radii: tuple[float, ...]

    def radius(self, y: Array) -> Array:
        """Give the radius at heights `y` (any shape), smoothly between the given ones."""
        places = np.linspace(0, self.tall, len(self.radii))
        return np.polynomial.Polynomial.fit(places, self.radii, len(self.radii) - 1)(y)

    def holds(self, points: Array) -> Bools:
        """Tell whether points (..., 3) are inside."""
        x, y, z = np.moveaxis(points, -1, 0)
        wide = self.radius(np.clip(y, 0, self.tall))
        inside: Bools = (y > 0) & (y < self.tall) & (np.hypot(x - self.x, z - self.z) < wide)
        return inside


@dataclass(frozen=True)
class Bloom:
    """A flower or a leaf: a flat disc that faces `normal`, cut into `petals`."""

    centre: tuple[float, float, float]
    normal: tuple[float, float, float]
    radius: float
    petals: int = 17

    def axes(self) -> Array:
        """Give the disc's right, up and normal directions as rows (3, 3)."""
        normal = np.array(self.normal) / np.linalg.norm(self.normal)
        right = np.cross((0.0, 1.0, 0.0), normal)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(normal, right), normal])

    def polar(self, points: Array) -> tuple[Array, Array]:
        """Give the angle, and the radius as a part of the disc's, of points on it (..., 3)."""
        flat = (points - self.centre) @ self.axes()[:2].T
        x, y = flat[..., 0], flat[..., 1]
        return np.arctan2(y, x), np.hypot(x, y) / self.radius

    def covers(self, points: Array) -> Bools:
        """Tell whether points of the disc's plane (..., 3) are on a petal."""
        angle, radius = self.polar(points)
        return radius < 0.62 + 0.38 * np.abs(np.cos(angle * self.petals / 2)) ** 0.7


@dataclass(frozen=True)
class Fruit:
    """A ball on the table, with its colours from shadow to light and its way along x."""

    x: float
    z: float
    radius: float
    codes: str
    way: float = 0.0

    def rolled(self, t: float) -> float:
        """Give how far it has rolled at frame t."""
        return self.way * t / (FRAMES - CUT)

    def centre(self, t: float) -> Array:
        """Give the centre (3,) at frame t."""
        return np.array([self.x + self.rolled(t), self.radius, self.z])

    def turn(self, t: float) -> Array:
        """Give the rotation (3, 3) from the resting fruit to frame t, as it rolls."""
        angle = -self.rolled(t) / self.radius
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


VESSELS = (
    Vessel(-0.25, 0.35, 1.05, (0.27, 0.42, 0.50, 0.44, 0.29, 0.21, 0.27)),
    Vessel(-1.50, 0.30, 0.62, (0.22, 0.33, 0.34, 0.25, 0.24)),
)
BLOOMS = (
    Bloom((-0.66, 1.42, 0.10), (-0.45, 0.10, -1.0), 0.42),
    Bloom((0.16, 1.32, 0.02), (0.35, -0.05, -1.0), 0.40),
    Bloom((-0.22, 1.92, 0.30), (0.05, 0.35, -1.0), 0.46),
    Bloom((0.62, 1.78, 0.35), (0.60, 0.25, -1.0), 0.37),
    Bloom((-1.08, 1.90, 0.45), (-0.70, 0.30, -1.0), 0.35),
    Bloom((-0.24, 1.42, 0.46), (0.10, 0.30, -1.0), 0.80, 5),
    Bloom((0.36, 1.52, 0.55), (0.50, 0.10, -1.0), 0.62, 4),
)
FRUITS = (
    Fruit(0.66, 0.05, 0.30, "a33c08 d9660f f08a1c ffc04a"),
    Fruit(1.25, 0.32, 0.32, "7a1414 b3241c d8482c f2a24a"),
    Fruit(-0.98, -0.42, 0.26, "5a6a12 8d9f22 c5cd3a f0e67c"),
    Fruit(1.62, -0.80, 0.29, "a33c08 d9660f f08a1c ffc04a", ROLL),
)


def camera(t: float) -> tuple[Array, Array, float]:
    """Give the eye (3,), the rows right, down, ahead (3, 3) and the focal length in pixels."""
    angle = -0.22 + 0.34 * t / (FRAMES - CUT)
    target = np.array([0.1, 0.98, 0.2])
    eye = target + 6.3 * np.array([np.sin(angle), 0.17, -np.cos(angle)])
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross((0.0, 1.0, 0.0), ahead)
    right /= np.linalg.norm(right)
    return eye, np.stack([right, np.cross(right, ahead), ahead]), 2.2 * HEIGHT


def project(points: Array, t: float) -> Array:
    """Give the pixel places (..., 2) at which frame t shows points of the scene (..., 3)."""
    eye, axes, focal = camera(t)
    seen = (points - eye) @ axes.T
    places: Array = seen[..., :2] / seen[..., 2:] * focal + ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    return places


def rays(places: Array, t: float) -> tuple[Array, Array]:
    """Give the eye (3,) and the unit directions (..., 3) that pixel places (..., 2) look along."""
    eye, axes, focal = camera(t)
    flat = (places - ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)) / focal
    toward = np.concatenate([flat, np.ones_like(flat[..., :1])], -1) @ axes
    return eye, toward / np.linalg.norm(toward, axis=-1, keepdims=True)


def hit_plane(eye: Array, toward: Array, point: Array, normal: Array) -> Array:
    """Give how far along each ray (..., 3) it meets a plane, or infinity."""
    with np.errstate(divide="ignore"):
        distance = ((point - eye) @ normal) / (toward @ normal)
    return np.where(distance > 0, distance, np.inf)


def hit_ball(eye: Array, toward: Array, centre: Array, radius: float) -> Array:
    """Give how far along each ray (..., 3) it meets a ball, or infinity."""
    along = toward @ (eye - centre)
    depth = along**2 - ((eye - centre) ** 2).sum() + radius**2
    return np.where(depth > 0, -along - np.sqrt(np.maximum(depth, 0)), np.inf)


def hit_vessel(eye: Array, toward: Array, vessel: Vessel) -> Array:
    """Give how far along each ray (..., 3) it meets a vessel, or infinity: march, then bisect."""
    reach = np.hypot(vessel.tall / 2, max(vessel.radii)) + 0.05
    start = hit_ball(eye, toward, np.array([vessel.x, vessel.tall / 2, vessel.z]), reach)
    result = np.full(start.shape, np.inf)
    some = np.isfinite(start)
    ways, begin, pace = toward[some], start[some], 2 * reach / 48
    high = np.full(begin.shape, np.inf)
    for i in range(48, -1, -1):
        distance = begin + i * pace
        high = np.where(vessel.holds(eye + ways * distance[:, None]), distance, high)
    found = np.isfinite(high)
    ways, high = ways[found], high[found]
    low = high - pace
    for _ in range(14):
        middle = (low + high) / 2
        within = vessel.holds(eye + ways * middle[:, None])
        low, high = np.where(within, low, middle), np.where(within, middle, high)
    some[some] = found
    result[some] = high
    return result


def trace(places: Array, t: float) -> tuple[NDArray[np.int64], Array]:
    """Give the labels (...) and the points (..., 3) that frame t shows at places (..., 2)."""
    eye, toward = rays(places, t)
    table = hit_plane(eye, toward, np.zeros(3), np.array([0.0, 1, 0]))
    wall = hit_plane(eye, toward, np.array([0, 0, WALL_Z]), np.array([0.0, 0, -1]))
    found = [(TABLE, table), (WALL, wall)]
    found += [(VESSEL + i, hit_vessel(eye, toward, v)) for i, v in enumerate(VESSELS)]
    found += [
        (FRUIT + i, hit_ball(eye, toward, fruit.centre(t), fruit.radius))
        for i, fruit in enumerate(FRUITS)
    ]
    for i, bloom in enumerate(BLOOMS):
        distance = hit_plane(eye, toward, np.array(bloom.centre), bloom.axes()[2])
        points = eye + toward * np.where(np.isfinite(distance), distance, 1e3)[..., None]
        found.append((BLOOM + i, np.where(bloom.covers(points), distance, np.inf)))
    distances = np.stack([distance for _, distance in found])
    nearest = distances.argmin(0)
    labels = np.array([label for label, _ in found])[nearest]
    return labels, eye + toward * distances.min(0)[..., None]


def balls(t: float) -> list[tuple[int, Array, float]]:
    """Give the label, centre and radius of balls that fill all solid things, for their shade."""
    filled = [(FRUIT + i, fruit.centre(t), fruit.radius) for i, fruit in enumerate(FRUITS)]
    for i, vessel in enumerate(VESSELS):
        for y in np.linspace(0.15, 0.9, 5) * vessel.tall:
            centre = np.array([vessel.x, y, vessel.z])
            filled.append((VESSEL + i, centre, float(vessel.radius(y)) * 0.95))
    return filled


def shade(labels: Array, points: Array, normals: Array, t: float) -> tuple[Array, Array]:
    """Give how much window light and how much room light reaches points (n, 3), from 0 to 1."""
    window: Array = np.ones(len(points))
    room: Array = np.ones(len(points))
    for label, centre, radius in balls(t):
        offset = centre - points
        squared = (offset**2).sum(-1)
        ahead = offset @ LIGHT
        miss = np.sqrt(np.maximum(squared - ahead**2, 0))
        soft = 0.03 + 0.07 * np.maximum(ahead, 0)
        others = labels != label
        dark = (1 - step(radius - soft, radius + soft, miss)) * (ahead > 0) * others
        window = np.minimum(window, 1 - dark)
        facing = (normals * offset).sum(-1) / np.sqrt(squared)
        near = np.clip(facing, 0, 1) * np.clip(radius**2 / squared, 0, 1)
        room *= 1 - 0.8 * near * others
    for i, bloom in enumerate(BLOOMS):
        way = ((bloom.centre - points) @ bloom.axes()[2]) / (LIGHT @ bloom.axes()[2])
        _, part = bloom.polar(points + way[:, None] * LIGHT)
        soft = 0.05 + 0.12 * np.maximum(way, 0)
        dark = (1 - step(0.85 - soft, 0.85 + soft, part)) * (way > 0.02) * (labels != BLOOM + i)
        window = np.minimum(window, 1 - 0.9 * dark)
    return window, room


def window_pane(points: Array) -> Array:
    """Give how much light the window frame lets through to points (n, 3): soft-edged panes."""
    across = points @ (np.cross(LIGHT, (0.0, 1.0, 0.0)) / np.hypot(LIGHT[0], LIGHT[2]))
    up = points @ np.cross(np.cross(LIGHT, (0.0, 1.0, 0.0)), LIGHT)
    edges = step(-2.3, -2.1, across) * step(-2.0, -1.8, -across)
    bars = step(0.03, 0.12, np.abs(across - 1.2)) * step(0.03, 0.12, np.abs(up - 1.75))
    light: Array = 0.12 + 0.88 * edges * bars * step(-2.6, -2.4, -up)
    return light


class TableShot:
    """Sunflowers and fruit on a table, ray traced; the camera goes round, and an orange rolls."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.fine = noise(rng, (512, 512), 24, 1.5)
        self.rough = noise(rng, (512, 512), 90, 1.9)
        self.bumps = slope_light(noise(rng, (512, 512), 40, 2.0), -2.4) * 18

    def table(self, points: Array) -> tuple[Array, Array]:
        """Give the colours and normals (n, 3) of a checked cloth at points (n, 3)."""
        x, z = points[:, 0] * 0.94 + points[:, 2] * 0.34, points[:, 2] * 0.94 - points[:, 0] * 0.34
        bands = [step(-0.12, 0.12, np.sin(axis * np.pi / 0.21)) for axis in (x, z)]
        weave = sample(self.fine, x * 110, z * 110)
        worn = np.clip((bands[0] + bands[1]) / 2 + 0.7 * (weave - 0.5), 0, 1)
        normals = np.tile([0.0, 1, 0], (len(points), 1))
        normals[:, 0] += sample(self.bumps, x * 70, z * 70) * 0.5
        return ramp("f6ecd2 c3c6c9 5f86b5 2c4f8f", worn), normals

    def wall(self, points: Array) -> tuple[Array, Array]:
        """Give the colours and normals (n, 3) of the plaster wall at points (n, 3)."""
        x, y = points[:, 0] * 70, -points[:, 1] * 70
        tone = 0.65 * sample(self.rough, x, y) + 0.35 * sample(self.fine, x * 1.5, y * 1.5)
        normals = np.tile([0.0, 0, -1], (len(points), 1))
        normals[:, :2] += sample(self.bumps, x * 1.3, y * 1.3)[:, None] * (0.3, -0.3)
        return ramp("143c46 1f5c63 34827f 6fae98", np.clip(1.7 * tone - 0.35, 0, 1)), normals

    def vessel(self, index: int, points: Array) -> tuple[Array, Array]:
        """Give the colours and normals (n, 3) of a vessel: a painted vase or an earthen jug."""
        vessel = VESSELS[index]
        x, y, z = points[:, 0] - vessel.x, points[:, 1], points[:, 2] - vessel.z
        angle, wide = np.arctan2(x, z), np.hypot(x, z)
        slope = (vessel.radius(y + 1e-3) - vessel.radius(y - 1e-3)) / 2e-3
        normals = np.stack([x / wide, -slope, z / wide], -1)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        tone = sample(self.rough, angle / (2 * np.pi) * 512, y * 240)
        if index == 0:
            wave = np.abs(y - 0.52 - 0.07 * np.sin(angle * 9)) < 0.035
            ring = (np.abs(y - 0.30) < 0.022) | (np.abs(y - 0.74) < 0.022) | (y > 0.98)
            colours = ramp("b9a070 e6d6ac fbf3da", tone)
            colours = np.where((wave | ring)[:, None], ramp("1c3f86 2f66b8", tone), colours)
        else:
            colours = ramp("5a2413 9c4524 c8703c e0a06a", tone + 0.12 * np.sin(y * 70))
        mouth = (y > vessel.tall - 1e-3) & (wide < 0.88 * vessel.radii[-1])
        return np.where(mouth[:, None], rgb("1a120c"), colours), normals

    def bloom(self, index: int, points: Array) -> tuple[Array, Array]:
        """Give the colours and normals (n, 3) of a sunflower or a leaf at points (n, 3)."""
        bloom = BLOOMS[index]
        angle, radius = bloom.polar(points)
        streak = sample(self.fine, angle / (2 * np.pi) * 512, radius * 30 + 70 * index)
        ridge = np.abs(np.cos(angle * bloom.petals / 2))
        if bloom.petals < 10:
            colours = ramp("16301a 2f5a24 5f8a33 a5b552", 0.5 * streak + 0.45 * ridge)
        else:
            petals = ramp("8a3f06 d9820f f6b81f ffe36a", 0.9 * streak + 0.6 * ridge * radius - 0.1)
            seeds = 0.5 + 0.5 * np.sin(angle * 13 + radius * 34) * np.sin(angle * 13 - radius * 34)
            heart = ramp("1d0f08 4a260f 8a4d1a d08a2c", seeds * 0.7 + 0.5 * streak - 0.2)
            colours = np.where((radius < 0.42)[:, None], heart, petals)
        right, up, normal = bloom.axes()
        bend = (np.cos(angle)[:, None] * right + np.sin(angle)[:, None] * up) * radius[:, None]
        return colours, normal + 0.6 * bend

    def fruit(self, index: int, points: Array, t: float) -> tuple[Array, Array]:
        """Give the colours and normals (n, 3) of a fruit at points (n, 3) of frame t."""
        fruit = FRUITS[index]
        normals = (points - fruit.centre(t)) / fruit.radius
        x, y, z = (normals @ fruit.turn(t)).T
        u, v = np.arctan2(x, -z) * 40, np.arccos(np.clip(y, -1, 1)) * 40
        tone = 0.7 * sample(self.rough, u, v) + 0.35 * sample(self.fine, u, v)
        colours = ramp(fruit.codes, np.clip(1.2 * tone - 0.12, 0, 1))
        stem = step(0.94, 0.975, y)
        bump = sample(self.bumps, u * 1.5, v * 1.5)[:, None]
        return mix(colours, rgb("2f2a12"), stem), normals + 0.12 * bump * (1, -1, 0)

    def surface(self, label: int, points: Array, t: float) -> tuple[Array, Array]:
        """Give the colours and normals (n, 3) of the surface `label` at points (n, 3)."""
        index = label % 10
        if label == TABLE:
            return self.table(points)
        if label == WALL:
            return self.wall(points)
        if label < BLOOM:
            return self.vessel(index, points)
        return self.bloom(index, points) if label < FRUIT else self.fruit(index, points, t)

    def picture(self, t: int) -> Array:
        """Draw frame t at the size of the clip."""
        places = pixel_grid(SUPERSAMPLE)
        shape = places.shape[:2]
        labels, points = trace(places, t)
        labels, points = labels.ravel(), points.reshape(-1, 3)
        colours, normals = np.zeros_like(points), np.zeros_like(points)
        for label in np.unique(labels):
            here = labels == label
            colours[here], normals[here] = self.surface(int(label), points[here], t)
        window, room = shade(labels, points, normals, t)
        window *= np.clip(normals @ LIGHT, 0, None) * window_pane(points)
        halfway = LIGHT - rays(places, t)[1].reshape(-1, 3)
        halfway /= np.linalg.norm(halfway, axis=-1, keepdims=True)
        gloss = np.clip((normals * halfway).sum(-1), 0, 1) ** 50 * (labels >= VESSEL)
        gloss *= 0.5 * (labels // 10 != BLOOM // 10)
        light = 2.7 * window[:, None] * rgb("fff0d0") ** 2.2
        light = light + (0.27 * room * (1 + 0.25 * normals[:, 1]))[:, None] * rgb("c4d6f2") ** 2.2
        linear = colours**2.2 * light + (gloss * window)[:, None]
        picture = (1 - np.exp(-1.25 * linear)) ** (1 / 2.2)
        return reduce(picture.reshape(*shape, 3).astype(np.float32), WIDTH, HEIGHT, soften=0.8)

    def subject(self, t: int) -> Array:
        """Where the flowers, the fruit and the vessels are (see `Shot`)."""
        labels, _ = trace(pixel_grid(SUPERSAMPLE), t)
        return reduce((labels >= VESSEL).astype(np.float32), WIDTH, HEIGHT)

    def back(self, t: int, places: Array) -> tuple[Array, Bools]:
        """Follow what frame t shows back to frame t - 1 (see `Shot`)."""
        labels, points = trace(places, t)
        for i, fruit in enumerate(FRUITS):
            here = labels == FRUIT + i
            resting = (points[here] - fruit.centre(t)) @ fruit.turn(t)
            points[here] = resting @ fruit.turn(t - 1).T + fruit.centre(t - 1)
        source = project(points, t - 1)
        labels_then, points_then = trace(source, t - 1)
        same = np.linalg.norm(points_then - points, axis=-1) < 0.02
        return source.astype(np.float32), same & (labels_then == labels)
