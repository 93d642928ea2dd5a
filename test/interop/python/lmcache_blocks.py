"""Blocks that one of LMCache's connectors stores or reads for somebody else; see ../lmcache-lm.ts.

usage: lmcache_blocks.py MODE URL

MODE is
  write  stores the blocks of BLOCKS for somebody else to read
  read   reads the blocks of BLOCKS that somebody else has stored
"""

import sys

from lmcache_harness import Engine, check, run_checks, same

MODE, URL = sys.argv[1:]

# (chunk hash, layers, tokens, heads, head size): what ../lmcache-lm.ts knows as well
BLOCKS = [(0x1001, 2, 256, 1, 64), (0x1002, 4, 256, 8, 64), (0x1003, 32, 256, 8, 128)]


def write_checks():
    for number, (hash, layers, *shape) in enumerate(BLOCKS):

        @check(f"LMCache stores block {number}")
        def _(number=number, hash=hash, shape=(layers, 2, *shape)):
            with Engine(URL, shape=shape) as engine:
                engine.put(engine.key(hash), engine.block(number))
                assert engine.remote.contains(engine.key(hash))


def read_checks():
    for number, (hash, layers, *shape) in enumerate(BLOCKS):

        @check(f"LMCache reads block {number} of somebody else")
        def _(number=number, hash=hash, shape=(layers, 2, *shape)):
            with Engine(URL, shape=shape) as engine:
                assert engine.get(engine.key(hash)) == same(engine.block(number))


{"write": write_checks, "read": read_checks}[MODE]()
run_checks()
