"""Keys by reference: files, and a real PKCS #11 token."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from phonotary.errors import Reason
from phonotary.outbound import hsm, hsm_library, keys
from phonotary.outbound.hsm import KeyUnusable
from phonotary.outbound.keys import key_from
from phonotary.shaken import issuing, jose
from phonotary.shaken.laboratory import csr
from tests.outbound import softhsm
from tests.rooms.shaken.laboratory_scenes import SCOPE

ES256 = ec.ECDSA(SHA256())
KEY = issuing.new_key()


def pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[softhsm.Token]:
    """The library reads its configuration once for a process, so all tests share one token."""
    made = softhsm.made(tmp_path_factory.mktemp("hsm"), pem(KEY))
    softhsm.imported(made, pem(ec.generate_private_key(ec.SECP384R1())), "p384", "02")
    for id in ("03", "04"):
        softhsm.imported(made, pem(issuing.new_key()), "twice", id)
    with softhsm.plugged(made) as plugged:
        yield plugged


@pytest.fixture(autouse=True)
def logged_out(token: softhsm.Token) -> Iterator[None]:
    """No test finds another's log-in: it is the whole process's."""
    softhsm.restart()
    yield


@pytest.mark.parametrize("name", ["object=signing", "id=%01", "object=signing;id=%01"])
def test_a_key_in_an_hsm_signs_and_its_public_half_verifies(
    token: softhsm.Token, name: str
) -> None:
    key = key_from(token.uri(name))
    signature = key.sign(b"a call", ES256)
    assert key.public_key() == KEY.public_key()
    assert (key.curve.name, key.key_size) == ("secp256r1", 256)
    KEY.public_key().verify(signature, b"a call", ES256)


def test_a_key_in_an_hsm_signs_requests_and_tokens_as_a_files_key_does(
    token: softhsm.Token,
) -> None:
    key = key_from(token.uri())
    request = x509.load_der_x509_csr(csr.make(key, SCOPE, "Owl Telecom", "SHAKEN 709J"))
    assert request.is_signature_valid
    signed = jose.sign_compact(key, {"typ": "JWT"}, b"{}")
    assert jose.verify(jose.read_compact(signed), KEY.public_key())


def test_a_lost_session_is_opened_again(token: softhsm.Token) -> None:
    key = key_from(token.uri())
    assert isinstance(key, hsm.HsmKey)
    assert key._mine.session is not None
    key._mine.session.close()
    KEY.public_key().verify(key.sign(b"after", ES256), b"after", ES256)
    softhsm.restart()
    KEY.public_key().verify(key.sign(b"again", ES256), b"again", ES256)
    key.close()
    KEY.public_key().verify(key.sign(b"anew", ES256), b"anew", ES256)


def test_an_hsm_that_stays_away_is_told(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_from(token.uri())
    assert isinstance(key, hsm.HsmKey)
    opened = 0

    def gone(reference: hsm.HsmReference, pin: str) -> pkcs11.Session:
        nonlocal opened
        opened += 1
        raise pkcs11.DeviceRemoved

    monkeypatch.setattr(hsm, "_session", gone)
    assert key._mine.session is not None
    key._mine.session.close()
    with pytest.raises(KeyUnusable, match="does not answer: DeviceRemoved"):
        key.sign(b"a call", ES256)
    assert opened == 1


class Failing:
    """A key's handle in a session that is of no use any more."""

    def __init__(self, fault: type[Exception]) -> None:
        self.fault = fault
        self.asked = 0

    def sign(self, data: bytes, mechanism: pkcs11.Mechanism) -> bytes:
        self.asked += 1
        raise self.fault


@pytest.mark.parametrize(
    "fault",
    [
        pkcs11.GeneralError,
        pkcs11.FunctionFailed,
        pkcs11.DeviceMemory,
        pkcs11.DeviceError,
        pkcs11.OperationActive,
        pkcs11.OperationNotInitialized,
        pkcs11.SessionHandleInvalid,
        pkcs11.PKCS11Error,
    ],
)
def test_after_any_word_for_a_session_that_fails_another_signs(
    token: softhsm.Token, fault: type[Exception]
) -> None:
    key = key_from(token.uri())
    assert isinstance(key, hsm.HsmKey)
    key._mine.key = failing = Failing(fault)
    for _ in range(3):
        KEY.public_key().verify(key.sign(b"a call", ES256), b"a call", ES256)
    assert failing.asked == 1


def test_what_another_session_would_meet_again_is_told_at_once(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_from(token.uri())
    assert isinstance(key, hsm.HsmKey)
    key._mine.key = Failing(pkcs11.MechanismInvalid)
    monkeypatch.setattr(hsm, "_session", lambda *_: pytest.fail("another session was opened"))
    with pytest.raises(KeyUnusable, match="MechanismInvalid") as refused:
        key.sign(b"a call", ES256)
    assert refused.value.reason is Reason.UNAVAILABLE


def test_a_pin_that_was_refused_is_not_tried_again_until_its_file_holds_another(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_from(token.uri())
    assert isinstance(key, hsm.HsmKey)
    tried, real = 0, hsm._session

    def counted(reference: hsm.HsmReference, pin: str) -> pkcs11.Session:
        nonlocal tried
        tried += 1
        return real(reference, pin)

    monkeypatch.setattr(hsm, "_session", counted)
    # The token was restarted and its PIN changed: nobody is logged in any more.
    softhsm.restart()
    pin = token.directory / "pin"
    pin.write_text("1234567\n")
    for _ in range(5):
        with pytest.raises(KeyUnusable, match="PIN is not that of the token stir"):
            key.sign(b"a call", ES256)
    assert tried == 1
    pin.write_text(f"{softhsm.PIN}\n")
    KEY.public_key().verify(key.sign(b"a call", ES256), b"a call", ES256)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The PINs that the token is asked about from now on."""
    asked: list[str] = []
    real = hsm_library.log_in

    def log_in(path: str, session: pkcs11.Session, pin: str) -> None:
        asked.append(pin)
        real(path, session, pin)

    monkeypatch.setattr(hsm_library, "log_in", log_in)
    return asked


def test_a_refused_pin_is_tried_by_no_other_key_of_its_token(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counting(monkeypatch)
    wrong, other = token.uri(pin="not-the-pin"), token.uri("id=%01", pin="not-the-pin")
    # Each look at a provider's files makes another key.
    for uri in (wrong, wrong, other, wrong):
        with pytest.raises(KeyUnusable, match="PIN is not that of the token stir"):
            key_from(uri)
    assert asked == ["not-the-pin"]
    # A second file with another wrong PIN makes nobody forget the first.
    for pin in ("nor-is-this", "not-the-pin", "nor-is-this"):
        with pytest.raises(KeyUnusable, match="PIN is not that of the token stir"):
            key_from(token.uri(pin=pin))
    assert asked == ["not-the-pin", "nor-is-this"]
    # With a log-in the token counts anew, and its PIN may become what was refused before.
    key_from(token.uri())
    softhsm.restart()
    with pytest.raises(KeyUnusable):
        key_from(token.uri(pin="not-the-pin"))
    assert asked == ["not-the-pin", "nor-is-this", softhsm.PIN, "not-the-pin"]


def test_threads_that_meet_a_wrong_pin_together_try_it_once(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_from(token.uri())
    softhsm.restart()
    asked = counting(monkeypatch)
    (token.directory / "pin").write_text("12345678\n")
    together, told = threading.Barrier(4, timeout=20), []

    def sign() -> None:
        together.wait()
        with pytest.raises(KeyUnusable) as refused:
            key.sign(b"a call", ES256)
        told.append(str(refused.value))

    threads = [threading.Thread(target=sign) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(told) == 4
    assert asked == ["12345678"]


def test_many_threads_sign_with_one_key(token: softhsm.Token) -> None:
    key = key_from(token.uri())
    made: list[tuple[bytes, bytes]] = []

    def sign(number: int) -> None:
        for turn in range(20):
            data = f"{number} {turn}".encode()
            made.append((data, key.sign(data, ES256)))

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 80
    for data, signature in made:
        KEY.public_key().verify(signature, data, ES256)


def test_two_keys_of_one_token_share_its_log_in(token: softhsm.Token) -> None:
    first, second = key_from(token.uri()), key_from(token.uri("id=%01"))
    for key in (first, second):
        KEY.public_key().verify(key.sign(b"x", ES256), b"x", ES256)


def test_a_session_that_ends_logs_nobody_out(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = key_from(token.uri()), key_from(token.uri("id=%01"))
    assert isinstance(first, hsm.HsmKey)
    first.close()
    monkeypatch.setattr(hsm, "_session", lambda *_: pytest.fail("another session was opened"))
    KEY.public_key().verify(second.sign(b"x", ES256), b"x", ES256)


def test_each_thread_has_a_session_of_its_own(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_from(token.uri())
    assert isinstance(key, hsm.HsmKey)
    both, handles = threading.Barrier(2, timeout=20), []

    def sign() -> None:
        key.sign(b"x", ES256)
        handles.append(key._mine.session.handle)  # type: ignore[union-attr]
        both.wait()
        key.close()

    threads = [threading.Thread(target=sign) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert key._mine.session is not None
    assert len({*handles, key._mine.session.handle}) == 3


def test_a_library_that_cannot_lock_is_used_by_one_thread_at_a_time(
    token: softhsm.Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = hsm_library._call, []

    def cannot_lock(functions: object, which: int, *arguments: object) -> int:
        if which == hsm_library._INITIALIZE:
            asked.append(arguments)
            if arguments != (None,):
                return 0x0A
        return real(functions, which, *arguments)

    with hsm_library.turn(softhsm.MODULE), hsm_library.turn(softhsm.MODULE):
        pass
    monkeypatch.setattr(hsm_library, "_call", cannot_lock)
    hsm_library.restarted(softhsm.MODULE)
    assert len(asked) == 2
    key = key_from(token.uri())
    KEY.public_key().verify(key.sign(b"x", ES256), b"x", ES256)
    made = threading.Event()

    def sign() -> None:
        key.sign(b"y", ES256)
        made.set()

    thread = threading.Thread(target=sign)
    with hsm_library.turn(softhsm.MODULE):
        thread.start()
        assert not made.wait(0.05)
    thread.join(20)
    assert made.is_set()


def test_a_wrong_pin_is_refused_and_not_shown(token: softhsm.Token) -> None:
    with pytest.raises(KeyUnusable, match="PIN is not that of the token stir") as refused:
        key_from(token.uri(pin="1234567"))
    whole = f"{refused.value!r} {refused.value.__cause__!r}"
    assert "1234567" not in whole
    assert softhsm.PIN not in whole


@pytest.mark.parametrize(
    ("name", "other", "why"),
    [
        ("object=nobody", None, "exactly one key pair"),
        ("object=twice", None, "exactly one key pair"),
        ("object=p384", None, "P-256"),
        ("object=signing", "elsewhere", "no token elsewhere"),
    ],
)
def test_a_reference_that_leads_to_no_such_key_is_refused(
    token: softhsm.Token, name: str, other: str | None, why: str
) -> None:
    with pytest.raises(KeyUnusable, match=why):
        key_from(token.uri(name, token=other))


def test_a_missing_module_or_pin_file_is_told(token: softhsm.Token, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="does not answer"):
        key_from(token.uri().replace(softhsm.MODULE, str(tmp_path / "none.so")))
    with pytest.raises(KeyUnusable, match="PIN's file"):
        key_from(f"{token.uri()}-not-there")


def test_a_key_in_an_hsm_does_not_leave_it_and_signs_es256_only(token: softhsm.Token) -> None:
    key = key_from(token.uri())
    with pytest.raises(KeyUnusable):
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyUnusable):
        key.private_numbers()
    with pytest.raises(KeyUnusable):
        key.exchange(ec.ECDH(), KEY.public_key())
    with pytest.raises(KeyUnusable):
        key.sign(b"x", ec.ECDSA(SHA384()))
    assert copy.copy(key) is copy.deepcopy(key) is key


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("pkcs11:object=a?module-path=/m&pin-source=/p", "no token"),
        ("pkcs11:token=t;object=a?pin-source=/p", "no module-path"),
        ("pkcs11:token=t;object=a?module-path=/m", "no pin-source"),
        ("pkcs11:token=t?module-path=/m&pin-source=/p", "object or id"),
        ("pkcs11:token=t;object=a;type=cert?module-path=/m&pin-source=/p", "no private key"),
        ("pkcs11:token=t;object=a;slot-id=1?module-path=/m&pin-source=/p", "slot-id"),
        ("pkcs11:token=t;object=a?module-path=/m&pin-value=4711", "PIN does not belong"),
    ],
)
def test_a_uri_that_names_no_key_for_certain_is_refused(uri: str, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why) as refused:
        hsm.parse(uri)
    assert "4711" not in str(refused.value)


def test_a_uri_is_read_percent_decoded() -> None:
    uri = "pkcs11:token=my%20token;id=%00%ff;serial=12?module-path=/a%20b&pin-source=/p"
    found = hsm.parse(uri)
    assert (found.token, found.id, found.serial) == ("my token", b"\x00\xff", "12")
    assert (found.module, found.pin_file, found.label) == ("/a b", Path("/p"), None)


def test_a_new_file_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = keys.new_file(path)
    assert path.stat().st_mode & 0o077 == 0
    assert key_from(str(path)).public_key() == made.public_key()
    with pytest.raises(KeyUnusable, match="File exists"):
        keys.new_file(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no private key"),
        (pem(KEY, b"a password"), "without a password"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
    ],
)
def test_a_file_without_such_a_key_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(KeyUnusable, match=why):
        key_from(str(path))
    with pytest.raises(KeyUnusable, match="No such file"):
        key_from(str(tmp_path / "none"))
