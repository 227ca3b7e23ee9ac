"""The clients of STI-PA and STI-CA, over HTTP against the laboratory and against worse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography import x509

from phonotary.clock import Clock
from phonotary.outbound import acme, exchange, sti_pa
from phonotary.shaken import issuing, tn_auth_list
from phonotary.shaken.chains import validate
from phonotary.shaken.laboratory import ordering, profiles
from phonotary.shaken.laboratory.laboratory import ACME, STI_PA, Laboratory
from phonotary.shaken.laboratory.ordering import Declined, Wanted
from phonotary.shaken.lint import lint
from phonotary.shaken.revocations import read_crl
from phonotary.shaken.trust import Trust, trust_list
from tests.outbound.authority import serving
from tests.rooms.shaken.laboratory_scenes import ANY, OWL, SCOPE


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with serving() as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with exchange.client() as client:
        yield client


def origin(lab: Laboratory) -> str:
    return lab.sti_pa.crl_url.partition("/lab/")[0]


def administrator(lab: Laboratory, http: httpx.Client) -> sti_pa.Client:
    client = sti_pa.Client(f"{origin(lab)}{STI_PA}", http)
    client.login(OWL.user_id, OWL.password)
    return client


def wanted(profile: profiles.Profile = profiles.RFC9448, **more: Any) -> Wanted:
    return Wanted(SCOPE, "Owl Telecom", "SHAKEN 709J", profile, **more)


def obtained(
    lab: Laboratory,
    http: httpx.Client,
    profile: profiles.Profile = profiles.RFC9448,
    token: ordering.Token | None = None,
) -> bytes:
    path = ACME if profile is profiles.RFC9448 else f"{ACME}/{profile.name}"
    account = issuing.new_key()
    return acme.Client(f"{origin(lab)}{path}/directory", http, lambda seconds: None).obtain(
        wanted(profile),
        account_key=account,
        certificate_key=account if profile.account_key_certifies else issuing.new_key(),
        token=token or (lambda claim: administrator(lab, http).token("709J", claim)),
    )


@pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=profiles.PROFILES)
def test_token_order_challenge_finalize_and_download_over_http(
    lab: Laboratory, http: httpx.Client, profile: profiles.Profile
) -> None:
    chain = obtained(lab, http, profile)
    now, member = Clock.wall(), administrator(lab, http)
    roots = x509.load_pem_x509_certificates(lab.pa_root_pem)
    signer = x509.load_pem_x509_certificate(lab.pa_pem)
    anchors = trust_list(member.ca_list(), roots, now)
    trust = Trust(anchors, read_crl(member.crl(), signer, now), crl_required=True)
    assert validate(chain, trust, now).spc == "709J"
    assert not lint(chain, now, crl_url=lab.sti_pa.crl_url)
    served = httpx.get(lab.x5u(chain), trust_env=False)
    assert served.content == chain
    assert served.headers["content-type"] == "application/pem-certificate-chain"


def test_a_profile_spoken_to_the_other_ones_service_is_declined(
    lab: Laboratory, http: httpx.Client
) -> None:
    account = issuing.new_key()
    client = acme.Client(f"{origin(lab)}{ACME}/peeringhub/directory", http)
    with pytest.raises(Declined) as declined:
        client.obtain(
            wanted(),
            account_key=account,
            certificate_key=account,
            token=lambda claim: administrator(lab, http).token("709J", claim),
        )
    assert declined.value.kind == "rejectedIdentifier"


def test_a_token_for_another_account_is_declined_with_the_cas_reason(
    lab: Laboratory, http: httpx.Client
) -> None:
    def others(claim: dict[str, Any]) -> str:
        print_ = "SHA256 " + ":".join(["00"] * 32)
        return administrator(lab, http).token("709J", {**claim, "fingerprint": print_})

    with pytest.raises(Declined, match="another ACME account's key") as declined:
        obtained(lab, http, token=others)
    assert declined.value.kind == "unauthorized"


def test_a_token_is_declined_the_second_time(lab: Laboratory, http: httpx.Client) -> None:
    account, given = issuing.new_key(), list[str]()

    def once(claim: dict[str, Any]) -> str:
        if not given:
            given.append(administrator(lab, http).token("709J", claim))
        return given[0]

    client = acme.Client(f"{origin(lab)}{ACME}/directory", http)
    keys: dict[str, Any] = {"account_key": account, "token": once}
    assert client.obtain(wanted(), certificate_key=issuing.new_key(), **keys)
    with pytest.raises(Declined, match="used before"):
        client.obtain(wanted(), certificate_key=issuing.new_key(), **keys)


def test_the_account_key_is_declined_as_the_certificates(
    lab: Laboratory, http: httpx.Client
) -> None:
    account = issuing.new_key()
    with pytest.raises(Declined) as declined:
        acme.Client(f"{origin(lab)}{ACME}/directory", http).obtain(
            wanted(),
            account_key=account,
            certificate_key=account,
            token=lambda claim: administrator(lab, http).token("709J", claim),
        )
    assert declined.value.kind == "badCSR"


def test_the_sti_pas_refusals_are_told_in_its_words(lab: Laboratory, http: httpx.Client) -> None:
    client = sti_pa.Client(f"{origin(lab)}{STI_PA}", http)
    with pytest.raises(sti_pa.NotGranted, match="Log in"):
        client.ca_list()
    with pytest.raises(sti_pa.NotGranted, match="user or the password") as refused:
        client.login(ANY.user_id, "a secret mistake")
    assert "a secret mistake" not in str(refused.value)
    client.login(OWL.user_id, OWL.password)
    with pytest.raises(sti_pa.NotGranted, match="does not speak for provider 818H"):
        client.token("818H", {})


def test_a_service_that_forgets_nonces_is_asked_again_and_not_for_ever() -> None:
    forgetful: dict[str, int] = {"left": 0}

    def around(inner: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            async def other_nonce(message: Any) -> None:
                if forgetful["left"] and message["type"] == "http.response.start":
                    forgetful["left"] -= 1
                    message["headers"] = [
                        (name, b"forgotten" if name == b"replay-nonce" else value)
                        for name, value in message["headers"]
                    ]
                await send(message)

            await inner(scope, receive, other_nonce)

        return app

    with serving(around) as lab, exchange.client() as http:
        forgetful["left"] = 2
        assert obtained(lab, http)
        forgetful["left"] = 1000
        with pytest.raises(Declined) as declined:
            obtained(lab, http)
        assert declined.value.kind == "badNonce"


def test_an_address_without_tls_is_asked_on_this_machine_only(http: httpx.Client) -> None:
    for url in ("http://ca.example/directory", "ftp://127.0.0.1/", "directory", "http://[::1"):
        with pytest.raises(exchange.Unreachable):
            exchange.exchange(http, "GET", url)


def test_who_does_not_answer_is_named(http: httpx.Client) -> None:
    with pytest.raises(exchange.Unreachable, match=r"127\.0\.0\.1:1 cannot be reached"):
        exchange.exchange(http, "GET", "http://127.0.0.1:1/")


def answering(content: bytes, status: int = 200, **headers: str) -> httpx.Client:
    """A client whose every request is answered so."""
    found = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))
    return httpx.Client(transport=found)


def test_an_answer_over_the_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_BYTES", 10)
    with pytest.raises(exchange.Unreachable, match="more than 10 bytes"):
        exchange.exchange(answering(b"a" * 11), "GET", "https://ca.example/")
    assert exchange.exchange(answering(b"a" * 10), "GET", "https://ca.example/").body == b"a" * 10


def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", -1.0)
    with pytest.raises(exchange.Unreachable, match="takes longer"):
        exchange.exchange(answering(b"a"), "GET", "https://ca.example/")


def test_a_redirect_is_not_followed() -> None:
    client = answering(b"", 302, location="https://elsewhere.example/")
    assert exchange.exchange(client, "GET", "https://ca.example/").status == 302


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        (b"", 503, "answers 503"),
        (b"<html>", 200, "not JSON"),
        (b"[]", 200, "not a JSON object"),
        (b"{}", 200, "no newAccount"),
        (b'{"meta":{"termsOfService":"https://ca.example/terms"}}', 200, "terms of service"),
    ],
)
def test_a_directory_that_is_none_is_declined(content: bytes, status: int, why: str) -> None:
    key = issuing.new_key()
    with pytest.raises(Declined, match=why):
        acme.Client("https://ca.example/directory", answering(content, status)).obtain(
            wanted(), account_key=key, certificate_key=key, token=lambda claim: ""
        )


@pytest.mark.parametrize("content", [b"", b"[]", b'{"status":"success"}', b'{"status":"failed"}'])
def test_an_sti_pa_that_answers_otherwise_grants_nothing(content: bytes) -> None:
    with pytest.raises(sti_pa.NotGranted):
        sti_pa.Client("https://pa.example", answering(content)).login("owl", "x")
    with pytest.raises(exchange.Unreachable):
        sti_pa.Client("https://pa.example", answering(content, 502)).login("owl", "x")


# What a CA answers, step by step, after the directory.
PLACES = {one: f"https://ca.example/{one}" for one in ("newNonce", "newAccount", "newOrder")}
ACCOUNT = ordering.received(201, {"location": "https://ca.example/account"}, {})


def steps(*answers: ordering.Received, key: Any = None) -> tuple[bytes, list[int]]:
    """What the procedure makes of a CA's answers, and how long it waited in between."""
    nonce = {"replay-nonce": "n"}
    left = [ordering.received(200, {}, PLACES), *answers]
    waited: list[int] = []

    def send(asked: ordering.Send) -> ordering.Received:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return ordering.Received(answer.status, {**nonce, **answer.headers}, answer.body)

    key = key or issuing.new_key()
    made = ordering.obtain(
        "https://ca.example/directory",
        wanted(),
        account_key=issuing.new_key(),
        certificate_key=key,
        token=lambda claim: "token",
    )
    return ordering.driven(made, send, waited.append), waited


def order(status: str, retry: str | None = None, **more: Any) -> ordering.Received:
    document = {"status": status, "authorizations": [], "finalize": "https://ca.example/f"}
    headers = {"location": "https://ca.example/order"} | ({"retry-after": retry} if retry else {})
    document["certificate"] = "https://ca.example/cert"
    return ordering.received(200, headers, {**document, **more})


def test_a_slow_ca_is_polled_as_it_asks_within_reason() -> None:
    key = issuing.new_key()
    chain = issued(key)
    slow = [order("processing", retry) for retry in ("7", "100000", "0", "Fri, 1 Jan", None)]
    got, waited = steps(
        ACCOUNT, order("pending"), *slow, order("valid"), ordering.Received(200, {}, chain), key=key
    )
    assert got == chain
    assert waited == [7, 30, 1, 8, 16]


def issued(key: Any, spc: str = "709J") -> bytes:
    root = issuing.root(Clock.wall())
    return issuing.leaf(root, Clock.wall(), spc, public_key=key.public_key()).pem


def test_polling_ends() -> None:
    with pytest.raises(Declined, match=f"{ordering.POLLS} polls"):
        steps(ACCOUNT, order("pending"), order("processing"))


def test_an_order_that_fails_is_told_with_the_cas_sentence() -> None:
    error = {"type": "urn:ietf:params:acme:error:caa", "detail": "Not today."}
    with pytest.raises(Declined, match="Not today") as declined:
        steps(ACCOUNT, order("pending"), order("invalid", error=error))
    assert declined.value.kind == "caa"


@pytest.mark.parametrize("spc", ["818H", "709J"])
def test_a_certificate_for_another_key_or_list_is_not_taken(spc: str) -> None:
    key = issuing.new_key()
    theirs = key if spc == "818H" else issuing.new_key()
    answers = (ACCOUNT, order("pending"), order("valid"))
    with pytest.raises(Declined, match="not for the key and the list"):
        steps(*answers, ordering.Received(200, {}, issued(theirs, spc)), key=key)
    with pytest.raises(Declined, match="cannot be read"):
        steps(*answers, ordering.Received(200, {}, b"no PEM"), key=key)


def test_a_ca_without_the_token_challenge_is_declined() -> None:
    authorization = {"status": "pending", "challenges": [{"type": "http-01"}]}
    asked = order("pending", authorizations=["https://ca.example/authz"])
    with pytest.raises(Declined, match="tkauth-01"):
        steps(ACCOUNT, asked, ordering.received(200, {}, authorization))


def test_json_that_json_cannot_hold_is_declined() -> None:
    with pytest.raises(Declined, match="not JSON"):
        ordering.Received(200, {}, b"[" * 100_000).document()
    assert json.loads(ordering.received(200, {}, {"a": 1}).body) == {"a": 1}


def test_the_scope_is_a_list_of_one_code() -> None:
    assert tn_auth_list.decode(wanted().scope) == (tn_auth_list.Spc("709J"),)
