"""Run by ``phonotary exec``: each client's program in turn; one JSON object says how each ended.

The commands arrive as JSON on standard input: ``{name: [argument, …]}``.
"""

import json
import subprocess
import sys
import time

told = {}
for name, command in json.load(sys.stdin).items():
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    told[name] = {
        "code": done.returncode,
        "out": done.stdout.splitlines()[-1:],
        "err": done.stderr,
        "seconds": round(time.monotonic() - began, 2),
    }
json.dump(told, sys.stdout)
