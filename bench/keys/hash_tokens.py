"""Times LMCache's own chunk hashing on request; see peer.ts.

usage: hash_tokens.py TOKENS

TOKENS is a file of little-endian u32. Each line on stdin is a JSON object {"mode", "hash", "chunkSize",
"seconds"}; answers with a line {"seconds", "rounds", "last"}: CPU time taken, prompts hashed in it, the last hash.
"""

import array
import json
import logging
import sys
import time

logging.disable(logging.CRITICAL)

from lmcache.v1.config import LMCacheEngineConfig  # noqa: E402
from lmcache.v1.multiprocess.token_hasher import TokenHasher  # noqa: E402
from lmcache.v1.token_database import ChunkedTokenDatabase  # noqa: E402

with open(sys.argv[1], "rb") as file:
    TOKENS = array.array("I", file.read()).tolist()


def maker(mode, name, chunk_size):
    if mode == "MP":
        hasher = TokenHasher(chunk_size, name)
        return lambda: hasher.compute_chunk_hashes(TOKENS)[-1].hex()
    config = LMCacheEngineConfig.from_defaults(
        chunk_size=chunk_size, pre_caching_hash_algorithm=name
    )
    database = ChunkedTokenDatabase(config, None)
    return lambda: f"{list(database.process_tokens(tokens=TOKENS, make_key=False))[-1][2]:x}"


print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    work = maker(request["mode"], request["hash"], request["chunkSize"])
    last = work()
    rounds, begun, taken = 0, time.process_time(), 0.0
    while taken < request["seconds"]:
        last = work()
        rounds += 1
        taken = time.process_time() - begun
    print(json.dumps({"seconds": taken, "rounds": rounds, "last": last}), flush=True)
