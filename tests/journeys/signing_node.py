"""Another process that signs on the same data. ``python -m tests.journeys.signing_node URL`` reads
a number and a caller from each line, and answers with the level that a call of theirs gets now.
"""

from __future__ import annotations

import sys

from phonotary.bootstrap.standing import Standings
from phonotary.errors import Refused
from phonotary.shaken.attestation import Level, decide
from phonotary.storage.database import Database
from tests.rooms.office import NOW


def main(url: str) -> None:
    standings = Standings(Database(url), lambda: NOW)
    standings.start()
    for line in sys.stdin:
        tn, caller = line.split()
        try:
            standing = standings(tn, caller)
            decision = decide(standing, caller_authenticated=True, requested=Level.A)
        except Refused as refused:
            print("refused", refused.reason, flush=True)
        else:
            print(decision.level, decision.reason, flush=True)
    standings.stop()


if __name__ == "__main__":
    main(sys.argv[1])
