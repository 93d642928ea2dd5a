"""Checks of one Python client library against one server; see ../clients.ts.

usage: clients.py MODULE URL URL-WITH-PASSWORD TARGET

MODULE is redis or valkey, whose APIs are alike. Prints one JSON object a line:
{"name", "passed", "ms", "reason"?}. Exits 0 also when checks fail.
"""

import client_checks  # noqa: F401, registers its checks
import engine_checks  # noqa: F401, registers its checks
from harness import checks, run

for protocol in (2, 3):
    for name, function in checks:
        run(name, function, protocol)
