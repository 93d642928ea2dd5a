"""Checks of LMCache's own lm:// connector, unmodified; see ../lmcache-lm.ts.

usage: lmcache_lm.py MODE LM-URL [REDIS-URL]

MODE is
  connector  RemoteBackend over lm://; with REDIS-URL blocks are shared with its redis:// connector
  write      stores the blocks of BLOCKS for somebody else to read
  read       reads the blocks of BLOCKS that somebody else has stored

Prints one JSON object a line: {"name", "passed", "ms", "reason"?}. Exits 0 also when checks fail.
"""

import asyncio
import json
import logging
import os
import random
import sys
import threading
import time
import traceback

os.environ.setdefault("LMCACHE_LOG_LEVEL", "ERROR")

import torch
from lmcache.utils import CacheEngineKey
from lmcache.v1.config import LMCacheEngineConfig
from lmcache.v1.storage_backend import LocalCPUBackend, RemoteBackend
from lmcache.v1.metadata import LMCacheMetadata

logging.disable(logging.WARNING)

MODE, LM_URL, *MORE = sys.argv[1:]
REDIS_URL = MORE[0] if MORE else None
DEADLINE = 60

# (chunk hash, layers, tokens, heads, head size): what ../lmcache-lm.ts knows as well
BLOCKS = [(0x1001, 2, 256, 1, 64), (0x1002, 4, 256, 8, 64), (0x1003, 32, 256, 8, 128)]


def pattern(seed, length):
    """Bytes that the other side makes in the same way."""
    block = bytes((index * 31 + seed * 17 + (index >> 8)) & 0xFF for index in range(4099))
    return (block * (length // 4099 + 1))[:length]


class Engine:
    """One worker's view of LMCache: a RemoteBackend with its allocator and its loop."""

    def __init__(self, url, shape=(4, 2, 256, 8, 64), dtype=torch.bfloat16, worker=0, gigabytes=1.0, mla=False):
        config = LMCacheEngineConfig.from_defaults(
            chunk_size=shape[2],
            max_local_cpu_size=gigabytes,
            remote_url=url,
            lmcache_instance_id=f"interop-{worker}",
            blocking_timeout_secs=DEADLINE,
            extra_config={"save_chunk_meta": True},
        )
        metadata = LMCacheMetadata(
            model_name="org/model",
            world_size=8,
            local_world_size=8,
            worker_id=worker,
            local_worker_id=worker,
            kv_dtype=dtype,
            kv_shape=shape,
            use_mla=mla,
        )
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.cpu = LocalCPUBackend(config=config, metadata=metadata, dst_device="cpu")
        self.remote = RemoteBackend(
            config=config, metadata=metadata, loop=self.loop, local_cpu_backend=self.cpu, dst_device="cpu"
        )
        connector = self.remote.connection
        if hasattr(connector, "getWrappedConnector"):
            connector = connector.getWrappedConnector()
        self.connector = connector
        self.dtype = dtype
        self.worker = worker

    def key(self, number, **options):
        return CacheEngineKey(
            model_name="org/model",
            world_size=8,
            worker_id=self.worker,
            chunk_hash=number,
            dtype=self.dtype,
            **options,
        )

    def block(self, seed):
        connector = self.connector
        block = self.cpu.allocate(connector.meta_shapes, connector.meta_dtypes, connector.meta_fmt)
        view = memoryview(block.byte_array).cast("B")
        view[:] = pattern(seed, len(view))
        return block

    def put(self, key, block):
        future = self.remote.submit_put_task(key, block)
        if future is not None:
            future.result(DEADLINE)

    def get(self, key):
        block = self.remote.get_blocking(key)
        return None if block is None else (bytes(block.byte_array), block.get_shape(), block.get_dtype(), block.get_memory_format())

    def close(self):
        self.remote.close()
        self.loop.call_soon_threadsafe(self.loop.stop)


def same(block):
    return bytes(block.byte_array), block.get_shape(), block.get_dtype(), block.get_memory_format()


checks = []


def check(name):
    def register(function):
        checks.append((name, function))
        return function

    return register


def connector_checks():
    @check("put, contains, get: bytes, shape, dtype, format")
    def _():
        engine = Engine(LM_URL)
        assert type(engine.connector).__name__ == "LMCServerConnector", type(engine.connector)
        key, block = engine.key(1), engine.block(1)
        assert not engine.remote.contains(key)
        assert engine.get(key) is None
        engine.put(key, block)
        assert engine.remote.contains(key)
        assert engine.get(key) == same(block)
        assert not engine.remote.contains(engine.key(2))
        other = engine.block(2)
        engine.put(key, other)
        assert engine.get(key) == same(other)
        engine.close()

    @check("keys: negative hashes, tags")
    def _():
        engine = Engine(LM_URL)
        for seed, key in enumerate([engine.key(-0x5754ED40775A7BE6), engine.key(7, request_configs={"lmcache.tag.user": "alice"})]):
            block = engine.block(seed)
            engine.put(key, block)
            assert engine.get(key) == same(block)
        assert not engine.remote.contains(engine.key(7))
        engine.close()

    @check("batched put, contains and get of 16 chunks")
    def _():
        engine = Engine(LM_URL)
        keys = [engine.key(0x100 + index) for index in range(16)]
        blocks = [engine.block(index) for index in range(16)]
        engine.remote.batched_submit_put_task(keys, blocks)
        deadline = time.time() + DEADLINE
        while any(engine.remote.exists_in_put_tasks(key) for key in keys):
            assert time.time() < deadline
            time.sleep(0.01)
        assert all(engine.remote.contains(key) for key in keys)
        if engine.remote.connection.support_batched_contains():
            assert engine.remote.batched_contains([*keys, engine.key(0x999)]) == 16
        found = engine.remote.batched_get_blocking([*keys, engine.key(0x999)])
        assert found[16] is None
        assert [same(block) for block in found[:16]] == [same(block) for block in blocks]
        engine.close()

    for name, dtype in (("float16", torch.float16), ("float32", torch.float32), ("uint8", torch.uint8), ("float8_e4m3fn", torch.float8_e4m3fn), ("float8_e5m2", torch.float8_e5m2)):

        @check(f"dtype {name}")
        def _(dtype=dtype):
            engine = Engine(LM_URL, dtype=dtype)
            block = engine.block(3)
            engine.put(engine.key(3), block)
            assert engine.get(engine.key(3)) == same(block)
            engine.close()

    @check("MLA layout")
    def _():
        engine = Engine(LM_URL, shape=(4, 1, 256, 1, 576), mla=True)
        block = engine.block(4)
        engine.put(engine.key(4), block)
        assert engine.get(engine.key(4)) == same(block)
        engine.close()

    @check("chunks of 32 MiB")
    def _():
        engine = Engine(LM_URL, shape=(32, 2, 256, 8, 128))
        blocks = [engine.block(index) for index in range(6)]
        assert len(blocks[0].byte_array) == 32 << 20
        for index, block in enumerate(blocks):
            engine.put(engine.key(0x200 + index), block)
        for index, block in enumerate(blocks):
            assert engine.get(engine.key(0x200 + index)) == same(block), index
        engine.close()

    @check("8 clients at once")
    def _():
        engines = [Engine(LM_URL, worker=worker, gigabytes=0.2) for worker in range(8)]
        failures = []

        def work(engine):
            try:
                order = random.Random(engine.worker)
                blocks = {number: engine.block(engine.worker * 100 + number) for number in range(12)}
                for number, block in blocks.items():
                    engine.put(engine.key(0x300 + number), block)
                for _ in range(5):
                    numbers = list(blocks)
                    order.shuffle(numbers)
                    for number in numbers:
                        assert engine.remote.contains(engine.key(0x300 + number))
                        found = engine.remote.get_blocking(engine.key(0x300 + number))
                        assert same(found) == same(blocks[number]), number
                        found.ref_count_down()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(engine,)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for engine in engines:
            engine.close()
        if failures:
            raise failures[0]

    if REDIS_URL is None:
        return

    @check("lm:// and redis:// share blocks, both ways")
    def _():
        lm, redis = Engine(LM_URL, worker=2), Engine(REDIS_URL, worker=2)
        for seed, writer, reader in ((5, lm, redis), (6, redis, lm)):
            block = writer.block(seed)
            key = writer.key(0x400 + seed)
            writer.put(key, block)
            assert reader.remote.contains(key)
            assert reader.get(key) == same(block)
        lm.close()


def of_block(hash, layers, tokens, heads, size):
    return Engine(LM_URL, shape=(layers, 2, tokens, heads, size))


def write_checks():
    for number, (hash, *shape) in enumerate(BLOCKS):

        @check(f"LMCache stores block {number}")
        def _(number=number, hash=hash, shape=shape):
            engine = of_block(hash, *shape)
            engine.put(engine.key(hash), engine.block(number))
            assert engine.remote.contains(engine.key(hash))
            engine.close()


def read_checks():
    for number, (hash, *shape) in enumerate(BLOCKS):

        @check(f"LMCache reads block {number} that Keepwarm has stored")
        def _(number=number, hash=hash, shape=shape):
            engine = of_block(hash, *shape)
            assert engine.get(engine.key(hash)) == same(engine.block(number))
            engine.close()


{"connector": connector_checks, "write": write_checks, "read": read_checks}[MODE]()

for name, function in checks:
    begun = time.perf_counter()
    outcome = {"name": name, "passed": True}
    try:
        function()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        here = [str(frame.lineno) for frame in where if frame.filename == __file__]
        outcome.update(passed=False, reason=f"{type(error).__name__}: {str(error)[:1000]} (line {', '.join(here)})")
    outcome["ms"] = round((time.perf_counter() - begun) * 1000)
    print(json.dumps(outcome), flush=True)
sys.stdout.flush()
os._exit(0)  # LMCache's threads do not all end by themselves
