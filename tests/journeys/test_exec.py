"""``phonotary exec``: the command runs as if the shell had run it, and nothing stays behind."""

from __future__ import annotations

import inspect
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phonotary.cli.exec import exec_
from phonotary.cli.up import up

PATIENCE = 60
PYTHON = sys.executable
POLICIES = "https://trusthub.twilio.com/v1/Policies?PageSize=1"
# Prints what it was sent, and then ends by its own will.
LISTENER = """
import signal, sys, time
def heard(number, frame):
    print(signal.Signals(number).name, flush=True)
    time.sleep(0.3)
    sys.exit(5)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, heard)
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


def environ(home: Path, **more: str) -> dict[str, str]:
    """The tests' own, without anybody's credentials; leftovers would be found in ``home``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "PHONOTARY_"))}
    return {**kept, "TMPDIR": str(home), **more}


def exec_run(
    home: Path, *arguments: str, told: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", "phonotary", "exec", *arguments],
        env=environ(home, **more),
        input=told,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_commands(tmp_path: Path, code: int) -> None:
    done = exec_run(tmp_path, "--", "sh", "-c", f"exit {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_command_killed_by_a_signal_is_128_and_its_number(
    tmp_path: Path, number: signal.Signals
) -> None:
    done = exec_run(tmp_path, "--", "sh", "-c", f"ulimit -c 0; kill -{number.value} $$")
    assert done.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_input_output_arguments_and_directory_are_the_commands_own(tmp_path: Path) -> None:
    script = 'cat; printf "%s|" "$@"; pwd; echo complaint >&2'
    done = exec_run(tmp_path, "sh", "-c", script, "sh", "--port", "two words", "--", told="line\n")
    assert done.stdout == f"line\n--port|two words|--|{os.getcwd()}\n"
    assert done.stderr == "complaint\n"


@pytest.mark.parametrize(("command", "code"), [("no-such-command-at-all", 127), ("/etc", 126)])
def test_a_command_that_cannot_run_is_what_a_shell_makes_of_it(
    tmp_path: Path, command: str, code: int
) -> None:
    done = exec_run(tmp_path, "--", command)
    assert done.returncode == code
    assert command in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_program_finds_twilio_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    done = exec_run(
        tmp_path, "--", "sh", "-c", f"curl -sSu $TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN '{POLICIES}'"
    )
    assert done.returncode == 0, done.stderr
    next_page = json.loads(done.stdout)["meta"]["next_page_url"]
    assert next_page.startswith("https://trusthub.twilio.com/v1/Policies?")
    assert list(tmp_path.iterdir()) == []


def test_credentials_of_the_environment_become_the_sandboxes(tmp_path: Path) -> None:
    mine = {"TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "TWILIO_AUTH_TOKEN": "f" * 32}
    url = f"https://api.twilio.com/2010-04-01/Accounts/AC{'1' * 32}.json"
    done = exec_run(tmp_path, "--", "curl", "-sSu", f"AC{'1' * 32}:{'f' * 32}", url, **mine)
    assert json.loads(done.stdout)["sid"] == mine["TWILIO_ACCOUNT_SID"]


def test_what_the_person_has_set_is_kept(tmp_path: Path) -> None:
    mine = {
        "NODE_OPTIONS": "--no-warnings",
        "PYTHONPATH": "/my/modules",
        "JAVA_TOOL_OPTIONS": "-Xmx64m",
        "NO_PROXY": "internal.example, .twilio.com",
        "PHP_INI_SCAN_DIR": "/my/php",
    }
    done = exec_run(
        tmp_path, "--", PYTHON, "-c", "import json,os;print(json.dumps(dict(os.environ)))", **mine
    )
    seen = json.loads(done.stdout)
    assert seen["NODE_OPTIONS"].startswith("--no-warnings --require ")
    assert seen["PYTHONPATH"].endswith(":/my/modules")
    assert seen["JAVA_TOOL_OPTIONS"].startswith("-Xmx64m -Dhttps.proxyHost=127.0.0.1 ")
    assert seen["NO_PROXY"] == "localhost,127.0.0.1,::1,internal.example"
    assert seen["PHP_INI_SCAN_DIR"].startswith("/my/php:")


def test_a_sitecustomize_of_the_persons_own_still_runs(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import sys; sys.mine = 'ran'\n")
    done = exec_run(
        tmp_path,
        "--",
        PYTHON,
        "-c",
        "import sys; print(sys.mine)",
        PYTHONPATH=str(tmp_path / "own"),
    )
    assert done.stdout == "ran\n"


def test_a_library_that_reads_no_variable_finds_the_certificates_too(tmp_path: Path) -> None:
    """twilio-python before 7.9 takes them from certifi, whatever the variables say."""
    script = "import certifi, os; print(certifi.where() == os.environ['REQUESTS_CA_BUNDLE'])"
    assert exec_run(tmp_path, "--", PYTHON, "-c", script).stdout == "True\n"


def test_the_machines_own_roots_are_trusted_as_before(tmp_path: Path) -> None:
    mine = tmp_path / "mine.pem"
    mine.write_text("-----BEGIN CERTIFICATE-----\nmine\n-----END CERTIFICATE-----\n")
    done = exec_run(tmp_path, "--", "sh", "-c", 'cat "$SSL_CERT_FILE"', SSL_CERT_FILE=str(mine))
    assert "\nmine\n" in done.stdout
    assert done.stdout.count("BEGIN CERTIFICATE") > 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_passed_on_once_and_the_command_decides(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path) as process:
        process.send_signal(number)
        assert process.wait(PATIENCE) == 5
        assert process.stdout is not None
        assert process.stdout.read() == f"{number.name}\n"
    assert list(tmp_path.iterdir()) == []


def test_the_terminals_interrupt_reaches_the_command_once(tmp_path: Path) -> None:
    """The terminal tells everybody in its foreground; a second one, passed on by us, would kill
    programs that take it for impatience."""
    pid, terminal = pty.fork()
    if pid == 0:
        arguments = [PYTHON, "-m", "phonotary", "exec", "--", PYTHON, "-c", LISTENER]
        os.execve(PYTHON, arguments, environ(tmp_path))
    said = read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    said = read_until(terminal, b"SIGINT") + read_to_the_end(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(terminal)
    assert said.count(b"SIGINT") == 1
    assert list(tmp_path.iterdir()) == []


def test_each_run_is_a_sandbox_of_its_own(tmp_path: Path) -> None:
    script = 'echo $TWILIO_ACCOUNT_SID; cat "$NODE_EXTRA_CA_CERTS" | head -3'
    first, second = (exec_run(tmp_path, "--", "sh", "-c", script).stdout for _ in range(2))
    assert first != second
    assert first.startswith("AC") and second.startswith("AC")


def test_a_ready_file_is_there_before_the_command(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    done = exec_run(tmp_path, "--ready-file", str(ready), "--", "cat", str(ready))
    content = json.loads(done.stdout)
    assert content["primary_profile_sid"].startswith("BU")
    assert content["proxy"].startswith("http://127.0.0.1:")


def test_a_seed_repeats_the_account(tmp_path: Path) -> None:
    told = [
        exec_run(tmp_path, "--seed", "7", "--", "sh", "-c", "echo $TWILIO_ACCOUNT_SID").stdout
        for _ in range(2)
    ]
    assert told[0] == told[1] != "\n"


def test_data_that_is_to_be_kept_is_kept(tmp_path: Path) -> None:
    kept, home = tmp_path / "kept", tmp_path / "home"
    home.mkdir()
    form = "FriendlyName=Kept&Email=a@example.com&PolicySid=RNdfbf3fae0e1107f8aded0e7cead80bf5"
    url = "https://trusthub.twilio.com/v1/CustomerProfiles"
    auth = "-u $TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN"
    mine = {"TWILIO_ACCOUNT_SID": "AC" + "2" * 32, "TWILIO_AUTH_TOKEN": "e" * 32}
    for script in (f"curl -sS {auth} {url} -d '{form}'", f"curl -sS {auth} {url}"):
        done = exec_run(home, "--data", str(kept), "--", "sh", "-c", script, **mine)
        assert '"Kept"' in done.stdout, done.stderr
    assert list(home.iterdir()) == []


def test_a_sandbox_that_cannot_start_stops_the_command_and_says_why(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    for directory in (data, home):
        directory.mkdir()
    (data / "phonotary.db").write_text("this is no database at all, whatever its name says")
    done = exec_run(home, "--data", str(data), "--", "sleep", "50")
    assert done.returncode == 1
    assert "the sandbox stopped" in done.stderr
    assert list(home.iterdir()) == []


def test_exec_takes_every_option_of_up() -> None:
    theirs = inspect.signature(up).parameters
    ours = inspect.signature(exec_).parameters
    assert set(ours) == {*theirs, "command"}


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[str]]:
    """The listener, started and ready for signals."""
    with subprocess.Popen(
        [PYTHON, "-m", "phonotary", "exec", "--", PYTHON, "-c", LISTENER],
        env=environ(home),
        stdout=subprocess.PIPE,
        text=True,
        # As under a test runner or a supervisor: no terminal has told the command already.
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def read_until(terminal: int, mark: bytes) -> bytes:
    said = b""
    deadline = time.monotonic() + PATIENCE
    while mark not in said and time.monotonic() < deadline:
        said += os.read(terminal, 4096)
    return said


def read_to_the_end(terminal: int) -> bytes:
    said = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            # Linux says so when the last one has closed the other side.
            return said
        if not chunk:
            return said
        said += chunk
