"""Checks of LMCache's own L2 adapters of its MP server, unmodified; see ../lmcache-mp.ts.

usage: lmcache_mp.py ADAPTER [restart]

ADAPTER is what `lmcache server --l2-adapter` takes, as JSON. With restart the store is ended and started again
meanwhile: a line {"request": "end"} or {"request": "start"} asks for it, a line on stdin says that it is done.
"""

import argparse
import hashlib
import json
import random
import select
import sys

import torch
from lmcache.v1.distributed.api import ObjectKey
from lmcache.v1.distributed.l2_adapters import create_l2_adapter
from lmcache.v1.distributed.l2_adapters.config import parse_args_to_l2_adapters_config
from lmcache.v1.memory_management import MemoryFormat, MemoryObjMetadata, TensorMemoryObj
from lmcache.v1.platform import consume_fd

from lmcache_harness import DEADLINE, check, pattern, run_checks, together, until

CONFIG = parse_args_to_l2_adapters_config(argparse.Namespace(l2_adapter=[sys.argv[1]])).adapters[0]
MIB = 1 << 20


class Adapter:
    """One L2 adapter, with calls that wait for their results."""

    def __enter__(self):
        self.adapter = create_l2_adapter(CONFIG, l1_memory_desc=None)
        return self

    def __exit__(self, *_):
        self.adapter.close()

    def _wait(self, descriptor, result):
        while True:
            found = result()
            if found is not None:
                return found
            assert select.select([descriptor], [], [], DEADLINE)[0], "no answer"
            consume_fd(descriptor)

    def store(self, keys, objects):
        adapter = self.adapter
        task = adapter.submit_store_task(keys, objects)
        done = self._wait(adapter.get_store_event_fd(), lambda: adapter.pop_completed_store_tasks().get(task))
        assert done.is_successful(), "not stored"

    def lookup(self, keys):
        adapter = self.adapter
        task = adapter.submit_lookup_and_lock_task(keys, {})
        found = self._wait(adapter.get_lookup_and_lock_event_fd(), lambda: adapter.query_lookup_and_lock_result(task))
        adapter.submit_unlock([key for index, key in enumerate(keys) if found.test(index)])
        return [found.test(index) for index in range(len(keys))]

    def load(self, keys, objects):
        adapter = self.adapter
        task = adapter.submit_load_task(keys, objects)
        found = self._wait(adapter.get_load_event_fd(), lambda: adapter.query_load_result(task))
        return [found.test(index) for index in range(len(keys))]

    def delete(self, keys):
        self.adapter.delete(keys)


def key(name, salt="", group=0, rank=0x01000100):
    chunk_hash = hashlib.sha256(str(name).encode()).digest()
    return ObjectKey(chunk_hash=chunk_hash, model_name="org/model", kv_rank=rank, object_group_id=group, cache_salt=salt)


def block(size, seed=None):
    raw = torch.zeros(size, dtype=torch.uint8) if seed is None else torch.frombuffer(bytearray(pattern(seed, size)), dtype=torch.uint8)
    metadata = MemoryObjMetadata(
        shape=torch.Size([size]), dtype=torch.uint8, address=raw.data_ptr(), phy_size=size, fmt=MemoryFormat.KV_2LTD, ref_count=1
    )
    return TensorMemoryObj(raw, metadata, parent_allocator=None)


def equal(found, wanted):
    return all(torch.equal(one.raw_data, other.raw_data) for one, other in zip(found, wanted, strict=True))


def round_trip(adapter, keys, size, seed=0):
    stored = [block(size, seed + index) for index in range(len(keys))]
    adapter.store(keys, stored)
    assert adapter.lookup(keys) == [True] * len(keys)
    loaded = [block(size) for _ in keys]
    assert adapter.load(keys, loaded) == [True] * len(keys)
    assert equal(loaded, stored), "differs"


def ask(request):
    print(json.dumps({"request": request}), flush=True)
    sys.stdin.readline()


def server_checks():
    @check("store, lookup, load of 64 KiB, 1 MiB, 7340032 and 5000001 bytes")
    def _():
        with Adapter() as adapter:
            for size in (64 << 10, MIB, 7 * MIB, 5_000_001):
                keys = [key(f"{size}-{index}") for index in range(8)]
                assert adapter.lookup(keys) == [False] * 8
                round_trip(adapter, keys, size)

    @check("chunks of 32 MiB")
    def _():
        with Adapter() as adapter:
            round_trip(adapter, [key(f"large-{index}") for index in range(6)], 32 * MIB)

    @check("keys: salts, object groups and ranks are kept apart")
    def _():
        with Adapter() as adapter:
            keys = [key("same", salt, group, rank) for salt in ("", "alice", "bob") for group in (0, 1) for rank in (0x01000100, 0x02000200, 0x02010201)]
            round_trip(adapter, keys, 70_000)

    @check("lookup tells which of many are there")
    def _():
        with Adapter() as adapter:
            keys = [key(f"some-{index}") for index in range(64)]
            adapter.store(keys[::3], [block(4096, index) for index in range(len(keys[::3]))])
            assert adapter.lookup(keys) == [index % 3 == 0 for index in range(64)]

    @check("delete, then stored anew")
    def _():
        with Adapter() as adapter:
            keys = [key(f"gone-{index}") for index in range(8)]
            round_trip(adapter, keys, MIB)
            adapter.delete(keys[:4])
            assert adapter.lookup(keys) == [False] * 4 + [True] * 4
            round_trip(adapter, keys, MIB, seed=50)

    @check("another process's blocks, without having stored them")
    def _():
        keys = [key(f"shared-{index}") for index in range(8)]
        with Adapter() as writer, Adapter() as reader:
            stored = [block(MIB, index) for index in range(8)]
            writer.store(keys, stored)
            loaded = [block(MIB) for _ in keys]
            assert reader.lookup(keys) == [True] * 8 and reader.load(keys, loaded) == [True] * 8
            assert equal(loaded, stored)

    @check("8 adapters at once")
    def _():
        def work(number):
            order = random.Random(number)
            with Adapter() as adapter:
                for turn in range(4):
                    keys = [key(f"{number}-{turn}-{index}") for index in range(8)]
                    order.shuffle(keys)
                    round_trip(adapter, keys, MIB, seed=number * 10 + turn)

        together(*(lambda number=number: work(number) for number in range(8)))

    if type(CONFIG).__name__ == "ValkeyL2AdapterConfig":

        @check("load of what is not there, or has another length")
        def _():
            with Adapter() as adapter:
                keys = [key("here"), key("not here"), key("longer")]
                adapter.store([keys[0], keys[2]], [block(MIB, 1), block(2 * MIB, 2)])
                loaded = [block(MIB) for _ in keys]
                assert adapter.load(keys, loaded) == [True, False, False]
                assert equal(loaded[:1], [block(MIB, 1)])


def restart_checks():
    reconnects = type(CONFIG).__name__ == "ValkeyL2AdapterConfig"

    @check("what is loaded is right" + (", and the store is found again" if reconnects else "; cannot run: connecting anew (LMCache's client does not)"))
    def _():
        keys = [key(f"restart-{index}") for index in range(8)]
        with Adapter() as adapter:
            stored = [block(MIB, index) for index in range(8)]
            adapter.store(keys, stored)

            def found():
                loaded = [block(MIB) for _ in keys]
                hits = adapter.load(keys, loaded) if any(adapter.lookup(keys)) else [False] * 8
                for hit, here, wanted in zip(hits, loaded, stored):
                    assert not hit or equal([here], [wanted]), "differs"
                return all(hits)

            assert found()
            ask("end")
            for _ in range(3):
                assert not found()
            ask("start")
            if reconnects:
                until(found, "all are found again")
            else:
                assert not any(found() for _ in range(20))
        with Adapter() as fresh:
            assert fresh.lookup(keys) == [True] * 8


restart_checks() if "restart" in sys.argv[2:] else server_checks()
run_checks()
