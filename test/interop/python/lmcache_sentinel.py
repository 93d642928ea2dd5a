"""What LMCache's own redis-sentinel:// connector does; see ../lmcache-connectors.ts. usage: lmcache_sentinel.py URL"""

import sys
import warnings

from lmcache_harness import Engine, check, run_checks

warnings.simplefilter("ignore")


@check("cannot run: redis-sentinel:// (LMCache awaits nothing it asks: all keys exist, none is stored)")
def _():
    engine = Engine(sys.argv[1])
    assert type(engine.connector).__name__ == "RedisSentinelConnector", type(engine.connector)
    assert engine.remote.contains(engine.key(0xDEAD))
    engine.put(engine.key(1), engine.block(1))
    assert engine.get(engine.key(1)) is None


run_checks()
