"""Makes vectors.json: the measures of logits rows with 60 digits (pip install mpmath).

usage: python make_vectors.py > vectors.json

Logits are float32 values written exactly, null for -Infinity. Nothing here knows the code under test.
"""

import json
import random
import struct

from mpmath import exp, log, mp, mpf

mp.dps = 60


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def rows():
    draw = random.Random(20260127).gauss
    yield "one token", [3.5], 1.0
    yield "two alike", [0.0, 0.0], 1.0
    yield "a thousand alike", [float32(-7.1)] * 1000, 0.25
    yield "hot", [float32(draw(0, 3)) for _ in range(500)], 2.5
    yield "as it is", [float32(draw(0, 3)) for _ in range(500)], 1.0
    yield "cold", [float32(draw(10, 4)) for _ in range(500)], 0.1
    yield "nearly greedy", [float32(draw(10, 4)) for _ in range(300)], 0.001
    yield "greedy", [float32(draw(10, 4)) for _ in range(300)], 0.0
    yield "huge logits", [float32(draw(1e4, 2)) for _ in range(300)], 0.7
    yield "very negative logits", [float32(draw(-1e30, 1e26)) for _ in range(100)], 0.7
    yield "ruled out", [None if n % 3 else float32(draw(0, 5)) for n in range(600)], 0.6
    yield "all but one ruled out", [None, None, float32(1.25), None], 0.5
    yield "one far above", [40.0] + [float32(draw(-40, 1)) for _ in range(300)], 0.8


def measures(logits, temperature):
    given = [mpf(z) for z in logits if z is not None]
    divisor = mpf(max(temperature, 1e-5))
    norm = log_sum_exp(given)
    tempered = log_sum_exp([z / divisor for z in given])
    entropy = -sum(exp(z - norm) * (z - norm) for z in given)
    token = max(range(len(logits)), key=lambda n: -(10**400) if logits[n] is None else logits[n])
    logit = mpf(logits[token])
    logprob = logit / divisor - tempered
    return {
        "norm": norm,
        "temperedNorm": tempered,
        "entropy": entropy,
        "token": token,
        "logprobs": logprob,
        "power_distribution": (logit - norm) / divisor,
        "likelihood_confidence": logprob - entropy,
    }


def log_sum_exp(terms):
    top = max(terms)
    return top + log(sum(exp(term - top) for term in terms))


vectors = []
for name, logits, temperature in rows():
    found = {key: value if key == "token" else float(value) for key, value in measures(logits, temperature).items()}
    vectors.append({"name": name, "temperature": temperature, "logits": logits, **found})
print(json.dumps(vectors))
