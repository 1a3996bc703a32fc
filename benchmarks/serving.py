"""Serving: this program, FastAPI with `pipeline`, FastAPI with our engine, and LitServe, side by side in one run.

    python benchmarks/serving.py [checkpoint=outputs/train/latest] [servers=sitrep,pipeline,engine,litserve]
        [parts=start,clients,curve,overload] [seconds=10] [overload_seconds=60] [clients=32] [rounds=3]
        [cores=SERVER:CLIENT] [settings="limits.queue_seconds=1 …"] [picture=docs/serving.svg]

Each server has a process of its own, bound to the cores `SERVER` (by default the second half of those that there are),
and is loaded from this process, bound to `CLIENT` (the first half). Sentences are those of the shipped corpus, one a
request. `settings` are more of this program's. `clients` takes the servers in turns. The curve is drawn to `picture`.
"""

import asyncio
import statistics
import time
from pathlib import Path

from arguments import options
from serving_load import Load, closed_loop, open_loop
from serving_picture import Point, draw
from serving_processes import NAMES, Server, bare_call_ms, use_cores

from sitrep.data import corpus
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.hardware import cpu_name

PICTURE = Path(__file__).parents[1] / "docs" / "serving.svg"
PARTS = ("start", "clients", "curve", "overload")
FACTORS = (0.1, 0.2, 0.35, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Offered load, as shares of what this program carries."""
LOST = 0.5
"""Share of answers at which the curve of a server ends: what is offered beyond shows nothing new."""
AFTER_SECONDS = 15.0
"""For which one client asks behind the overload."""


class Benchmark:
    """What is measured, and with what.

    Args:
        given: The command line.
    """

    def __init__(self, given: dict[str, str]) -> None:
        self.folder = str(open_checkpoint(given.get("checkpoint", "outputs/train/latest")).folder)
        self.servers = given.get("servers", ",".join(NAMES)).split(",")
        self.parts = given.get("parts", ",".join(PARTS)).split(",")
        self.seconds = float(given.get("seconds", "10"))
        self.overload_seconds = float(given.get("overload_seconds", "60"))
        self.clients, self.rounds = int(given.get("clients", "32")), int(given.get("rounds", "3"))
        self.picture = Path(given.get("picture", PICTURE))
        self.cores = use_cores(given.get("cores"))
        self.settings = given.get("settings", "").split()
        self.texts = list(corpus.load()["text"])[::7]
        self.capacity = 0.0

    def open(self, name: str) -> Server:
        """A server that is ready and warm."""
        server = Server(name, self.folder, self.cores, self.settings)
        asyncio.run(closed_loop(server.port, self.texts, self.clients, 2.0))
        return server

    def start(self) -> None:
        """From the start of the process to the first answer."""
        print("\n| server | start to ready, s (of each start) |\n|---|---|")
        for name in self.servers:
            taken = []
            for _ in range(self.rounds):
                with Server(name, self.folder, self.cores, self.settings) as server:
                    taken.append(server.ready_seconds)
            print(f"| {NAMES[name]} | {statistics.median(taken):.1f} ({', '.join(f'{x:.1f}' for x in taken)}) |")

    def run_clients(self) -> None:
        """Many clients at once, and one alone."""
        servers = {name: self.open(name) for name in self.servers}
        many: dict[str, list[Load]] = {name: [] for name in servers}
        one: dict[str, list[Load]] = {name: [] for name in servers}
        busy = dict.fromkeys(servers, 0.0)
        try:
            for _ in range(self.rounds):
                for name, server in servers.items():
                    before = server.cpu_seconds()
                    many[name].append(asyncio.run(closed_loop(server.port, self.texts, self.clients, self.seconds)))
                    busy[name] += server.cpu_seconds() - before
                    one[name].append(asyncio.run(closed_loop(server.port, self.texts, 1, self.seconds / 2)))
        finally:
            for server in servers.values():
                server.close()
        bare = bare_call_ms(self.folder, self.texts, self.cores)
        print(f"\none call of the model in a process of its own, no server: p50 {bare:.1f} ms\n")
        print(
            f"| server | requests/s, {self.clients} clients | CPU ms a request | p50, ms | p99, ms | failed "
            f"| one client: p50, ms | p99, ms |\n|---|---|---|---|---|---|---|---|"
        )
        for name in servers:
            speeds = [load.throughput for load in many[name]]
            all_many, all_one = merged(many[name]), merged(one[name])
            failed = len(all_many.exchanges) - len(all_many.answered)
            print(
                f"| {NAMES[name]} | {statistics.median(speeds):.0f} ({min(speeds):.0f}–{max(speeds):.0f}) "
                f"| {busy[name] * 1000 / len(all_many.answered):.2f} "
                f"| {all_many.percentile(50):.0f} | {all_many.percentile(99):.0f} | {failed} "
                f"| {all_one.percentile(50):.1f} | {all_one.percentile(99):.1f} |"
            )

    def measure_capacity(self) -> float:
        """Requests a second that this program carries with as many clients as keep its batches full."""
        if not self.capacity:
            with self.open("sitrep") as server:
                load = asyncio.run(closed_loop(server.port, self.texts, 4 * self.clients, self.seconds))
            self.capacity = load.throughput
            print(f"\nsitrep with {4 * self.clients} clients: {self.capacity:.0f} requests/s, here its capacity")
        return self.capacity

    def curve(self) -> None:
        """Throughput and p99 against what is offered, until half of it is lost."""
        capacity = self.measure_capacity()
        curves: dict[str, list[Point]] = {}
        print("\n| server | offered, requests/s | answered, requests/s | refused | no answer | p50, ms | p99, ms |")
        print("|---|---|---|---|---|---|---|")
        for name in self.servers:
            points = curves[NAMES[name]] = []
            server: Server | None = None
            for factor in FACTORS:
                server = server or self.open(name)
                load = asyncio.run(open_loop(server.port, self.texts, factor * capacity, self.seconds))
                offered = len(load.exchanges) / self.seconds
                point = Point(offered, load.throughput, load.percentile(99) / 1000)
                points.append(point)
                refused = sum(exchange.status in (429, 503) for exchange in load.exchanges)
                lost = len(load.exchanges) - len(load.answered) - refused
                print(
                    f"| {NAMES[name]} | {offered:.0f} | {point.answered:.0f} | {refused} | {lost} "
                    f"| {load.percentile(50):.0f} | {load.percentile(99):.0f} |",
                    flush=True,
                )
                if lost:  # it may go on with what nobody waits for any more
                    server.close()
                    server = None
                if name != "sitrep" and point.answered < LOST * offered:
                    break
            if server:
                server.close()
        draw(curves, self.picture)

    def overload(self) -> None:
        """Four times what this program carries, and one client behind it."""
        capacity = self.measure_capacity()
        with self.open("sitrep") as server:
            before = asyncio.run(closed_loop(server.port, self.texts, 1, 3.0))
            memory = server.watch_memory()
            load, after = asyncio.run(overloaded(server.port, self.texts, 4 * capacity, self.overload_seconds))
            resident = memory()
        print(
            f"\n{4 * capacity:.0f} requests/s offered for {self.overload_seconds:.0f} s, {len(load.exchanges)} in all"
        )
        for status in sorted({exchange.status for exchange in load.exchanges}):
            found = [exchange for exchange in load.exchanges if exchange.status == status]
            print(f"  status {status}: {len(found)}, with Retry-After {sum(x.retry_after for x in found)}")
        p50, p99 = load.percentile(50), load.percentile(99)
        print(f"  answered: {load.throughput:.0f}/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        third = max(1, len(resident) // 3)
        first, last = max(resident[:third]), max(resident[-third:])
        print(
            f"  memory, MiB: {resident[0]:.0f} before; at most {first:.0f} in the first third, {last:.0f} in the last"
        )
        print(f"  one client: p50 {before.percentile(50):.1f} ms before, {after.percentile(50):.1f} ms from the end on")
        print(f"  normal again {normal_again_seconds(before, after):.1f} s after the last request was sent")


def normal_again_seconds(before: Load, after: Load) -> float:
    """Time from which on no request takes over twice the p99 that there was before, or is refused."""
    limit = 2 * before.percentile(99) / 1000
    began = after.exchanges[0].began
    slow = [x.began + x.seconds - began for x in after.exchanges if x.status != 200 or x.seconds > limit]
    return max(slow, default=0.0)


async def overloaded(port: int, texts: list[str], rate: float, seconds: float) -> tuple[Load, Load]:
    """Load for a time, and one client alone from when its last request was sent, though many may wait."""
    load = asyncio.create_task(open_loop(port, texts, rate, seconds))
    await asyncio.sleep(seconds)
    after = await closed_loop(port, texts, 1, AFTER_SECONDS)
    return await load, after


def merged(loads: list[Load]) -> Load:
    """Several loads as one."""
    return Load(sum(load.seconds for load in loads), [exchange for load in loads for exchange in load.exchanges])


def main() -> None:
    """Measure what was asked for."""
    benchmark = Benchmark(
        options(
            "checkpoint",
            "servers",
            "parts",
            "seconds",
            "overload_seconds",
            "clients",
            "rounds",
            "cores",
            "settings",
            "picture",
        )
    )
    print(f"{cpu_name()}; {benchmark.cores}; sentences of the shipped corpus, one a request")
    work = {
        "start": benchmark.start,
        "clients": benchmark.run_clients,
        "curve": benchmark.curve,
        "overload": benchmark.overload,
    }
    for part in benchmark.parts:
        began = time.perf_counter()
        work[part]()
        print(f"\n({part}: {time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
