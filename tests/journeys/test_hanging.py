"""A service whose PostgreSQL hangs answers at once what it knows, and refuses at once the rest."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from phonotary.shaken import certificates
from tests.journeys.test_revocation import hanging
from tests.journeys.test_serve import phonotary, serving
from tests.simulators import postgres

# Seconds: a moment for a number that is not in memory, and a busy machine's.
SOON = 2.0


def test_no_call_and_no_probe_waits_for_a_database_that_hangs(
    postgres_server: str, tmp_path: Path
) -> None:
    issued = certificates.sandbox_certificates(int(time.time()), "709J", "A Provider")
    (tmp_path / "chain.pem").write_bytes(issued.chain_pem)
    (tmp_path / "key.pem").write_bytes(issued.key_pem)
    with postgres.database(postgres_server) as url:
        where = {
            "PHONOTARY_DATABASE_URL": url,
            "PHONOTARY_DATA": str(tmp_path),
            "PHONOTARY_STIR_CHAIN": str(tmp_path / "chain.pem"),
            "PHONOTARY_STIR_KEY": str(tmp_path / "key.pem"),
            "PHONOTARY_STIR_X5U": "https://certs.provider.example/709J.pem",
        }
        opened = phonotary("account", "Acme", **where).stdout
        sid, token = (line.split("=")[1] for line in opened.splitlines())
        with (
            serving(**where) as at,
            httpx.Client(base_url=at, auth=(sid, token), trust_env=False, timeout=SOON) as http,
        ):

            def sign(number: str) -> int:
                query = {"orig": number, "dest": "+12025550143", "attest": "A"}
                return http.get("/stir/v1/text/sign", params=query).status_code

            known, strange = "+14152360100", "+14152360199"
            assert sign(known) == 200
            with hanging(postgres_server, url):
                assert sign(strange) == 503
                # Who calls is known for two seconds only, and the request before took one of them.
                assert sign(known) in (200, 503)
                # Longer than it takes to lose the feed, to forget who calls, and to look for work.
                until = time.monotonic() + 5
                while time.monotonic() < until:
                    assert http.get("/healthz").status_code == 200
                    time.sleep(0.1)
                told = http.get("/readyz")
                assert told.status_code == 503
                assert "Nothing is heard from the database" in told.text
                for number in (known, strange):
                    assert sign(number) == 503
            deadline = time.monotonic() + 10
            while sign(strange) != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert sign(known) == 200
            assert http.get("/readyz").status_code == 200
