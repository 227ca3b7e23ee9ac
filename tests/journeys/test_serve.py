"""The hub as a service: what was set up, and nothing of a sandbox."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import Result

from phonotary.errors import Refused
from phonotary.shaken import certificates, issuing
from phonotary.storage import migrate
from tests.journeys.callers import here
from tests.outbound import softhsm
from tests.simulators import hub as hubs


def environ(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    return {**kept, **more}


def phonotary(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "phonotary", *arguments],
        env=environ(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serving(log: Path = Path(os.devnull), **more: str) -> Iterator[str]:
    """The address of a running service, which complains into ``log``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "phonotary", "serve"]
    env = environ(PHONOTARY_PORT=port, **more)
    with log.open("w") as complaints:
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=complaints, text=True
        )
    try:
        assert process.stdout is not None
        assert "phonotary serves" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_a_service_has_its_accounts_and_no_sandbox(empty_url: str) -> None:
    where = {"PHONOTARY_DATABASE_URL": empty_url}
    assert phonotary("migrate", **where).stdout == f"schema {migrate.HEAD}\n"
    assert phonotary("migrate", **where).stdout == f"schema {migrate.HEAD}, as it was\n"
    opened = phonotary("account", "Acme", **where).stdout
    sid, token = (line.split("=")[1] for line in opened.splitlines())
    with (
        serving(**where, PHONOTARY_REVIEWER_PASSWORD="chosen") as url,
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        me = http.get(f"/2010-04-01/Accounts/{sid}.json", auth=(sid, token)).json()
        assert me["friendly_name"] == "Acme"
        for door in ("clock", "reset", "requests", "faults", "outcomes", "state", "accounts"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                answer = http.request(method, f"/_sandbox/{door}", json={"advance": "1s"})
                assert (answer.status_code, answer.json()["code"]) == (404, 20404)
        # Without a certificate of its own it signs nothing, rather than something unfounded.
        query = "orig=14155550100&dest=12025550143&attest=A"
        unsigned = http.get(f"/stir/v1/text/sign?{query}", auth=(sid, token))
        assert (unsigned.status_code, unsigned.content) == (403, b"")
        assert "No provider signs" in unsigned.headers["x-phonotary-refusal"]
        # No door of the laboratory, and no certificate of it.
        assert http.get("/lab/acme/directory").status_code == 404
        assert http.get("/certs/root.pem").status_code == 404
        assert http.get("/console/reviews", auth=("jo", "chosen")).status_code == 200
        assert http.get("/readyz").text == "ok\n"


@pytest.mark.parametrize("in_hsm", [False, True])
def test_a_service_signs_with_its_providers_certificate(tmp_path: Path, in_hsm: bool) -> None:
    issued = certificates.sandbox_certificates(int(time.time()), "709J", "A Provider")
    (tmp_path / "chain.pem").write_bytes(issued.chain_pem)
    key, more = str(tmp_path / "key.pem"), dict[str, str]()
    if in_hsm:
        (tmp_path / "hsm").mkdir()
        token = softhsm.made(tmp_path / "hsm", issued.key_pem)
        key, more = token.uri(), {"SOFTHSM2_CONF": token.configuration}
    else:
        Path(key).write_bytes(issued.key_pem)
    x5u = "https://certs.provider.example/709J.pem"
    where = {
        "PHONOTARY_DATABASE_URL": f"sqlite:///{tmp_path / 'service.db'}",
        "PHONOTARY_STIR_CHAIN": str(tmp_path / "chain.pem"),
        "PHONOTARY_STIR_KEY": key,
        "PHONOTARY_STIR_X5U": x5u,
        **more,
    }
    opened = phonotary("account", "Acme", **where).stdout
    sid, token = (line.split("=")[1] for line in opened.splitlines())
    call = {
        "attest": "A",
        "orig": {"tn": "12155551212"},
        "dest": {"tn": ["12125551213"]},
        "iat": int(time.time()),
        "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
    }
    with serving(**where) as url:
        answer = httpx.post(
            f"{url}/stir/v1/signing",
            json={"signingRequest": call},
            auth=(sid, token),
            trust_env=False,
        )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-phonotary-attestation"] == "C"
    assert f"info=<{x5u}>" in answer.json()["signingResponse"]["identity"]


def test_what_runs_out_is_told_and_measured(tmp_path: Path) -> None:
    """The leaf has a year, the authority above it a day; the list of revocations is an old one."""
    now, day = int(time.time()), issuing.DAY
    root = issuing.root(now - 90 * day)
    ca = issuing.sti_ca(root, now - 3 * day, days=4)
    leaf = issuing.leaf(ca, now - 3 * day, "709J", days=365)
    pa = issuing.sti_pa(root, now - 90 * day)
    files = {
        "CHAIN": issuing.chain(leaf, ca),
        "KEY": leaf.key_pem,
        "ANCHORS": root.pem,
        "CRL_ISSUER": pa.pem,
        "CRL": issuing.crl(pa, now - 60 * day, []),
    }
    where = {
        "PHONOTARY_DATABASE_URL": f"sqlite:///{tmp_path / 'service.db'}",
        "PHONOTARY_STIR_X5U": "https://certs.owl.example/c.pem",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        where[f"PHONOTARY_STIR_{name}"] = str(tmp_path / name)
    phonotary("migrate", **where)
    log = tmp_path / "log"
    with serving(log, **where) as url:
        told = httpx.get(f"{url}/metrics", trust_env=False)
        deadline = time.monotonic() + 10
        while "no list of revocations is held" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    assert "provider: The certificate of its authority" in log.read_text()
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in told.text.splitlines() if not line.startswith("#")]
    numbers = dict(line.rsplit(" ", 1) for line in lines)
    left = int(numbers['phonotary_stir_certificate_seconds_left{provider="provider"}'])
    assert 0 < left < 2 * day
    assert numbers["phonotary_stir_revocation_list_held"] == "0"
    assert numbers["phonotary_stir_alarms"] == "2"
    own = {name.partition("{")[0] for name in numbers if "process=" in name}
    assert {"phonotary_ledger_rows_waiting", "phonotary_replay_memory_entries"} <= own
    # Nothing of where things are, or whose.
    assert str(tmp_path) not in told.text


@pytest.mark.parametrize("anchors", [False, True])
def test_a_service_says_at_its_start_that_it_cannot_verify(tmp_path: Path, anchors: bool) -> None:
    where = {"PHONOTARY_DATABASE_URL": f"sqlite:///{tmp_path / 'service.db'}"}
    phonotary("migrate", **where)
    if anchors:
        roots = tmp_path / "roots.pem"
        roots.write_bytes(certificates.sandbox_certificates(0, "709J", "A Provider").root_pem)
        where["PHONOTARY_STIR_ANCHORS"] = str(roots)
    with serving(tmp_path / "log", **where):
        pass
    told = (tmp_path / "log").read_text().count("no call is verified: set PHONOTARY_STIR_ANCHORS\n")
    assert told == (0 if anchors else 1)


def test_a_service_waits_for_a_person_by_default(tmp_path: Path) -> None:
    where = {"PHONOTARY_DATABASE_URL": f"sqlite:///{tmp_path / 'service.db'}"}
    opened = phonotary("account", "Acme", **where).stdout
    sid, token = (line.split("=")[1] for line in opened.splitlines())
    with (
        serving(**where) as url,
        httpx.Client(base_url=url, auth=(sid, token), trust_env=False) as http,
    ):
        form = {
            "FriendlyName": "x",
            "Email": "a@b.example.com",
            "PolicySid": "RNdfbf3fae0e1107f8aded0e7cead80bf5",
        }
        made = http.post("/v1/CustomerProfiles", data=form).json()
        path = f"/v1/CustomerProfiles/{made['sid']}"
        http.post(path, data={"Status": "pending-review"})
        time.sleep(1.5)
        assert http.get(path).json()["status"] == "pending-review"


def test_settings_come_from_a_file_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "phonotary.toml"
    file.write_text(f'database_url = "sqlite:///{tmp_path / "a.db"}"\n')
    assert phonotary("migrate", "--config-file", str(file)).returncode == 0
    assert (tmp_path / "a.db").exists()
    other = f"sqlite:///{tmp_path / 'b.db'}"
    phonotary("migrate", "--config-file", str(file), PHONOTARY_DATABASE_URL=other)
    assert (tmp_path / "b.db").exists()


@pytest.mark.parametrize(
    ("content", "environment", "sentence"),
    [
        ("databse_url = 'x'", {}, "databse_url"),
        ("not toml", {}, "phonotary:"),
        ("", {"PHONOTARY_PORT": "many"}, "many"),
        ("", {"PHONOTARY_VETTING": "never"}, "never"),
        ("", {"PHONOTARY_STIR_KEY": "/k"}, "stir_chain"),
        ("", {"PHONOTARY_STIR_CRL_REQUIRED": "true"}, "set stir_crl"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(
    tmp_path: Path, content: str, environment: dict[str, str], sentence: str
) -> None:
    file = tmp_path / "phonotary.toml"
    file.write_text(content)
    refused = phonotary("serve", "--config-file", str(file), **environment)
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("nowhere.toml", "nowhere.toml cannot be used: No such file or directory"),
        ("", "cannot be used: Is a directory"),
        ("latin.toml", "latin.toml is not TOML: "),
        ("words.toml", "words.toml is not TOML: "),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, file: str, sentence: str
) -> None:
    (tmp_path / "latin.toml").write_bytes(b"host = '\xff'")
    (tmp_path / "words.toml").write_text("not toml")
    refused = here("migrate", "--config-file", str(tmp_path / file))
    assert refused.exit_code == 2
    assert sentence in refused.stderr
    assert ("[Errno" in refused.stderr, len(refused.stderr.splitlines())) == (False, 1)


def test_a_number_that_is_held_is_told_with_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "phonotary.toml"
    file.write_text(f'database_url = "sqlite:///{tmp_path / "a.db"}"\n')

    def run(*arguments: str) -> Result:
        return here(*arguments, "--config-file", str(file))

    owl, elk = (run("account", name).stdout.partition("=")[2].split()[0] for name in ("Owl", "Elk"))
    assert run("number", owl, "+14155550100").exit_code == 0
    for account in (owl, elk):
        told = run("number", account, "+14155550101", "+1 415 555 0100")
        assert isinstance(told.exception, Refused)
        assert told.exception.because == f"Account {owl} holds +14155550100 already"
    assert run("number", elk, "+14155550101").exit_code == 0


def test_a_service_does_not_open_what_a_sandbox_made(tmp_path: Path) -> None:
    with hubs.running(tmp_path):
        pass
    where = f"sqlite:///{tmp_path / 'data' / 'phonotary.db'}"
    refused = phonotary("serve", PHONOTARY_DATABASE_URL=where, PHONOTARY_PORT="0")
    assert (refused.returncode, "made by a sandbox" in refused.stderr) == (1, True)


def test_a_sandbox_does_not_open_what_a_service_made(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'phonotary.db'}"
    assert phonotary("account", "Acme", PHONOTARY_DATABASE_URL=where).returncode == 0
    refused = phonotary("up", "--port", "0", "--data", str(tmp_path))
    assert (refused.returncode, "belongs to a service" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("account", ""), {}, "1 to 64 characters"),
        (("account", "x" * 65), {}, "1 to 64 characters"),
        (
            ("serve",),
            {
                "PHONOTARY_PORT": "0",
                "PHONOTARY_STIR_CHAIN": "/nowhere/chain.pem",
                "PHONOTARY_STIR_KEY": "/nowhere/key.pem",
                "PHONOTARY_STIR_X5U": "https://certs.example/x.pem",
            },
            "/nowhere/chain.pem cannot be read",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    where = {"PHONOTARY_DATA": str(tmp_path), **environment}
    refused = phonotary(*arguments, **where)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert sentence in line


_BANDWIDTH = """[[database]]
name = "d"
kind = "bandwidth"
account = "9900000"
user = "owl"
password_file = "HERE/password"
"""


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("[[database]]", "a [[database]] has a name and a kind"),
        (
            f'{_BANDWIDTH}url = "https://10.0.0.1"\n',
            "d's url is a private address; it must be a public one",
        ),
        (
            f'{_BANDWIDTH}url = "http://127.0.0.1:1"\n',
            "d's url is not https",
        ),
        ('[[database]]\nname = "d"\nkind = "gone"\n', "needs a kind of"),
        ('[[dip_client]]\nname = "p"\nnetworks = ["x"]\n', "a dip client's network"),
        ('[[dip_client]]\nname = "p"\nkey_file = "/nowhere/key"\n', "/nowhere/key cannot be read"),
        (
            f'[[trunk]]\nnetworks = ["x"]\naccount_sid = "AC{"0" * 32}"\nrole = "both"\n',
            "a trunk's network",
        ),
        ('stir_anchors = "/nowhere/anchors.pem"\n', "/nowhere/anchors.pem cannot be read"),
        ('cnam_dns_port = 0\ncnam_dns_apex = "names.e164.arpa"\n', "the DNS door cannot be opened"),
        ("sip_port = TAKEN\n", "cannot listen for SIP"),
        ("cnam_dns_port = TAKEN\n", "the DNS door cannot be opened"),
        ("port = TAKEN\n", "cannot listen on"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_one_sentence_and_exit_2(
    tmp_path: Path, setting: str, sentence: str
) -> None:
    file = tmp_path / "phonotary.toml"
    (tmp_path / "password").write_text("correct horse\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        setting = setting.replace("TAKEN", str(taken.getsockname()[1]))
        port = "" if setting.startswith("port") else "port = 0\n"
        file.write_text(port + setting.replace("HERE", str(tmp_path)))
        refused = phonotary("serve", "--config-file", str(file), PHONOTARY_DATA=str(tmp_path))
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("phonotary: ") and sentence in line


_NO_ACCOUNT = "AC" + "0" * 32


@pytest.mark.parametrize(
    "command",
    [
        "migrate",
        "account Acme",
        f"suspend {_NO_ACCOUNT}",
        f"number {_NO_ACCOUNT} +14155550100",
        "explain +14155550100",
        "evidence --origid de305d54-75b4-431b-adb2-eb6b9e546014",
        "audit verify",
        "serve",
    ],
)
def test_a_command_whose_database_is_away_says_why_in_one_line(
    tmp_path: Path, command: str
) -> None:
    refused = phonotary(
        *command.split(),
        PHONOTARY_DATA=str(tmp_path),
        PHONOTARY_PORT="0",
        PHONOTARY_DATABASE_URL="postgresql+psycopg://127.0.0.1:1/none",
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    told = refused.stderr.splitlines()
    # Those that only read say first which database that is.
    (line,) = (each for each in told if not each.startswith("phonotary: reads "))
    assert line.startswith("phonotary: The database does not answer now")
    assert "Connection refused" in line
