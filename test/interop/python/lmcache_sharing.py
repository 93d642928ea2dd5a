"""One block, two of LMCache's connectors: what one stores the other reads; see ../lmcache-sharing.ts.

usage: lmcache_sharing.py LM-URL REDIS-URL
"""

import sys

import torch
from lmcache.v1 import protocol
from lmcache.v1.memory_management import MemoryFormat

from lmcache_harness import Engine, check, run_checks, same

LM, REDIS = sys.argv[1:]
DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.uint8, torch.float8_e4m3fn, torch.float8_e5m2]
numbers = iter(range(1, 1000))


def both_ways(make, **options):
    """make gives a block of an engine; it is stored by one connector and read by the other, then the other way round."""
    with Engine(LM, **options) as lm, Engine(REDIS, **options) as redis:
        for writer, reader in ((lm, redis), (redis, lm)):
            number = next(numbers)
            block = make(writer, number)
            key = writer.key(number)
            assert not reader.remote.contains(key)
            writer.put(key, block)
            if writer is lm:
                assert writer.remote.contains(key)  # a PUT has no reply
            assert reader.remote.contains(key)
            assert reader.get(key) == same(block), "differs"
            other = make(reader, number + 500)
            reader.put(key, other)  # over the other's
            assert reader.remote.contains(key)
            assert writer.get(key) == same(other), "differs when overwritten"


def whole(engine, seed):
    return engine.block(seed)


for dtype in DTYPES:

    @check(f"lm:// and redis:// share {str(dtype).removeprefix('torch.')}")
    def _(dtype=dtype):
        both_ways(whole, dtype=dtype)


@check("lm:// and redis:// share MLA chunks")
def _():
    both_ways(whole, shape=(4, 1, 256, 1, 576), mla=True)


@check("lm:// and redis:// share chunks that are not full")
def _():
    both_ways(lambda engine, seed: engine.block(seed, [torch.Size([2, 4, 77, 512])]))


@check("lm:// and redis:// share chunks of 32 MiB")
def _():
    both_ways(whole, shape=(32, 2, 256, 8, 128), gigabytes=0.3)


if hasattr(protocol, "pad_shape_to_4d"):
    for form, shape in ((MemoryFormat.KV_T2D, [256, 2, 512]), (MemoryFormat.KV_2TD, [2, 256, 512]), (MemoryFormat.KV_MLA_FMT, [256, 576])):

        @check(f"lm:// and redis:// share layers of {form.name}, {len(shape)} dimensions")
        def _(form=form, shape=shape):
            both_ways(lambda engine, seed: engine.block(seed, [torch.Size(shape)], form=form))


def layers(*kinds):
    """Layers of an engine as LMCache groups them: (heads, head size, dtype) each."""
    return [torch.zeros(2, 4, 16, heads, size, dtype=dtype) for heads, size, dtype in kinds]


GROUPS = {
    2: ((8, 64, torch.bfloat16), (8, 64, torch.bfloat16), (8, 32, torch.bfloat16)),
    3: ((8, 64, torch.bfloat16), (8, 32, torch.bfloat16), (1, 128, torch.float16)),
}

for count, kinds in GROUPS.items():

    @check(f"{count} KV groups: stored and read by redis://")
    def _(count=count, kinds=kinds):
        with Engine(REDIS, groups=layers(*kinds)) as redis:
            assert redis.connector.remote_metadata_bytes == 8 + 20 * count
            block, key = redis.block(count), redis.key(next(numbers))
            assert len(block.get_shapes()) == count
            redis.put(key, block)
            assert redis.get(key) == same(block)

    @check(f"{count} KV groups: stored by redis://, whole as bytes over lm://, and the next block too")
    def _(count=count, kinds=kinds):
        with Engine(REDIS, groups=layers(*kinds)) as redis, Engine(LM, groups=layers(*kinds)) as lm:
            block, key, after = redis.block(count), redis.key(next(numbers)), redis.key(next(numbers))
            redis.put(key, block)
            redis.put(after, redis.block(count + 1))
            assert lm.remote.contains(key)
            for _ in range(2):
                found = lm.get(key)
                assert found is not None and found[0] == bytes(block.byte_array)
                assert found[3] == MemoryFormat.BINARY_BUFFER, found[3]
            assert lm.get(after)[0] == bytes(redis.block(count + 1).byte_array)
            lm.put(key, lm.block(count + 7))  # its header names the first group only
            assert lm.remote.contains(key)
            assert redis.get(key) == same(redis.block(count + 7))

    @check(f"{count} KV groups: stored by lm:// alone, a clean miss for redis://")
    def _(count=count, kinds=kinds):
        with Engine(REDIS, groups=layers(*kinds)) as redis, Engine(LM, groups=layers(*kinds)) as lm:
            key = lm.key(next(numbers))
            lm.put(key, lm.block(count))
            assert lm.remote.contains(key)
            assert redis.get(key) is None
            redis.put(key, redis.block(count))
            assert redis.get(key) == same(redis.block(count))


run_checks()
