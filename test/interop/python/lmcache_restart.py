"""LMCache's own connector while the store behind it goes away and comes back; see ../lmcache-restart.ts.

usage: lmcache_restart.py CONNECTOR URL EXTRA-CONFIG

Asks with a line {"request": "kill"} or {"request": "start"} and goes on when a line comes on stdin.
"""

import json
import select
import socket
import sys
import threading
import time
from importlib.metadata import version

from lmcache_harness import DEADLINE, Engine, check, run_checks, same, until

CONNECTOR, URL, EXTRA = sys.argv[1:]
EXTRA = json.loads(EXTRA)
# LMCacheRedisClient tells per key what failed since 0.4; RESPConnector does not look
UNSAFE = CONNECTOR == "RESPConnector" and not version("lmcache").startswith("0.3.")
RECONNECTS = CONNECTOR in ("RedisConnector", "ValkeyConnector")
WORKERS = 4
BLOCKS = 16
PATIENCE = 3


def ask(request):
    print(json.dumps({"request": request}), flush=True)
    sys.stdin.readline()


def engine(**options):
    return Engine(URL, EXTRA, **options)


class Load:
    """Engines that store and read, as a model does: nothing may come out of RemoteBackend but a block or a miss."""

    def __init__(self):
        self.engines = [engine(worker=worker, patience=PATIENCE) for worker in range(WORKERS)]
        self.stopped = False
        self.errors = []
        self.hits = [0] * WORKERS
        self.turns = [0] * WORKERS
        self.slowest = 0.0
        self.threads = [threading.Thread(target=self._work, args=(one,)) for one in self.engines]
        for thread in self.threads:
            thread.start()

    def _work(self, one):
        blocks = [one.block(one.worker * 100 + number) for number in range(BLOCKS)]
        wanted = [same(block) for block in blocks]
        try:
            while not self.stopped:
                number = self.turns[one.worker] % BLOCKS
                key = one.key(0x700 + number)
                begun = time.monotonic()
                if one.remote.contains(key):
                    found = one.get(key)
                    if found is not None:
                        assert found == wanted[number], f"worker {one.worker}: block {number} differs"
                        self.hits[one.worker] += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)
                one.remote.submit_put_task(key, blocks[number])
                self.turns[one.worker] += 1
                time.sleep(0.005)  # as far apart as a model's steps
        except BaseException as error:
            self.errors.append(error)

    def more(self, counts, what):
        """Waits until a count has grown for every engine."""
        before = list(counts)
        until(lambda: self.errors or all(now > old + 3 for now, old in zip(counts, before)), what)

    def end(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "an engine hangs"
        if self.errors:
            raise self.errors[0]


@check("stored before a SIGKILL, there again after it")
def _():
    with engine() as one:
        blocks = [one.block(index) for index in range(12)]
        for index, block in enumerate(blocks):
            one.put(one.key(0x900 + index), block)
        if CONNECTOR == "LMCServerConnector":  # nothing is acknowledged: being asked is what says that all has come
            assert all(one.remote.contains(one.key(0x900 + index)) for index in range(12))
    ask("kill" if CONNECTOR != "LMCServerConnector" else "end")
    ask("start")
    with engine() as one:
        for index, block in enumerate(blocks):
            assert one.remote.contains(one.key(0x900 + index)), index
            assert one.get(one.key(0x900 + index)) == same(block), index


def takes_failures_for_hits():
    """Whether LMCache's client in C++ calls a read done that brought nothing, because the server has gone."""
    from lmcache.lmcache_redis import LMCacheRedisClient

    with socket.create_server(("127.0.0.1", 0)) as server:
        client = LMCacheRedisClient("127.0.0.1", server.getsockname()[1], 1, "", "")
        connection, _ = server.accept()
        client.submit_batch_get(["key"], [memoryview(bytearray(4096))])
        connection.recv(4096)
        connection.close()
        assert select.select([client.event_fd()], [], [], DEADLINE)[0]
        [(_, done, _, _)] = client.drain_completions()
        return done


@check("restart under load: no error, no wrong byte, nothing hangs" if not UNSAFE else "cannot run: restart under load (LMCache takes a failed read for a hit)")
def _():
    if CONNECTOR == "RESPConnector":
        assert takes_failures_for_hits() == UNSAFE
    if UNSAFE:
        return
    load = Load()
    load.more(load.hits, "every engine hits")
    for way in ("kill", "end"):
        ask(way)
        load.more(load.turns, "every engine meets nobody and goes on")
        ask("start")
        if RECONNECTS:
            load.more(load.hits, "every engine hits again")
    load.end()
    assert load.slowest < PATIENCE * 2 + 2, f"one took {load.slowest:.1f} s"


@check("engines find the store again" if RECONNECTS else "cannot run: connecting anew (LMCache's client does not)")
def _():
    with engine(patience=PATIENCE) as one:
        block = one.block(1)
        one.put(one.key(0xA00), block)
        assert one.get(one.key(0xA00)) == same(block)
        ask("end")
        ask("start")
        if RECONNECTS:
            until(lambda: one.remote.contains(one.key(0xA00)), "found again")
            assert one.get(one.key(0xA00)) == same(block)
        else:
            for _ in range(20):
                assert not one.remote.contains(one.key(0xA00))
        with engine() as fresh:
            assert fresh.get(fresh.key(0xA00)) == same(block)


run_checks()
