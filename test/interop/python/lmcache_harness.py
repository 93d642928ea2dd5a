"""What the checks of LMCache's own code share: an engine's view of LMCache, and the outcome of checks."""

import asyncio
import json
import logging
import os
import sys
import threading
import time
import traceback

os.environ.setdefault("LMCACHE_LOG_LEVEL", "ERROR")

import torch
from lmcache.utils import CacheEngineKey
from lmcache.v1.config import LMCacheEngineConfig
from lmcache.v1.metadata import LMCacheMetadata
from lmcache.v1.storage_backend import LocalCPUBackend, RemoteBackend

logging.disable(logging.WARNING)

DEADLINE = 60
MODEL = "org/model"


def pattern(seed, length):
    """Bytes that ../lmcache-lm.ts makes in the same way."""
    block = bytes((index * 31 + seed * 17 + (index >> 8)) & 0xFF for index in range(4099))
    return (block * (length // 4099 + 1))[:length]


def same(block):
    """All that has to come back of a block."""
    return bytes(block.byte_array), block.get_shapes(), block.get_dtypes(), block.get_memory_format()


closed = []  # kept: what ends while its tasks wait says so at length


class Engine:
    """One worker's view of LMCache: a RemoteBackend with its allocator and its loop.

    extra is LMCache's extra_config; without save_chunk_meta in it values describe themselves. groups are
    tensors of layers that differ: LMCache makes a group of each kind. patience is how long a get may take, in s.
    """

    def __init__(self, url, extra=None, shape=(4, 2, 256, 8, 64), dtype=torch.bfloat16, worker=0, gigabytes=0.15, mla=False, groups=None, patience=DEADLINE):
        config = LMCacheEngineConfig.from_defaults(
            chunk_size=shape[2],
            max_local_cpu_size=gigabytes,
            remote_url=url,
            lmcache_instance_id=f"interop-{worker}",
            blocking_timeout_secs=patience,
            save_unfull_chunk=False,
            extra_config={"save_chunk_meta": True} if extra is None else extra,
        )
        metadata = LMCacheMetadata(
            model_name=MODEL,
            world_size=8,
            local_world_size=8,
            worker_id=worker,
            local_worker_id=worker,
            kv_dtype=dtype,
            kv_shape=shape,
            chunk_size=shape[2],
            use_mla=mla,
        )
        if groups is not None:
            metadata.kv_layer_groups_manager = grouped(groups)
        self.dtype = dtype
        self.worker = worker
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

    def key(self, number, **options):
        return CacheEngineKey(
            model_name=MODEL, world_size=8, worker_id=self.worker, chunk_hash=number, dtype=self.dtype, **options
        )

    def block(self, seed, shapes=None, dtypes=None, form=None):
        """A block with a pattern of its own; that of a whole chunk unless told otherwise."""
        connector = self.connector
        block = self.cpu.allocate(
            shapes or connector.meta_shapes, dtypes or connector.meta_dtypes, form or connector.meta_fmt
        )
        view = memoryview(block.byte_array).cast("B")
        view[:] = pattern(seed, len(view))
        return block

    def put(self, key, block):
        self.remote.submit_put_task(key, block).result(DEADLINE)

    def get(self, key):
        block = self.remote.get_blocking(key)
        if block is None:
            return None
        found = same(block)
        block.ref_count_down()
        return found

    def on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE)

    def close(self):
        """Ends the connections. LMCache's own close() waits for its loop on that loop, with most connectors for good."""
        connector = self.connector
        if hasattr(connector, "client"):
            self.loop.call_soon_threadsafe(connector.client.close)
        elif hasattr(connector, "connection"):
            self.on_loop(connector.connection.close())
        elif hasattr(connector, "cluster"):
            self.on_loop(connector.cluster.close())
        else:
            self.remote.close()
        closed.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def grouped(layers):
    """LMCache's own manager of layers that differ in shape or type."""
    from lmcache.v1.kv_layer_groups import KVLayerGroupsManager

    if hasattr(KVLayerGroupsManager, "build_kv_layer_groups"):
        manager = KVLayerGroupsManager()
        manager.build_kv_layer_groups({f"layer.{index}": layer for index, layer in enumerate(layers)})
        return manager
    from lmcache.lmcache_native import EngineKVFormat

    return KVLayerGroupsManager(layers, [EngineKVFormat.NL_X_TWO_NB_BS_NH_HS] * len(layers))


def until(condition, what):
    """Polls until something holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after {DEADLINE} s"
        time.sleep(0.005)


def together(*works):
    """Runs each function in a thread of its own; raises the first error of one."""
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


checks = []


def check(name):
    def register(function):
        checks.append((name, function))
        return function

    return register


def run_checks():
    """Prints one JSON object a line per check: {"name", "passed", "ms", "reason"?}. Does not return."""
    for name, function in checks:
        begun = time.perf_counter()
        outcome = {"name": name, "passed": True}
        try:
            function()
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)
            here = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in where if os.path.dirname(frame.filename) == os.path.dirname(__file__)]
            outcome.update(passed=False, reason=f"{type(error).__name__}: {str(error)[:1000]} ({', '.join(here)})")
        outcome["ms"] = round((time.perf_counter() - begun) * 1000)
        print(json.dumps(outcome), flush=True)
    os._exit(0)  # LMCache's threads do not all end by themselves
