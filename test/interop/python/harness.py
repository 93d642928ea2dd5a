"""What the checks of a client library share; see clients.py for the arguments."""

import importlib
import json
import os
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


def run(name, function, protocol):
    """Runs one check and prints its outcome as one JSON object on a line of its own."""
    begun = time.perf_counter()
    outcome = {"name": f"RESP{protocol} {name}", "passed": True}
    try:
        function(protocol)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        here = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in where if frame.filename.endswith("_checks.py")]
        text = f"{type(error).__name__}: {error}"
        outcome.update(passed=False, reason=f"{text[:1000]} ({here[-1]})")
    outcome["ms"] = round((time.perf_counter() - begun) * 1000)
    print(json.dumps(outcome), flush=True)
