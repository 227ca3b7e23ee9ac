"""A program that records calls until it is killed, and says up to where they were flushed."""

from __future__ import annotations

import sys
from itertools import count

from phonotary.storage.ledger import LedgerWriter
from tests.rooms.shaken.calls import sealed

if __name__ == "__main__":
    writer = LedgerWriter(sys.argv[1]).start()
    for n in count():
        writer.append(sealed(n % 7, source=str(n)))
        if n % 50 == 49:
            assert writer.flush()
            print(n, flush=True)
