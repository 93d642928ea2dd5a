"""Hashes tokens by LMCache's own functions and compares with what is expected; see ../lmcache-hashes.ts.

usage: lmcache_hashes.py CASES

CASES is a JSON file. Prints one JSON object a line: {"name", "passed", "ms", "reason"?}. Exits 0 also
when checks fail.
"""

import json
import logging
import sys
import time

import torch

logging.disable(logging.CRITICAL)

from lmcache.v1.config import LMCacheEngineConfig  # noqa: E402
from lmcache.v1.metadata import LMCacheMetadata  # noqa: E402
from lmcache.v1.multiprocess.token_hasher import TokenHasher  # noqa: E402
from lmcache.v1.token_database import ChunkedTokenDatabase  # noqa: E402

METADATA = LMCacheMetadata(
    model_name="org/model-1.5",
    world_size=4,
    local_world_size=4,
    worker_id=3,
    local_worker_id=3,
    kv_dtype=torch.bfloat16,
    kv_shape=(2, 2, 256, 8, 64),
)


def in_process(case):
    """Names of the chunks' keys, with a layer's key behind the first."""
    config = LMCacheEngineConfig.from_defaults(
        chunk_size=case["chunkSize"],
        pre_caching_hash_algorithm=case["hash"],
        save_unfull_chunk=case["unfull"],
    )
    database = ChunkedTokenDatabase(config, METADATA)
    tags = {"lmcache.tag.user": "bob", "lmcache.tag.level": "9"} if case["tags"] else None
    results = []
    for tokens in (case["tokens"], torch.tensor(case["tokens"])):
        chunks = list(database.process_tokens(tokens=tokens, request_configs=tags))
        keys = [[start, end, key.to_string()] for start, end, key in chunks]
        if chunks:
            keys.append([0, 0, chunks[0][2].split_layers(3)[2].to_string()])
        results.append(keys)
    assert results[0] == results[1], "a list and a tensor of tokens differ"
    return results[0]


def multi_process(case):
    hasher = TokenHasher(case["chunkSize"], case["hash"])
    hashes = [
        h if isinstance(h, bytes) else TokenHasher.hash_to_bytes(h)
        for h in hasher.compute_chunk_hashes(case["tokens"])
    ]
    try:
        from lmcache.v1.distributed.api import ObjectKey
        from lmcache.v1.distributed.l2_adapters.native_connector_l2_adapter import (
            _object_key_to_string,
        )
    except ImportError:  # before 0.4
        return [h.hex() for h in hashes]
    rest = {"kv_rank": ObjectKey.ComputeKVRank(4, 3, 4, 3), "cache_salt": case["salt"]}
    if "object_group_id" in ObjectKey.__dataclass_fields__:  # since 0.5
        rest["object_group_id"] = 1
    keys = [ObjectKey(chunk_hash=h, model_name="org/model-1.5", **rest) for h in hashes]
    return [_object_key_to_string(key) for key in keys]


def run(case):
    begun = time.perf_counter()
    outcome = {"name": case["name"], "passed": True}
    try:
        told = (in_process if case["mode"] == "in process" else multi_process)(case)
        for index, (ours, theirs) in enumerate(zip(case["expected"], told)):
            assert ours == theirs, f"chunk {index}: ours {ours}, LMCache's {theirs}"
        count, wanted = len(told), len(case["expected"])
        assert count == wanted, f"ours are {wanted}, LMCache's {count}"
    except BaseException as error:  # noqa: BLE001, a check fails however it fails
        outcome |= {"passed": False, "reason": f"{type(error).__name__}: {error}"}
    outcome["ms"] = (time.perf_counter() - begun) * 1000
    print(json.dumps(outcome), flush=True)


with open(sys.argv[1]) as file:
    for case in json.load(file):
        run(case)
