"""Whether a file ends as its kind does, or was cut off."""

from collections.abc import Callable
from pathlib import Path

# What a GIF ends with (GIF89a, section 27).
GIF_END = b";"
# A page of Ogg, whose sixth byte has this flag on a stream's last one (RFC 3533, section 6).
OGG_PAGE, OGG_END = b"OggS", 4
# The object that says the length of an ASF file, 40 bytes from its beginning (ASF, section 3.2).
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
# The element of Matroska that holds all but the header (RFC 9559, section 5.1).
SEGMENT = bytes.fromhex("18538067")
# What a packet of MPEG-TS begins with, and how far two are apart: bare, with a time before each,
# and with a checksum behind (ISO/IEC 13818-1, section 2.4.3.2).
SYNC, APART, PACKET = 0x47, (188, 192), 188
CHECKED = 204
# More than a page of Ogg, and than what lies before Matroska's segment.
NEAR = 70_000


def ends_whole(path: Path, name: str) -> bool:
    """Whether a file of one of ffmpeg's formats is whole; True where that cannot be told."""
    checks: dict[str, Callable[[bytes, bytes, int], bool]] = {
        "gif": _gif,
        "ogg": _ogg,
        "asf": _asf,
        "matroska,webm": _matroska,
        "mpegts": _mpegts,
    }
    if name not in checks:
        return True
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(NEAR)
        file.seek(max(0, size - NEAR))
        return checks[name](head, file.read(), size)


def _gif(_: bytes, tail: bytes, __: int) -> bool:
    return tail.rstrip(b"\0").endswith(GIF_END)


def _ogg(_: bytes, tail: bytes, __: int) -> bool:
    place = tail.rfind(OGG_PAGE)
    if place < 0:
        return True
    page = tail[place:]
    table = page[27 : 27 + page[26]] if len(page) > 26 else b""  # the lengths of its pieces
    whole = len(page) > 26 and len(page) >= 27 + page[26] + sum(table)
    return whole and bool(page[5] & OGG_END)


def _asf(head: bytes, _: bytes, size: int) -> bool:
    place = head.find(ASF_FILE)
    return place < 0 or size >= int.from_bytes(head[place + 40 : place + 48], "little")


def _matroska(head: bytes, _: bytes, size: int) -> bool:
    place = head.find(SEGMENT) + len(SEGMENT)
    if place < len(SEGMENT) or len(head) < place + 8 or not head[place]:
        return True
    length = 9 - head[place].bit_length()  # the zeros before the first 1 say how many bytes follow
    value = int.from_bytes(head[place : place + length]) - (1 << 7 * length)
    unknown = (1 << 7 * length) - 1  # as of what was not finished, or is a live stream
    return value == unknown or size >= place + length + value


def _mpegts(_: bytes, tail: bytes, __: int) -> bool:
    def steps(first: int, apart: int) -> bool:
        return all(tail[-first - apart * back] == SYNC for back in range(3))

    if len(tail) < 4 * CHECKED:
        return True
    return steps(CHECKED, CHECKED) or any(steps(PACKET, apart) for apart in APART)
