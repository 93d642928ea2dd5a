"""What any program does with a client library."""

import importlib.util
import time

from harness import (
    Client,
    GUARDED_URL,
    KIB,
    MIB,
    MODULE,
    PAST,
    SOCKET,
    TARGET,
    URL,
    between,
    check,
    connect,
    lib,
    noise,
    raises,
)


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
