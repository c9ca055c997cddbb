"""From a decoded frame to a picture: deinterlaced, in BT.709, upright."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation

from mnst_video.media.clip import Decoding
from mnst_video.media.images import Photo
from mnst_video.media.input.demux import orientation, stamp_of
from mnst_video.media.input.tone import to_sdr

# swscale's quick way, which is OpenCV's too, is kept for what OpenCV decodes; from YUV with opacity
# it spoils the last columns of some widths (of 66 pixels).
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
# The matrix of frames that do not say theirs (ffmpeg's AVColorSpace).
UNSAID = 2
# Fields of film that was put on video are joined again; what is combed then is interpolated.
DEINTERLACE: tuple[tuple[str, str], ...] = (
    ("fieldmatch", "order=auto:combmatch=full:combpel=40"),
    ("bwdif", "mode=send_frame:deint=interlaced"),
)


def deinterlaced(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """As many progressive frames as there are interlaced ones, with their times."""
    graph: Graph | None = None
    size: tuple[int, int, str] | None = None
    stamps: deque[int | None] = deque()  # filters have clocks of their own
    for frame in frames:
        if (now := (frame.width, frame.height, frame.format.name)) != size:
            if graph is not None:
                yield from _pulled(graph, stamps, last=True)
            graph, size = _deinterlacer(frame), now
        assert graph is not None
        stamps.append(stamp_of(frame))
        graph.vpush(frame)
        yield from _pulled(graph, stamps)
    if graph is not None:
        yield from _pulled(graph, stamps, last=True)


def _deinterlacer(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 1000),
    )
    filters = [graph.add(name, options) for name, options in DEINTERLACE]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    return graph


def _pulled(graph: Graph, stamps: deque[int | None], *, last: bool = False) -> Iterator[VideoFrame]:
    """The frames that are ready, and at the end all; each takes the next of the stamps."""
    if last:
        graph.vpush(None)
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame.pts = stamps.popleft()
        yield frame


def photo_of(frame: VideoFrame, decoding: Decoding) -> Photo:
    """A decoded frame as a clip has it, with its opacity."""
    turned = orientation(frame)
    width, height = reversed(decoding.size) if turned.transposed else decoding.size
    if (frame.width, frame.height) != (width, height):  # changed in mid-stream
        frame = frame.reformat(width, height, interpolation=EXACT)
    if decoding.colors:
        matrix = Colorspace.BT2020 if frame.colorspace == UNSAID else None
        deep = frame.to_ndarray(format="rgba64le", src_colorspace=matrix, interpolation=EXACT)
        codes = np.asarray(deep, np.uint16)
        rgb = to_sdr(np.ascontiguousarray(codes[..., :3]), decoding.colors)
        opacity = (codes[..., 3] // 257).astype(np.uint8)
    else:
        plain = not decoding.alpha and all(part.bits == 8 for part in frame.format.components)
        kind = "rgba" if decoding.alpha else "rgb24"
        pixels = frame.to_ndarray(format=kind, interpolation=None if plain else EXACT)
        rgb = opacity = np.asarray(pixels, np.uint8)
        if decoding.alpha:
            rgb, opacity = rgb[..., :3], rgb[..., 3]
    return Photo(turned.upright(rgb), turned.upright(opacity) if decoding.alpha else None)
