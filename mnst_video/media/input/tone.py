"""HDR and wide colours, as an SDR display of BT.709 shows them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.media.frames import Frame

# Code values of 16 bits.
_CODES = np.arange(65536, dtype=np.float64) / 65535
# The gamma of displays of BT.709 and BT.2020 (ITU-R BT.1886).
GAMMA = 2.4
# Diffuse white in cd/m² (ITU-R BT.2408), which is 1; what is brighter is rolled off from a knee on,
# up to a peak, which becomes 1.
WHITE, PEAK, KNEE = 203.0, 1000.0 / 203.0, 0.3
# Light of BT.2020 in the primaries of BT.709 (ITU-R BT.2087, the inverse of its matrix M2).
_TO_709 = np.linalg.inv(
    np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]],
    )
).astype(np.float32)


def _pq() -> NDArray[np.float32]:
    """The light of PQ's code values, with diffuse white as 1 (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = _CODES ** (1 / m2)
    light = (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1)
    return (light * 10_000 / WHITE).astype(np.float32)


# By `Decoding.colors`. HLG as the gamma curve that it is in an SDR display, which it was made for
# (ITU-R BT.2390): to roll it off anew would leave little between its light greys.
_GAMMA = (_CODES**GAMMA).astype(np.float32)
_LIGHT = {"PQ": _pq(), "HLG": _GAMMA, "BT.2020": _GAMMA}


def to_sdr(codes: NDArray[np.uint16], colors: str) -> Frame:
    """8 bits of BT.709 from code values of BT.2020, `(H, W, 3)`, RGB.

    colors: PQ, HLG or BT.2020, see `Decoding`.
    """
    light = np.asarray(cv2.transform(_LIGHT[colors][codes], _TO_709), np.float32)
    np.maximum(light, 0.0, out=light)
    if colors == "PQ":
        light *= _rolled_off(light.max(axis=2))[..., None]
    codes_709 = cv2.pow(np.minimum(light, 1.0), 1 / GAMMA)
    return np.asarray((codes_709 * 255.0).round(), np.uint8)


def _rolled_off(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The factor by which light is dimmed: Möbius' curve, smooth at the knee, 1 at the peak."""
    a = -KNEE * KNEE * (PEAK - 1) / (KNEE * KNEE - 2 * KNEE + PEAK)
    b = (KNEE * KNEE - 2 * KNEE * PEAK + PEAK) / (PEAK - 1)
    scale = (b * b + 2 * b * KNEE + KNEE * KNEE) / (b - a)
    bright = np.maximum(light, KNEE)
    return np.where(light <= KNEE, 1.0, scale * (bright + a) / (bright + b) / bright).astype(
        np.float32
    )
