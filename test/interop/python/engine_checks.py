"""What LMCache and SGLang do with a client library, command by command."""

import asyncio

from harness import (
    AsyncClient,
    MIB,
    SOCKET,
    URL,
    check,
    connect,
    noise,
)


@check("8 parallel gets of 4 MiB, asyncio")
def parallel(protocol):
    async def main():
        client = AsyncClient.from_url(URL, protocol=protocol, **SOCKET)
        blocks = [noise(4 * MIB, index) for index in range(8)]
        await asyncio.gather(*(client.set(f"a:{i}", b) for i, b in enumerate(blocks)))
        for _ in range(3):
            kept = await asyncio.gather(*(client.get(f"a:{i}") for i in range(8)))
            assert kept == blocks, [len(block or b"") for block in kept]
        await client.delete(*(f"a:{i}" for i in range(8)))
        await client.aclose()

    asyncio.run(main())


@check("LMCache: two keys a chunk, asyncio")
def lmcache(protocol):
    metadata = bytes.fromhex("00020000010000000300000002000000020000000400000010000000")

    async def put(client, key, body):
        await client.set(f"{key}kv_bytes", body)
        await client.set(f"{key}metadata", metadata)

    async def get(client, key, view):
        if await client.get(f"{key}metadata") != metadata:
            return False
        view[:] = await client.get(f"{key}kv_bytes")
        return True

    async def main():
        client = AsyncClient.from_url(URL, protocol=protocol, **SOCKET)
        keys = [f"vllm@org/model@1@0@{index:016x}@bfloat16@" for index in range(12)]
        bodies = [noise(MIB, index) for index in range(12)]
        assert await client.exists(f"{keys[0]}metadata") == 0
        await asyncio.gather(*(put(client, *pair) for pair in zip(keys, bodies)))
        hits = [await client.exists(f"{key}metadata") for key in (*keys, "missing")]
        assert hits == [1] * 12 + [0]
        buffers = [bytearray(MIB) for _ in keys]
        found = await asyncio.gather(*(get(client, *pair) for pair in zip(keys, buffers)))
        assert all(found) and buffers == bodies
        assert not await get(client, "missing", bytearray())
        await client.delete(*(f"{key}{part}" for key in keys for part in ("kv_bytes", "metadata")))
        await client.aclose()

    asyncio.run(main())


@check("HiCache: Valkey adapter")
def hicache(protocol):
    prefix = "hicache:meta-llama-Llama-3.1-8B-Instruct:0:1"
    keys = [f"{prefix}:{noise(32, index).hex()}" for index in range(48)]
    pages = [noise(MIB, index) for index in range(48)]
    with connect(protocol, client_name="sglang_cache_client") as client:
        assert client.ping()

        def batch_exists(wanted):
            with client.pipeline() as pipe:
                for key in wanted:
                    pipe.exists(key)
                replies = pipe.execute()
            return next((at for at, reply in enumerate(replies) if reply == 0), len(replies))

        assert batch_exists(keys) == 0
        with client.pipeline() as pipe:
            for key, page in zip(keys, pages):
                pipe.set(key, page)
            assert all(pipe.execute())
        with client.pipeline() as pipe:
            for key in (*keys, f"{prefix}:none"):
                pipe.get(key)
            assert pipe.execute() == [*pages, None]
        assert batch_exists(keys) == 48
        client.delete(keys[30])
        assert batch_exists(keys) == 30
        client.set(keys[0], pages[1])  # overwrites, plainly
        assert client.get(keys[0]) == pages[1]

        stats = client.info()
        for field in ("used_memory", "used_memory_human", "connected_clients"):
            assert field in stats, f"INFO has no {field}"
        assert stats["keyspace_hits"] > 0 and stats["keyspace_misses"] > 0

        other = "hicache:other-model:0:1:page"
        client.set(other, b"stays")
        assert len(client.keys(f"{prefix}:*")) == 47
        found, group = 0, []
        for key in client.scan_iter(match=f"{prefix}:*", count=10):
            group.append(key)
            if len(group) == 10:
                found += client.delete(*group)
                group = []
        if group:
            found += client.delete(*group)
        assert found == 47, found
        assert batch_exists(keys) == 0 and client.get(other) == b"stays"
        client.delete(other)
