"""Hands token metrics over in the list form, as Python programs with logits processors do it.

usage: metrics_list.py write URL STEPS KEY...   one MULTI/EXEC of RPUSHes a step, one list a request
       metrics_list.py read URL KEY...          LRANGE, EXPIRE and DEL of each

Both print one JSON object: for each key its rows, each number as the 16 hex digits of its float64.
"""

import json
import random
import struct
import sys

import redis

MODE, URL = sys.argv[1:3]
client = redis.Redis.from_url(URL, socket_timeout=30)


def digits(row):
    return [struct.pack(">d", value).hex() for value in row]


def rows_of(key, steps):
    """Numbers of all sizes, and each kind that a float prints in its own way."""
    generator = random.Random(key)
    for step in range(steps):
        yield generator.gauss(20, 5), generator.gauss(0, 1) * 10 ** generator.randint(-300, 300), generator.random()
    yield float("-inf"), float("inf"), float("nan")
    yield 0.0, -0.0, 5e-324
    yield 3.0, 1e16, 1e22


def write(steps, keys):
    written = {key: list(rows_of(key, steps)) for key in keys}
    for step in range(steps + 3):
        pipeline = client.pipeline(transaction=True)
        for key in keys:
            norm, tempered, entropy = written[key][step]
            pipeline.rpush(key, f"{norm},{tempered},{entropy}")
        pipeline.execute()
    return written


def read(keys):
    found = {}
    for key in keys:
        client.expire(key, 60)
        rows = client.lrange(key, 0, -1)
        client.delete(key)
        found[key] = [[float(text) for text in row.decode().split(",")] for row in rows]
    return found


result = write(int(sys.argv[3]), sys.argv[4:]) if MODE == "write" else read(sys.argv[3:])
print(json.dumps({key: [digits(row) for row in rows] for key, rows in result.items()}))
