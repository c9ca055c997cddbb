"""What a render is painted with, as any machine can be given it."""

from copy import deepcopy
from dataclasses import dataclass

from mnst_video.errors import MachineError
from mnst_video.media.frames import Frame
from mnst_video.method.vgg import VGG19
from mnst_video.model.network import Network
from mnst_video.painting.settings import Paint
from mnst_video.painting.styles import Styles


@dataclass(frozen=True, eq=False)
class Brief:
    """What `Styles` are made of, but for the network that sees them.

    pictures: the style images as they are in their files, uint8 `(h, w, 3)`, RGB.
    size: (width, height) to work in.
    weights: the digest of the network's; empty where any will do.
    model: what paints instead of the optimiser, if anything; then `polish` steps go on from there.
    """

    paint: Paint
    pictures: tuple[Frame, ...]
    size: tuple[int, int]
    weights: str = ""
    model: Network | None = None
    polish: int = 0

    def styles(self, network: VGG19) -> Styles:
        """The styles as a network sees them. Raises MachineError where it has other weights."""
        if self.weights not in ("", network.sha256):
            raise MachineError(
                "the weights of VGG-19 are others here than where the render began; give all "
                "machines the same --weights"
            )
        if self.model is None:
            return Styles(network, self.paint, self.pictures, *self.size)
        player = deepcopy(self.model).to(network.device).to_play(network.dtype)
        styles = Styles(network, self.paint, self.pictures, *self.size, player)
        return styles.with_steps(self.polish)
