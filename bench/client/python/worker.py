"""redis-py with hiredis as a client of the bench: the loads of trial.ts, with the same keys and values.

Arguments: `plain` (a connection for each call in flight, batches as pipelines) or `transactions` (one connection,
every call between MULTI and EXEC), and the server's URL. Trials come as lines of JSON.
"""

import array
import json
import resource
import sys
import threading
import time

import redis

SPREAD_BYTES = 64 * 1024**2
PATTERN_BYTES = 9 * 1024**2
MULTIPLIER = 2654435761.0

pattern = memoryview(
    array.array(
        "I", (int(float(at) * MULTIPLIER) & 0xFFFFFFFF for at in range(0, PATTERN_BYTES, 4))
    ).tobytes()
)


def pattern_of(index, length):
    start = (index % 1024) * 64
    return pattern[start : start + length]


class Client:
    """`get` and `set` of batches; one at a time on one connection if `transactions`."""

    def __init__(self, url, transactions):
        self.transactions = transactions
        self.lock = threading.Lock()
        self.redis = redis.Redis.from_url(url)
        parser = self.redis.connection_pool.make_connection()._parser
        assert "hiredis" in type(parser).__name__.lower(), "redis-py runs without hiredis"

    def set(self, keys, values):
        if len(keys) == 1 and not self.transactions:
            self.redis.set(keys[0], values[0])
        else:
            self.batch("set", zip(keys, values))

    def get(self, keys):
        if len(keys) == 1 and not self.transactions:
            return [self.redis.get(keys[0])]
        return self.batch("get", ((key,) for key in keys))

    def batch(self, name, calls):
        if not self.transactions:
            return self.pipeline(name, calls)
        with self.lock:
            return self.pipeline(name, calls)

    def pipeline(self, name, calls):
        pipe = self.redis.pipeline(transaction=self.transactions)
        for call in calls:
            getattr(pipe, name)(*call)
        return pipe.execute()


def require_same(value, expected):
    same = (
        value is not None
        and len(value) == len(expected)
        and value[:64] == expected[:64]
        and value[-64:] == expected[-64:]
    )
    if not same:
        raise ValueError("a wrong value")


def run(client, cell, keys, values, seconds):
    durations = []
    failures = []
    batch = cell["batch"]
    end = time.perf_counter() + seconds
    position = [0]

    def lane():
        try:
            while True:
                start = position[0]
                position[0] = 0 if start + 2 * batch > len(keys) else start + batch
                some, wanted = keys[start : start + batch], values[start : start + batch]
                began = time.perf_counter()
                if cell["operation"] == "set":
                    client.set(some, wanted)
                else:
                    for value, expected in zip(client.get(some), wanted):
                        require_same(value, expected)
                durations.append((time.perf_counter() - began) * 1000)
                if time.perf_counter() >= end:
                    return
        except Exception as error:
            failures.append(error)

    lanes = [threading.Thread(target=lane) for _ in range(cell["inFlight"])]
    for each in lanes[1:]:
        each.start()
    lane() if len(lanes) == 1 else lanes[0].start()
    for each in lanes:
        if each.ident is not None:
            each.join()
    if failures:
        raise failures[0]
    return durations


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def trial(client, cell, seconds, warm_up):
    length, batch = cell["bytes"], cell["batch"]
    count = max(SPREAD_BYTES // length, batch * cell["inFlight"])
    keys = [f"bench:{length}:{index}" for index in range(count)]
    values = [pattern_of(index, length) for index in range(count)]
    if warm_up > 0:
        run(client, cell, keys, values, warm_up)
    cpu = cpu_seconds()
    began = time.perf_counter()
    durations = run(client, cell, keys, values, seconds)
    elapsed = time.perf_counter() - began
    gb = len(durations) * batch * length / 1e9
    ranked = sorted(durations)
    return {
        "gbPerSecond": gb / elapsed,
        "p99Ms": ranked[-(-99 * len(ranked) // 100) - 1],
        "cpuPerGb": (cpu_seconds() - cpu) / gb,
    }


def answer(message):
    print(json.dumps(message), flush=True)


client = Client(sys.argv[2], sys.argv[1] == "transactions")
answer({})
for line in sys.stdin:
    task = json.loads(line)
    try:
        answer({"result": trial(client, task["cell"], task["seconds"], task["warmUp"])})
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
