"""Who is asking: keys, tokens, suspended accounts, and how soon a change is felt."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import jwt
import pytest
from twilio.auth_strategy.token_auth_strategy import TokenAuthStrategy
from twilio.http.token_manager import TokenManager

from phonotary.access import accounts
from phonotary.access.accounts import Account
from phonotary.errors import Reason, Refused
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.web.gate import TOKEN_LIFE, Gate
from tests.simulators.hub import Hub

NOW = 1_790_000_000
PROFILES = "/v1/CustomerProfiles"


@dataclass
class Door:
    """A gate, the store behind it, and a clock that moves when told to."""

    database: Database
    account: Account
    now: int = NOW

    def __post_init__(self) -> None:
        self.back = 0
        self.gate = Gate(
            self.database,
            lambda: self.now - self.back,
            "a secret of this hub",
            lambda: float(self.now),
        )

    def key(self, kind: str = "api") -> tuple[str, str]:
        key, secret = self.database.write(
            lambda store: accounts.create_key(store, self.account, NOW, "test", kind)
        )
        return key.sid, secret

    def asks(self, user: str, password: str) -> str:
        return self.gate.authenticate({b"authorization": basic(user, password)}).sid

    def bears(self, token: str) -> str:
        return self.gate.authenticate({b"authorization": f"Bearer {token}".encode()}).sid

    def suspend_elsewhere(self) -> None:
        """As another process does it: this one's gate is not told."""
        self.database.write(
            lambda store: store.replace_account(replace(self.account, status="suspended"))
        )


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    database = Database(f"sqlite:///{tmp_path / 'gate.db'}", 1)
    migrate.upgrade(database)
    account = database.write(lambda store: accounts.open_account(store, NOW, "Gate"))
    yield Door(database, account)
    database.close()


def assert_refused(reason: Reason, door: Door, user: str, password: str) -> None:
    with pytest.raises(Refused) as caught:
        door.asks(user, password)
    assert caught.value.reason is reason


def test_an_account_and_its_key_open_the_door(door: Door) -> None:
    assert door.asks(door.account.sid, door.account.auth_token) == door.account.sid
    assert door.asks(*door.key()) == door.account.sid


def test_the_scheme_may_be_written_in_any_case(door: Door) -> None:
    proof = basic(door.account.sid, door.account.auth_token).replace(b"Basic", b"bAsIc")
    assert door.gate.authenticate({b"authorization": proof}).sid == door.account.sid


@pytest.mark.parametrize("password", ["", "0" * 32, "ü"])
def test_a_wrong_secret_does_not(door: Door, password: str) -> None:
    for user in (door.account.sid, door.key()[0], "AC" + "0" * 32, "SK" + "0" * 32, "", "x"):
        assert_refused(Reason.NOT_AUTHENTICATED, door, user, password)


def test_a_key_for_tokens_is_no_password(door: Door) -> None:
    assert_refused(Reason.NOT_AUTHENTICATED, door, *door.key("oauth"))
    with pytest.raises(Refused):
        door.gate.token(*door.key())


def test_a_suspension_elsewhere_is_felt_within_two_seconds(door: Door) -> None:
    key, (client, secret) = door.key(), door.key("oauth")
    token = door.gate.token(client, secret)["access_token"]
    assert door.asks(*key) == door.bears(token) == door.account.sid
    door.suspend_elsewhere()
    door.now += 2
    assert_refused(Reason.ACCOUNT_NOT_ACTIVE, door, *key)
    with pytest.raises(Refused) as caught:
        door.bears(token)
    assert caught.value.reason is Reason.ACCOUNT_NOT_ACTIVE


def test_a_change_here_is_felt_at_once(door: Door) -> None:
    key = door.key()
    assert door.asks(*key)
    door.suspend_elsewhere()
    door.gate.forget()
    assert_refused(Reason.ACCOUNT_NOT_ACTIVE, door, *key)


def test_a_refusal_is_not_remembered(door: Door) -> None:
    assert_refused(Reason.NOT_AUTHENTICATED, door, door.account.sid, "wrong")
    assert door.asks(door.account.sid, door.account.auth_token) == door.account.sid


def test_a_token_lives_for_an_hour(door: Door) -> None:
    granted = door.gate.token(*door.key("oauth"))
    assert granted["token_type"] == "Bearer"
    assert granted["expires_in"] == TOKEN_LIFE == 3600
    claims = jwt.decode(granted["access_token"], options={"verify_signature": False})
    assert claims["exp"] == NOW + 3600
    door.now += 3599
    assert door.bears(granted["access_token"]) == door.account.sid
    door.now += 3
    with pytest.raises(Refused):
        door.bears(granted["access_token"])


def test_a_token_ends_with_the_key_that_asked_for_it(door: Door) -> None:
    client, secret = door.key("oauth")
    token = door.gate.token(client, secret)["access_token"]
    door.database.write(lambda store: store.remove_key(client))
    with pytest.raises(Refused):
        door.bears(token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "none"])
def test_a_token_of_somebody_else_is_worth_nothing(door: Door, algorithm: str) -> None:
    client, _ = door.key("oauth")
    claims = {"sub": client, "exp": NOW + 60}
    secret = "" if algorithm == "none" else "the secret of another hub, and long enough for any"
    with pytest.raises(Refused) as caught:
        door.bears(jwt.encode(claims, secret, algorithm=algorithm))
    assert caught.value.reason is Reason.NOT_AUTHENTICATED


# The same over HTTP, on a running hub.


class Manager(TokenManager):
    """What Twilio's ClientCredentialProvider does, at the address of the hub under test."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def fetch_access_token(self) -> str:
        return str(ask_for_token(self._hub, *self._hub.oauth_client).json()["access_token"])


def ask_for_token(hub: Hub, client: str, secret: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    # Node sends the header with nothing in it.
    headers = {"Authorization": ""}
    return httpx.post(f"{hub.http}/v2/token", data=form, headers=headers, trust_env=False)


def ask(hub: Hub, user: str, password: str) -> tuple[int, int | None]:
    answer = httpx.get(f"{hub.http}{PROFILES}", auth=(user, password), trust_env=False)
    return answer.status_code, answer.json().get("code")


def test_twilio_s_own_token_strategy_is_let_in(hub: Hub) -> None:
    strategy = TokenAuthStrategy(Manager(hub))
    headers = {"Authorization": strategy.get_auth_string()}
    assert not strategy.is_token_expired(strategy.token)
    answer = httpx.get(f"{hub.http}{PROFILES}", headers=headers, trust_env=False)
    assert answer.status_code == 200


def test_a_wrong_client_secret_is_401(hub: Hub) -> None:
    client, _ = hub.oauth_client
    for wrong in ((client, "0" * 32), ("OQ" + "0" * 32, "x"), ("", ""), ("OQ\x00", "x")):
        answer = ask_for_token(hub, *wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)


def test_a_key_works_until_it_is_deleted(hub: Hub) -> None:
    path = f"/2010-04-01/Accounts/{hub.account_sid}/Keys"
    with hub.client() as http:
        key = http.post(f"{path}.json", data={"FriendlyName": "short-lived"}).json()
        assert ask(hub, key["sid"], key["secret"]) == (200, None)
        assert http.delete(f"{path}/{key['sid']}.json").status_code == 204
        assert ask(hub, key["sid"], key["secret"]) == (401, 20003)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ".json"),
        ("POST", ".json"),
        ("GET", "/{sid}.json"),
        ("POST", "/{sid}.json"),
        *((m, f"/{{sid}}/{k}.json") for m in ("GET", "POST") for k in ("Keys", "SigningKeys")),
        *(
            (m, f"/{{sid}}/{k}/{{key}}.json")
            for m in ("GET", "POST", "DELETE")
            for k in ("Keys", "SigningKeys")
        ),
    ],
)
def test_a_key_manages_neither_accounts_nor_keys(
    hub: Hub, a_key: tuple[str, str], method: str, path: str
) -> None:
    url = f"{hub.http}/2010-04-01/Accounts{path.format(sid=hub.account_sid, key=a_key[0])}"
    for user, password in (a_key, (a_key[0], "wrong")):
        answer = httpx.request(method, url, auth=(user, password), trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert ask(hub, *a_key) == (200, None)


@pytest.mark.parametrize("kind", ["IncomingPhoneNumbers", "Addresses", "OutgoingCallerIds"])
def test_a_key_sees_what_the_account_has(hub: Hub, a_key: tuple[str, str], kind: str) -> None:
    url = f"{hub.http}/2010-04-01/Accounts/{hub.account_sid}/{kind}.json"
    assert httpx.get(url, auth=a_key, trust_env=False).status_code == 200


@pytest.fixture
def a_key(hub: Hub) -> tuple[str, str]:
    path = f"/2010-04-01/Accounts/{hub.account_sid}/Keys.json"
    with hub.client() as http:
        key = http.post(path, data={"FriendlyName": "standard"}).json()
    return key["sid"], key["secret"]


def test_a_subaccount_lists_itself_and_a_parent_all(hub: Hub) -> None:
    url = f"{hub.http}/2010-04-01/Accounts.json?PageSize=1000"
    with hub.client() as http:
        made = http.post(url, data={"FriendlyName": "lists"}).json()
        every = [row["sid"] for row in http.get(url).json()["accounts"]]
    own = httpx.get(url, auth=(made["sid"], made["auth_token"]), trust_env=False).json()
    assert [row["sid"] for row in own["accounts"]] == [made["sid"]]
    assert {made["sid"], hub.account_sid} <= set(every)


def test_a_suspended_subaccount_is_refused_at_once_and_let_in_again(hub: Hub) -> None:
    with hub.client() as http:
        made = http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "suspended"}).json()
        path = f"/2010-04-01/Accounts/{made['sid']}.json"
        assert ask(hub, made["sid"], made["auth_token"]) == (200, None)
        http.post(path, data={"Status": "suspended"})
        assert ask(hub, made["sid"], made["auth_token"]) == (403, 20005)
        http.post(path, data={"Status": "active"})
        assert ask(hub, made["sid"], made["auth_token"]) == (200, None)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_a_token_is_asked_for_with_post(hub: Hub, method: str) -> None:
    answer = httpx.request(method, f"{hub.http}/v2/token", trust_env=False)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["code"] == 20004


def test_a_clock_that_is_put_back_lengthens_nobodys_memory(door: Door) -> None:
    user, password = door.key()
    assert door.asks(user, password) == door.account.sid
    door.suspend_elsewhere()
    door.back, door.now = 3600, door.now + 3
    assert_refused(Reason.ACCOUNT_NOT_ACTIVE, door, user, password)


def test_what_was_being_read_while_a_change_was_made_is_not_remembered(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, password = door.key()
    ask = door.gate._ask

    def slow(text: str, now: int) -> Account:
        found = ask(text, now)
        door.suspend_elsewhere()
        door.gate.forget()
        return found

    monkeypatch.setattr(door.gate, "_ask", slow)
    door.asks(user, password)
    monkeypatch.setattr(door.gate, "_ask", ask)
    assert_refused(Reason.ACCOUNT_NOT_ACTIVE, door, user, password)
