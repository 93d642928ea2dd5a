"""Checks of one of LMCache's own connectors, unmodified, behind its RemoteBackend; see ../lmcache-connectors.ts.

usage: lmcache_connector.py CONNECTOR URL EXTRA-CONFIG [brief]

CONNECTOR is the class that LMCache has to choose for URL; EXTRA-CONFIG is LMCache's extra_config, as JSON; brief
leaves out what does not depend on how the server is reached.
"""

import contextlib
import json
import queue
import random
import sys
import threading
import time

import torch
from lmcache.v1 import protocol
from lmcache.v1.memory_management import MemoryFormat

from lmcache_harness import Engine, check, run_checks, same, together, until

CONNECTOR, URL, EXTRA, *FLAGS = sys.argv[1:]
EXTRA = json.loads(EXTRA)
BRIEF = "brief" in FLAGS
DESCRIBED = EXTRA.get("save_chunk_meta", True)
ABSENT = 0xDEAD


def engine(**options):
    return Engine(URL, EXTRA, **options)


def sync(call):
    """The result of a call that waits by itself. That of RESPConnector may wait for ever: an answer that comes before
    its future is registered is lost. So it is asked again."""
    if CONNECTOR != "RESPConnector":
        return call()
    for _ in range(20):
        results = queue.SimpleQueue()
        threading.Thread(target=lambda: results.put(call()), daemon=True).start()
        with contextlib.suppress(queue.Empty):
            return results.get(timeout=2)
    raise AssertionError("20 answers were lost")


def detail(name):
    return (lambda function: function) if BRIEF else check(name)


@check("LMCache chooses its connector")
def _():
    with engine() as one:
        assert type(one.connector).__name__ == CONNECTOR, type(one.connector)


@check("put, contains, get: bytes, shape, dtype, format")
def _():
    with engine() as one:
        key, block, other = one.key(1), one.block(1), one.block(2)
        assert not one.remote.contains(key)
        one.put(key, block)
        assert one.remote.contains(key)
        assert one.get(key) == same(block)
        assert not one.remote.contains(one.key(ABSENT))
        one.put(key, other)
        assert one.get(key) == same(other)
        assert sync(lambda: one.connector.exists_sync(key))
        assert not sync(lambda: one.connector.exists_sync(one.key(ABSENT)))


@detail("keys: negative hashes, tags")
def _():
    with engine() as one:
        keys = [one.key(-0x5754ED40775A7BE6), one.key(7, request_configs={"lmcache.tag.user": "alice"})]
        for seed, key in enumerate(keys):
            block = one.block(seed)
            one.put(key, block)
            assert one.get(key) == same(block)
        assert not one.remote.contains(one.key(7))


@check("batched put, contains and get of 16 chunks")
def _():
    with engine() as one:
        keys = [one.key(0x100 + index) for index in range(16)]
        blocks = [one.block(index) for index in range(16)]
        one.remote.batched_submit_put_task(keys, blocks)
        until(lambda: all(one.remote.contains(key) for key in keys), "all are stored")
        assert sync(lambda: one.remote.batched_contains([*keys, one.key(ABSENT)])) == 16
        assert sync(lambda: one.remote.batched_contains([one.key(ABSENT), *keys])) == 0
        found = one.remote.batched_get_blocking(keys)
        assert [same(block) for block in found] == [same(block) for block in blocks]


@check("batched contains and get that do not block")
def _():
    with engine() as one:
        keys = [one.key(0x180 + index) for index in range(16)]
        blocks = [one.block(index) for index in range(16)]
        for key, block in zip(keys, blocks):
            one.put(key, block)
        if one.on_loop(one.remote.support_batched_async_contains()):
            count = one.on_loop(one.remote.batched_async_contains("lookup", [*keys, one.key(ABSENT)]))
            assert count == 16, count
        if one.on_loop(one.remote.support_batched_get_non_blocking()):
            found = one.on_loop(one.remote.batched_get_non_blocking("lookup", keys))
            assert [same(block) for block in found] == [same(block) for block in blocks]


for name, dtype in (("float16", torch.float16), ("float32", torch.float32), ("uint8", torch.uint8), ("float8_e4m3fn", torch.float8_e4m3fn), ("float8_e5m2", torch.float8_e5m2)):

    @detail(f"dtype {name}")
    def _(dtype=dtype):
        with engine(dtype=dtype) as one:
            block = one.block(3)
            one.put(one.key(3), block)
            assert one.get(one.key(3)) == same(block)


@detail("MLA layout")
def _():
    with engine(shape=(4, 1, 256, 1, 576), mla=True) as one:
        block = one.block(4)
        one.put(one.key(4), block)
        assert one.get(one.key(4)) == same(block)


if DESCRIBED:

    @detail("one object a layer" if hasattr(protocol, "pad_shape_to_4d") else "cannot run: one object a layer (LMCache refuses its shape)")
    def _():
        with engine() as one:
            blocks = [one.block(index, [torch.Size([256, 2, 512])], [torch.bfloat16], MemoryFormat.KV_T2D) for index in range(4)]
            keys = one.key(0x500).split_layers(4)
            if not hasattr(protocol, "pad_shape_to_4d"):
                with contextlib.suppress(AssertionError):  # some connectors only log it
                    one.put(keys[0], blocks[0])
                assert not one.remote.contains(keys[0])
                return
            for key, block in zip(keys, blocks):
                one.put(key, block)
            assert [one.get(key) for key in keys] == [same(block) for block in blocks]

    @detail("chunks that are not full")
    def _():
        with engine() as one:
            for tokens in (1, 100, 255):
                block = one.block(tokens, [torch.Size([2, 4, tokens, 512])])
                one.put(one.key(0x600 + tokens), block)
                assert one.get(one.key(0x600 + tokens)) == same(block)


@check("chunks of 32 MiB")
def _():
    with engine(shape=(32, 2, 256, 8, 128), gigabytes=0.4) as one:
        blocks = [one.block(index) for index in range(6)]
        assert len(blocks[0].byte_array) == 32 << 20
        for index, block in enumerate(blocks):
            one.put(one.key(0x200 + index), block)
        for index, block in enumerate(blocks):
            assert one.get(one.key(0x200 + index)) == same(block), index


@detail("8 clients at once")
def _():
    engines = [engine(worker=worker, gigabytes=0.1) for worker in range(8)]

    def work(one):
        order = random.Random(one.worker)
        blocks = {number: one.block(one.worker * 100 + number) for number in range(12)}
        for number, block in blocks.items():
            one.put(one.key(0x300 + number), block)
        for _ in range(5):
            numbers = list(blocks)
            order.shuffle(numbers)
            for number in numbers:
                assert one.remote.contains(one.key(0x300 + number))
                assert one.get(one.key(0x300 + number)) == same(blocks[number]), number

    together(*(lambda one=one: work(one) for one in engines))
    for one in engines:
        one.close()


@detail("a block that is not there" if CONNECTOR != "RESPConnector" else "cannot run: get of a missing block (LMCache waits for its deadline)")
def _():
    with engine(patience=2 if CONNECTOR == "RESPConnector" else 60) as one:
        begun = time.monotonic()
        assert one.get(one.key(ABSENT)) is None
        waited = time.monotonic() - begun
        assert (waited > 1.9) == (CONNECTOR == "RESPConnector"), waited
        block = one.block(8)
        one.put(one.key(8), block)
        assert one.get(one.key(8)) == same(block)


run_checks()
