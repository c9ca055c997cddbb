"""The window: what is shown, and the keys and the wheel."""

import cv2
import numpy as np

from mnst_video.errors import MachineError
from mnst_video.live.hand import NOTCH, Hand
from mnst_video.media.frames import Frame

TITLE = "mnst-video"
# What OpenCV's windows call the arrows, under Linux, macOS and Windows.
LEFT, RIGHT = {65361, 63234, 2424832}, {65363, 63235, 2555904}
ESCAPE = 27

HELP = (
    "0-9: γ   left, right, wheel: γ a little   t: to the timeline   f: full screen   h: words   "
    "q: quit"
)


class Window:
    """A window whose keys and wheel move a hand."""

    def __init__(self, hand: Hand) -> None:
        """Raises MachineError where no window can be opened."""
        self.hand, self.words, self._full = hand, True, False
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
            cv2.setMouseCallback(TITLE, self._mouse)
        except cv2.error as error:
            raise MachineError(
                f"no window can be opened ({error.err or 'no display'}); --no-window does without, "
                "with --record or -o -"
            ) from None
        self._sized = False

    def show(self, picture: Frame, words: str) -> bool:
        """Show a picture with some words on it; False when it is to end."""
        shown = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
        if self.words:
            _write(shown, words)
        if not self._sized:
            height, width = picture.shape[:2]
            factor = max(1, round(960 / width))
            cv2.resizeWindow(TITLE, factor * width, factor * height)
            self._sized = True
        cv2.imshow(TITLE, shown)
        if not self.press(cv2.waitKeyEx(1)):
            return False
        try:  # closed with the mouse
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1.0
        except cv2.error:
            return False

    def press(self, key: int) -> bool:
        """What a key does; False where it ends all."""
        letter = chr(key & 0xFF).lower() if 0 <= key < 0x10000 and key & 0xFF else ""
        if key in LEFT or letter in {"-", "a"}:
            self.hand.push(-NOTCH, "key")
        elif key in RIGHT or letter in {"+", "=", "d"}:
            self.hand.push(NOTCH, "key")
        elif key == ESCAPE or letter == "q":
            return False
        elif letter.isdecimal():
            self.hand.put(int(letter) / 9.0, "key")
        elif letter == "t":
            self.hand.release()
        elif letter == "h":
            self.words = not self.words
        elif letter == "f":
            self._full = not self._full
            mode = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(TITLE, cv2.WND_PROP_FULLSCREEN, mode)
        return True

    def _mouse(self, event: int, _x: int, _y: int, flags: int, _: object) -> None:
        if event == cv2.EVENT_MOUSEWHEEL:
            self.hand.push(NOTCH if flags > 0 else -NOTCH, "wheel")

    def close(self) -> None:
        cv2.destroyAllWindows()
        cv2.waitKey(1)


def _write(picture: Frame, words: str) -> None:
    """Write words into a BGR picture, light on dark."""
    scale = max(0.35, picture.shape[1] / 1400)
    place = 6, picture.shape[0] - 8
    for color, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, thick, cv2.LINE_AA
        )
