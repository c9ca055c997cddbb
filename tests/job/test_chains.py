"""Who paints what next, and the content that waits for it."""

import random
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.errors import MachineError
from mnst_video.job import footage
from mnst_video.job.chains import Chains
from mnst_video.job.footage import Footage
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.plan.shots import split


def anything(_):
    return True


def nothing(_):
    return False


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    st.integers(1, 5),
    st.sampled_from([None, 1, 7]),
    st.randoms(use_true_random=False),
)
def test_each_frame_is_given_once_in_order_whoever_fails(lengths, hands, most, chance):
    """A simulation: hands paint their chunk, or are lost at some frame of it."""
    ends = np.cumsum(lengths).tolist()
    shots = split(ends[-1], ends[:-1])
    begun = {shot: chance.randint(0, len(shot.frames) - 1) for shot in shots}
    pending = {frame for shot in shots for frame in shot.frames[begun[shot] :]}
    chains = Chains(shots, pending, most, anything)
    written, at_work = [], {}
    while chains:
        for hand in set(range(hands)) - at_work.keys():
            if taken := chains.take(hand):
                at_work[hand] = taken[1]
        hand = chance.choice(sorted(at_work))
        frames = at_work.pop(hand)
        survived = len(frames) if chance.random() < 0.8 else chance.randrange(len(frames))
        for frame in frames[:survived]:
            written.append(frame)
            assert {*chains.wrote(frame)} <= {*written} | ({*range(ends[-1])} - pending)
        if survived < len(frames):
            chains.failed(chains.of(frames[survived]).shot.index, "gone", 10**6)
    assert sorted(written) == sorted(pending)
    for shot in shots:
        assert [f for f in written if f in shot.frames] == list(shot.frames[begun[shot] :])


def test_the_longest_comes_first_where_its_content_may_wait():
    shots = split(60, [10, 40])
    pending = frozenset(range(60))
    assert Chains(shots, pending, None, anything).take("a")[1] == range(10, 40)
    assert Chains(shots, pending, None, nothing).take("a")[1] == range(10)
    asked = []
    Chains(shots, pending, None, lambda frames: asked.append(frames) or True).take("a")
    assert asked == [0, 10, 40]


def test_a_hand_stays_with_its_shot_and_kinds_stay_apart():
    chains = Chains(split(40, [20]), frozenset(range(40)), 6, anything)
    chain, frames = chains.take("a", "gpu")
    assert frames == range(6)
    assert chains.take("b", "cpu")[1] == range(20, 26)
    assert chains.take("a", "gpu")[1] == range(6, 12)
    assert chains.take("c", "cpu") is None
    for frame in range(3):
        chains.wrote(frame)
    chains.failed(0, "gone", 3)
    chains.failed(1, "gone", 3)
    assert chains.take("d", "gpu") == (chain, range(3, 9))  # not the longer one of another kind
    assert chains.take("e", "gpu")[1] == range(20, 26)  # better than nothing


def test_what_waits_behind_a_slow_hand_goes_to_another():
    chains = Chains(split(20, []), frozenset(range(20)), 5, anything)
    assert chains.take("slow")[1] == range(5)
    assert chains.take("slow")[1] == range(5, 10)
    chains.lost(0, until=5)
    assert chains.take("quick")[1] == range(5, 10)
    assert chains.take("slow") is None
    chains.wrote(0)  # the slow one is still at its own
    assert chains.take("quick")[1] == range(10, 15)
    chains.failed(0, "the slow one is gone", 3)
    assert chains.take("quick")[1] == range(1, 6)


def test_a_frame_that_fails_again_and_again_ends_it():
    chains = Chains(split(9, []), frozenset(range(9)), 3, anything)
    for _ in range(2):
        chains.take("a")
        chains.failed(0, "no reason", 3)
    chains.take("a")
    chains.wrote(0)  # it got further: they count from the start
    for _ in range(3):
        chains.failed(0, "no reason", 4)
        chains.take("a")
    with pytest.raises(MachineError, match=r"frame 1 \(shot 1\) has failed 4 times.*no reason"):
        chains.failed(0, "no reason", 4)


def test_content_is_the_clips_whatever_the_order(tmp_path, make_clip):
    clip = probe(make_clip(frames=12))
    frames = list(read_frames(clip, 32, 24))
    rng = random.Random(1)
    for _ in range(4):
        order = [range(start, start + 3) for start in range(0, 12, 3)]
        rng.shuffle(order)
        read = read_frames(clip, 32, 24)
        with closing(Footage(read, (32, 24), range(12), tmp_path / "waiting")) as content:
            for part in order:
                assert all(
                    map(np.array_equal, content.frames(part), frames[part.start : part.stop])
                )
        assert not (tmp_path / "waiting").exists()


def test_what_is_kept_can_be_asked_for_until_it_is_let_go(tmp_path, make_clip, monkeypatch):
    clip, folder = probe(make_clip(frames=8)), tmp_path / "waiting"
    folder.mkdir()
    (folder / "3.png").write_bytes(b"of a run that was killed")
    monkeypatch.setattr(footage, "MOST_BYTES", 6 * 32 * 24 * footage.BYTES_PER_PIXEL)
    read = read_frames(clip, 32, 24, 2, 8)
    with closing(Footage(read, (32, 24), range(2, 8), folder)) as content:
        first = content.kept([4, 5])  # 2 and 3 are passed over
        assert content.kept([5, 4]) == first[::-1]
        assert content.can_wait(2)
        assert not content.can_wait(3)
        content.let_go([4, 5])
        assert sorted(path.name for path in folder.iterdir()) == ["2.png", "3.png"]
        with pytest.raises(ValueError, match="frame 4 was let go"):
            content.kept([4])
