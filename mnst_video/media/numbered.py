"""Names of numbered pictures, with a counter such as the `%04d` of `shot.%04d.png`."""

import re
from pathlib import Path

# As in printf: a plain number, or one filled up with zeros.
_COUNTER = re.compile(r"%(?:0(?P<width>\d{1,2}))?d")


def has_counter(name: str) -> bool:
    """Whether a name is a pattern."""
    return _COUNTER.search(name) is not None


def with_number(pattern: str, number: int) -> str:
    """The name of one of the pictures."""
    return _COUNTER.sub(lambda found: found[0] % number, pattern, count=1)


def names_of(pattern: str) -> re.Pattern[str]:
    """What matches the names of all pictures of a pattern, with their number as its only group."""
    counter = _COUNTER.search(pattern)
    assert counter is not None
    before, after = (re.escape(p) for p in (pattern[: counter.start()], pattern[counter.end() :]))
    return re.compile(rf"{before}(\d{{{int(counter['width'] or 1)},}}){after}")


def sequence_name(path: Path) -> str:
    """What a sequence is called: `shot` of `shot.%04d.png`."""
    return _COUNTER.sub("", path.stem).strip("._- ") or path.stem
