"""Workers of a cluster as a crew: chunks are tasks of Dask, a shot's each depending on the last."""

import contextlib
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Future

from mnst_video.errors import DivergedError, MachineError, MnstError
from mnst_video.job.chains import Hand
from mnst_video.job.chunk import Chunk, Painted
from mnst_video.job.cluster.remote import Done, paint
from mnst_video.job.cluster.survey import Worker, present, survey
from mnst_video.job.crew import CHUNK, Lost
from mnst_video.job.events import Observer, Workforce
from mnst_video.painting.brief import Brief
from mnst_video.painting.settings import Machine

Work = Callable[[Brief, Machine, Chunk, Painted | Done | None], Done]

# Chunks of a hand: one that it paints, and one whose content is on its way meanwhile.
AHEAD = 2
# Chunks in a row that depend on one another. Dask keeps all that a task was made from, contents and
# all, as long as the task: the next one is given only when these are written.
DEEPEST = 4
# Seconds between two looks at who is there.
LOOK = 1.0
# Threads that fetch what is painted.
FETCHERS = 4
# A hand that nothing is left for takes over from one that is so many times slower.
SLOWER = 1.5
# What it would itself have painted so many times meanwhile is late: it paints that.
LATE = 3.0


@dataclass(eq=False)
class Order:
    """A chunk that a hand was given. depth: how many before it depend on one another."""

    hand: "Slot"
    chunk: Chunk
    future: Future[Done]
    depth: int = 0


@dataclass(eq=False)
class Slot:
    """A hand: a device of a worker. pace: seconds a frame; 0 until it has painted one.

    orders: the first is the one that it paints. since: when it came to that.
    """

    worker: Worker
    kind: str
    orders: list[Order] = field(default_factory=list)
    pace: float = 0.0
    since: float = 0.0

    @property
    def has_room(self) -> bool:
        """Whether it can be given a chunk more."""
        deep = self.orders and self.orders[-1].depth + 1 >= DEEPEST
        return len(self.orders) < (1 if deep else AHEAD)

    def seconds(self, now: float) -> float:
        """Seconds a frame, as far as is known: more, the longer it is at its first order."""
        if not self.orders:
            return self.pace
        return max(self.pace, (now - self.since) / len(self.orders[0].chunk.frames))


class Workers:
    """A crew. Each chunk is pinned to a worker: whoever loses one, Dask starts nothing anew by
    itself, which would be the chunk before too."""

    most = CHUNK

    def __init__(
        self,
        client: Client,
        brief: Brief,
        machine: Machine,
        workers: Sequence[Worker],
        alike: str | None,
        timeout: float,
        observe: Observer,
        work: Work = paint,
    ) -> None:
        """alike: the kind of worker that may join; None: any.

        timeout: seconds to wait for workers where there are none.
        work: what runs on a worker.
        """
        self._client, self._machine, self._timeout = client, machine, timeout
        self._alike, self._observe, self._size = alike, observe, brief.size
        self._work = work
        self._slots: list[Slot] = []
        self._known = {worker.address for worker in workers}
        self._last: dict[int, Order] = {}
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._fetchers = ThreadPoolExecutor(FETCHERS)
        self._looked = self._seen = time.monotonic()
        self._given, self._holders = brief, frozenset[str]()
        self._brief: Future[Brief] | None = None
        self._join(workers)
        self._tell()

    def close(self) -> None:
        """Cancel what is at work; nothing stays behind."""
        futures: list[Future[Any]] = [o.future for slot in self._slots for o in slot.orders]
        futures += [self._brief] if self._brief else []
        if self._client.status == "running":
            with contextlib.suppress(OSError, RuntimeError):  # it goes away at this moment
                self._client.cancel(futures, force=True)
        self._fetchers.shutdown(wait=False, cancel_futures=True)

    def ready(self) -> Sequence[tuple[Hand, str]]:
        free = [slot for slot in self._slots if slot.has_room]
        free.sort(key=lambda slot: (len(slot.orders), slot.pace))
        return [(slot, slot.kind) for slot in free]

    def name(self, hand: Hand) -> str | None:
        assert isinstance(hand, Slot)
        return hand.worker.name

    def give(self, hand: Hand, chunk: Chunk, before: Painted | None) -> None:
        assert isinstance(hand, Slot)
        follows = self._last.get(chunk.chain) if chunk.goes_on and before is None else None
        lends = hand.worker.gpus and hand.kind.startswith("cuda")
        future = self._client.submit(
            self._work,
            self._brief,
            self._machine,
            chunk,
            follows.future if follows else before,
            workers=[hand.worker.address],
            resources={"GPU": 1} if lends else None,
            pure=False,
        )
        order = Order(hand, chunk, future, follows.depth + 1 if follows else 0)
        if not hand.orders:
            hand.since = time.monotonic()
        hand.orders.append(order)
        self._last[chunk.chain] = order
        future.add_done_callback(lambda _: self._fetch(order))

    def _fetch(self, order: Order) -> None:
        def fetch() -> None:
            future = order.future
            try:
                if future.status == "finished":
                    self._news.put((order, future.result()))
                elif future.status == "error":
                    self._news.put((order, future.exception()))
            except Exception as error:  # the worker went with it, or it was cancelled
                self._news.put((order, error))

        with contextlib.suppress(RuntimeError):  # where it is over
            self._fetchers.submit(fetch)

    def wait(self) -> Iterator[tuple[Hand, Painted | Lost]]:
        taken = list(self._take_over())
        if taken:
            yield from taken
            return
        try:
            order, outcome = self._news.get(timeout=LOOK)
        except queue.Empty:
            pass
        else:
            if isinstance(order, Order):
                yield from self._finished(order, outcome)
            else:
                self._met(outcome)
        if time.monotonic() - self._looked >= LOOK:
            yield from self._look()
            self._looked = time.monotonic()

    def _finished(self, order: Order, outcome: object) -> Iterator[tuple[Hand, Painted | Lost]]:
        slot = order.hand
        if order not in slot.orders:
            return  # it was given to somebody else meanwhile
        if isinstance(outcome, DivergedError):
            raise outcome  # as it would everywhere
        if not isinstance(outcome, Done):
            present(self._client)
            if self._before(order):  # what it depends on has failed, or is on its way to here
                time.sleep(0.05)
                self._news.put((order, outcome))
                return
            words = str(outcome) if isinstance(outcome, MnstError) else repr(outcome)
            yield from self._fail(slot, " ".join(words.split()))
            return
        slot.orders.remove(order)
        order.future.release()  # the next chunk keeps it as long as it needs it
        now = time.monotonic()
        painting = sum(painted.seconds for painted in outcome.painted)
        slot.pace = max(painting, now - slot.since - outcome.waited) / len(outcome.painted)
        slot.since = now
        if self._last.get(order.chunk.chain) is order:
            del self._last[order.chunk.chain]
        for painted in outcome.painted:
            yield slot, painted

    def _fail(self, slot: Slot, why: str, gone: bool = False) -> Iterator[tuple[Hand, Lost]]:
        """A hand has failed at its first order. It is left out, if there are others."""
        if gone or len(self._slots) > 1:
            self._slots.remove(slot)
            self._tell("" if gone else f"worker {slot.worker.name} is left out: {why}")
        orders = list(slot.orders)
        for number, order in enumerate(orders):
            reason = "" if number else f"worker {slot.worker.name}: {why}"
            yield from self._withdraw(order, reason)

    def _before(self, order: Order) -> list[Order]:
        """The orders that an order depends on: of the same chain, and given before."""
        slots = dict.fromkeys((*self._slots, order.hand))
        of_chain = (o for slot in slots for o in slot.orders if o.chunk.chain == order.chunk.chain)
        return [o for o in of_chain if o.chunk.frames.start < order.chunk.frames.start]

    def _withdraw(self, order: Order, why: str = "") -> Iterator[tuple[Hand, Lost]]:
        """Take back an order, and what depends on it."""
        if order not in order.hand.orders:
            return  # it went with one before it
        chain, before = order.chunk.chain, self._before(order)
        slots = dict.fromkeys((*self._slots, order.hand))
        of_chain = [o for slot in slots for o in slot.orders if o.chunk.chain == chain]
        later = [o for o in of_chain if o not in before]
        for other in later:
            other.hand.orders.remove(other)
        self._client.cancel([other.future for other in later], force=True)
        if before:
            self._last[chain] = max(before, key=lambda o: o.chunk.frames.start)
        else:
            self._last.pop(chain, None)
        yield order.hand, Lost(chain, why, order.chunk.frames.start if before else None)

    def _take_over(self) -> Iterator[tuple[Hand, Lost]]:
        """Take from a hand, for one that has nothing, what waits there or is late."""
        idle = [slot for slot in self._slots if not slot.orders]
        if not idle:
            return
        now = time.monotonic()
        paces = [slot.pace for slot in idle if slot.pace] or [
            slot.pace for slot in self._slots if slot.pace
        ]
        quickest = min(paces, default=0.0)
        for slot in sorted(self._slots, key=lambda slot: -slot.seconds(now)):
            if not slot.orders:
                continue
            first, slower = slot.orders[0], slot.seconds(now) > SLOWER * quickest > 0.0
            waiting = [o for o in slot.orders[1:] if slower or o.chunk.chain != first.chunk.chain]
            late = slot.seconds(now) > LATE * quickest > 0.0 and now - slot.since > LOOK
            if waiting or late:
                slot.pace = slot.seconds(now)  # else it would be given it again
                yield from self._withdraw(waiting[0] if waiting else first)
                return

    def _look(self) -> Iterator[tuple[Hand, Painted | Lost]]:
        """Who has come, and who has gone."""
        there = present(self._client)
        for slot in [slot for slot in self._slots if slot.worker.address not in there]:
            yield from self._fail(slot, "is gone", gone=True)
        new = there.keys() - self._known
        self._known = set(there)
        for address in new:
            self._fetchers.submit(self._meet, address)
        if self._slots:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > self._timeout:
            raise MachineError(
                f"no worker that could paint has been there for {self._timeout:.0f} s; the "
                "finished frames are kept: start some, and give the same command"
            )

    def _meet(self, address: str) -> None:
        try:
            for worker in survey(self._client, self._machine, [address]):
                self._news.put((None, worker))
        except (MnstError, KeyError):
            pass  # it has gone again

    def _met(self, worker: Worker) -> None:
        problem = worker.problem
        if not problem and self._alike not in (None, str(worker.settings(self._size))):
            problem = "it would not paint the same bytes"
        if problem:
            self._tell(f"worker {worker.name} is left out: {problem}")
            return
        self._join([worker])
        self._tell()

    def _join(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            assert worker.report is not None
            kind = f"{worker.report.facts.device} {worker.settings(self._size)}"
            self._slots += [Slot(worker, kind) for _ in range(worker.slots)]
        addresses = frozenset(slot.worker.address for slot in self._slots)
        if self._brief is None or not addresses & self._holders:
            # A task, not data, which would be lost with the worker that has it, and stay with one
            # whose client has died.
            self._holders = addresses
            self._brief = self._client.submit(
                _itself, self._given, workers=list(addresses), pure=False
            )

    def _tell(self, note: str = "") -> None:
        names = tuple(sorted({slot.worker.name for slot in self._slots}))
        self._observe(Workforce(names, note))


def _itself(brief: Brief) -> Brief:
    return brief
