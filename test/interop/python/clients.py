"""Checks of one Python client library against one server; see ../clients.ts.

usage: clients.py MODULE URL URL-WITH-PASSWORD TARGET

MODULE is redis or valkey, whose APIs are alike. Prints one JSON object a line:
{"name", "passed", "ms", "reason"?}. Exits 0 also when checks fail.
"""

import asyncio
import importlib.util
import json
import random
import sys
import time
import traceback

MODULE, URL, GUARDED_URL, TARGET = sys.argv[1:5]
lib = importlib.import_module(MODULE)
aio = importlib.import_module(f"{MODULE}.asyncio")
Client = getattr(lib, "Redis" if MODULE == "redis" else "Valkey")
AsyncClient = getattr(aio, "Redis" if MODULE == "redis" else "Valkey")

KIB, MIB = 1 << 10, 1 << 20
PAST = 1_000_000_000_000  # 2001, in milliseconds
SOCKET = {"socket_timeout": 30, "socket_connect_timeout": 10}

checks = []


def check(name):
    """Registers a check that is run once for each protocol version."""

    def register(function):
        checks.append((name, function))
        return function

    return register


def noise(size, seed=1):
    return random.Random(seed * 1_000_003 + size).randbytes(size)


def connect(protocol, url=URL, **options):
    return Client.from_url(url, protocol=protocol, **SOCKET, **options)


def raises(error, call, *words):
    try:
        result = call()
    except error as caught:
        text = str(caught).lower()
        missing = [word for word in words if word.lower() not in text]
        assert not missing, f"{text!r} does not mention {missing}"
    else:
        raise AssertionError(f"answered {result!r} instead of an error")


def between(low, value, high):
    assert low <= value <= high, f"{value} is not between {low} and {high}"


@check("handshake")
def handshake(protocol):
    with connect(protocol, client_name="interop", db=0) as client:
        assert client.ping() is True
        assert client.echo("hello") == b"hello"
        assert client.client_getname() in ("interop", b"interop")
        assert client.client_id() > 0
        info = client.info()
        assert info["role"] == "master", info
        for field in ("used_memory", "connected_clients", "keyspace_hits", "redis_version"):
            assert field in info, f"INFO has no {field}"
        hello = client.execute_command("HELLO", protocol)
        if not isinstance(hello, dict):
            hello = dict(zip(hello[::2], hello[1::2]))
        assert hello.get(b"proto", hello.get("proto")) == protocol, hello


@check("parser in C when installed")
def parser(protocol):
    name = "hiredis" if MODULE == "redis" else "libvalkey"
    with connect(protocol) as client:
        client.ping()
        used = type(client.connection_pool.get_connection("PING")._parser).__name__
    compiled = importlib.util.find_spec(name) is not None
    assert (name in used.lower()) == compiled, f"{used}, {name} installed: {compiled}"


@check("default protocol")
def default_protocol(protocol):
    with Client.from_url(URL, **SOCKET) as client:
        client.set("default", b"\x00\xff")
        assert client.get("default") == b"\x00\xff"
        assert client.get("nothing here") is None


@check("CLIENT SETINFO")
def client_setinfo(protocol):
    with connect(protocol) as client:
        line = client.execute_command("CLIENT", "INFO")
        line = line if isinstance(line, bytes) else str(line).encode()
        if TARGET == "redis" and b"lib-name" not in line:
            return  # older than 7.2: the library goes on without
        assert b"lib-name" in line, line
        assert client.execute_command("CLIENT", "SETINFO", "LIB-NAME", "interop") in (b"OK", "OK", True)
        client.execute_command("CLIENT", "SETINFO", "LIB-VER", "1.2.3")
        line = client.execute_command("CLIENT", "INFO")
        line = line if isinstance(line, bytes) else str(line).encode()
        assert b"interop" in line and b"1.2.3" in line, line


@check("password")
def password(protocol):
    with connect(protocol, GUARDED_URL) as client:
        client.set("in", "side")
        assert client.get("in") == b"side"
    bare = "redis://" + GUARDED_URL.split("@")[1]
    denied = (lib.AuthenticationError, lib.ResponseError, lib.ConnectionError)
    with connect(protocol, bare) as client:
        raises(denied, lambda: client.get("in"), "auth")
    with connect(protocol, bare, password="wrong") as client:
        raises(denied, lambda: client.get("in"))


def binary_value(size):
    def one(protocol):
        with connect(protocol) as client:
            value = noise(size)
            assert client.set("value", value) is True
            kept = client.get("value")
            assert kept == value, f"{len(kept)} of {size} bytes"
            assert client.strlen("value") == size
            assert client.delete("value") == 1

    return one


for label, size in (("1 B", 1), ("64 KiB", 64 * KIB), ("8 MiB", 8 * MIB), ("64 MiB", 64 * MIB)):
    check(f"value of {label}")(binary_value(size))


@check("memoryview as value")
def memoryview_value(protocol):
    with connect(protocol) as client:
        value = bytearray(noise(3 * MIB))
        client.set("view", memoryview(value))
        assert client.get("view") == bytes(value)


@check("MSET, MGET, EXISTS, DEL")
def several(protocol):
    with connect(protocol) as client:
        client.mset({"m1": b"one", "m2": noise(2 * MIB), "m3": b""})
        assert client.mget("m1", "none", "m2", "m3") == [b"one", None, noise(2 * MIB), b""]
        assert client.exists("m1", "m2", "none", "m1") == 3
        assert client.delete("m1", "m2", "m3", "none") == 3


def pipeline_of_1000(transaction):
    def one(protocol):
        with connect(protocol) as client:
            with client.pipeline(transaction=transaction) as pipe:
                for index in range(500):
                    pipe.set(f"p:{index}", f"value {index}").get(f"p:{index}")
                replies = pipe.execute()
            expected = [x for i in range(500) for x in (True, f"value {i}".encode())]
            assert replies == expected

    return one


check("pipeline of 1000")(pipeline_of_1000(False))
check("pipeline of 1000 in MULTI")(pipeline_of_1000(True))


@check("pipeline with errors inside")
def pipeline_errors(protocol):
    with connect(protocol) as client:
        for transaction in (False, True):
            with client.pipeline(transaction=transaction) as pipe:
                pipe.set("e", "1").execute_command("SET", "e", "2", "EX", "0").get("e")
                replies = pipe.execute(raise_on_error=False)
            assert replies[0] is True and replies[2] == b"1", replies
            assert isinstance(replies[1], lib.ResponseError), replies
        with client.pipeline(transaction=True) as pipe:
            pipe.set("e", "3").execute_command("GET")
            raises((lib.ResponseError, lib.exceptions.ExecAbortError), pipe.execute)
        assert client.get("e") == b"1"


@check("WATCH")
def watch(protocol):
    with connect(protocol) as client, connect(protocol) as other:
        client.set("w", "0")
        with client.pipeline() as pipe:
            pipe.watch("w")
            other.set("w", "theirs")
            pipe.multi()
            pipe.set("w", "ours")
            raises(lib.WatchError, pipe.execute)
        assert client.get("w") == b"theirs"
        assert client.transaction(lambda pipe: pipe.multi() or pipe.set("w", "ours"), "w") == [True]
        assert client.get("w") == b"ours"


@check("SCAN of 5,000 keys")
def scan(protocol):
    with connect(protocol) as client:
        names = {f"scan:{index % 7}:{index}".encode() for index in range(5000)}
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.set(name, b"x")
            pipe.execute()
        assert set(client.scan_iter("scan:*", count=200)) == names
        some = {name for name in names if name.startswith((b"scan:2:", b"scan:5:"))}
        assert set(client.scan_iter("scan:[25]:*")) == some
        assert client.delete(*names) == 5000


@check("time to live")
def ttl(protocol):
    with connect(protocol) as client:
        client.set("ttl", "x", ex=100)
        between(90, client.ttl("ttl"), 100)
        client.set("ttl", "x", px=100_000)
        between(90_000, client.pttl("ttl"), 100_000)
        client.set("ttl", "x", exat=int(time.time()) + 100)
        between(90, client.ttl("ttl"), 101)
        client.set("ttl", "x", keepttl=True)
        between(90, client.ttl("ttl"), 101)
        assert client.persist("ttl") in (True, 1) and client.ttl("ttl") == -1
        assert client.expire("ttl", 1000) in (True, 1) and client.ttl("ttl") in (999, 1000)
        client.set("ttl", "x", pxat=PAST)
        assert client.get("ttl") is None and client.ttl("ttl") == -2
        assert client.expire("none", 10) in (False, 0)
        assert client.set("ttl", "x", nx=True) is True and client.set("ttl", "y", nx=True) is None
        assert client.set("ttl", "z", get=True) == b"x"
        client.delete("ttl")


@check("errors")
def errors(protocol):
    with connect(protocol) as client:
        failed = lib.ResponseError
        raises(failed, lambda: client.execute_command("NOSUCHCOMMAND", "x"), "unknown command")
        raises(failed, lambda: client.execute_command("GET"), "wrong number of arguments")
        raises(failed, lambda: client.execute_command("SET", "e", "v", "SOON"), "syntax")
        raises(failed, lambda: client.execute_command("SELECT", 99), "out of range")
        client.delete("list")
        client.rpush("list", "a", "b")
        raises(failed, lambda: client.get("list"), "wrong kind of value")
        assert client.lrange("list", 0, -1) == [b"a", b"b"]
        client.delete("list")
        if TARGET == "keepwarm":
            raises(failed, lambda: client.eval("return 1", 0), "script")
        assert client.ping() is True


@check("hash of fields")
def hash_of_fields(protocol):
    with connect(protocol) as client:
        client.delete("hash")
        assert client.hset("hash", mapping={"one": "1", "two": "2"}) == 2
        assert client.hgetall("hash") == {b"one": b"1", b"two": b"2"}
        client.delete("hash")


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


def run(name, function, protocol):
    begun = time.perf_counter()
    outcome = {"name": f"RESP{protocol} {name}", "passed": True}
    try:
        function(protocol)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        here = [frame.lineno for frame in where if frame.filename == __file__]
        text = f"{type(error).__name__}: {error}"
        outcome.update(passed=False, reason=f"{text[:1000]} (line {here[-1]})")
    outcome["ms"] = round((time.perf_counter() - begun) * 1000)
    print(json.dumps(outcome), flush=True)


for protocol in (2, 3):
    for name, function in checks:
        run(name, function, protocol)
