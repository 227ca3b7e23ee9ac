"""``python -m benchmarks.dns.ours DATABASE PORT``: the DNS edge alone, until it is terminated."""

from __future__ import annotations

import asyncio
import signal
import sys

from uvicorn.loops.auto import auto_loop_factory

from phonotary.bootstrap.dipping import Dips
from phonotary.bootstrap.standing import Standings
from phonotary.clock import Clock
from phonotary.cnam.clients import SANDBOX
from phonotary.dns.server import serve
from phonotary.storage.database import Database
from phonotary.trusthub.filing import Vetting


async def run(url: str, port: int) -> None:
    database = Database(url)
    database.serve()
    clock = Clock()
    standings = Standings(database, clock.now)
    dips = Dips(database, standings, Vetting(), clock.now, clients=[SANDBOX])
    standings.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await serve("127.0.0.1", port, dips)
    await stopped.wait()
    await server.close()
    standings.stop()
    database.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(run(sys.argv[1], int(sys.argv[2])))
