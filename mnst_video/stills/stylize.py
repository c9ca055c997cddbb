"""The package's own function for one picture: no files, and no more than painting needs."""

from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.options import Options
from mnst_video.painting.machine import load_network
from mnst_video.painting.still import paint_still
from mnst_video.timeline.fader import Fader


def stylize_image(
    content: Frame,
    style1: Frame,
    style2: Frame,
    gamma: float = 0.5,
    options: Options | None = None,
) -> Frame:
    """Stylize one picture with two styles: gamma = 1 is style 1 alone, 0 is style 2 alone.

    Pictures are uint8 `(H, W, 3)`, RGB; style images may have any size. The result has the
    content's size, or `options.max_side` on its longer side where the content is larger.
    Raises ValueError for gamma outside 0..1, and for masks, which `render_still` takes,
    MachineError without weights, DivergedError where the loss does not stay finite.
    """
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma must be between 0 and 1, not {gamma}")
    options = options or Options()
    if options.masks.any:
        raise ValueError("masks and wipes are for render and render_still, which read files")
    height, width = content.shape[:2]
    width, height = working_size(width, height, options.max_side or max(width, height))
    content = resize(content, width, height)
    network = load_network(options.machine)
    return paint_still(network, options.paint, content, (style1, style2), Fader(0, gamma)).frame
