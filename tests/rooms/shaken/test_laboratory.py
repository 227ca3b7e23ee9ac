"""The laboratory's certification authority: what it certifies, and what it refuses and how."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from phonotary.errors import Refused
from phonotary.shaken import issuing, jose, tn_auth_list
from phonotary.shaken.chains import Untrusted, validate
from phonotary.shaken.laboratory import csr, orders, profiles, tokens
from phonotary.shaken.laboratory.laboratory import ACME, Laboratory
from phonotary.shaken.laboratory.tokens import issue
from phonotary.shaken.lint import lint
from tests.rooms.shaken.laboratory_scenes import (
    NOW,
    ORIGIN,
    SCOPE,
    Client,
    InMemory,
    kind,
    laboratory,
)

OTHER = tn_auth_list.encode([tn_auth_list.Spc("818H")])
LAB = laboratory()
"""Shared by tests that leave nothing behind which another would see."""


def test_a_certificate_comes_of_account_token_order_and_request() -> None:
    key = issuing.new_key()
    chain = Client(LAB).opened().certified(key)
    valid = validate(chain, LAB.trust(NOW), NOW)
    assert valid.public_key.public_numbers() == key.public_key().public_numbers()
    assert valid.spc == "709J"
    # A laboratory on loopback has no TLS, so its CRL's address must be named to the linter.
    assert not lint(chain, NOW, crl_url=LAB.sti_pa.crl_url)


def test_the_repository_gets_every_chain_by_its_fingerprint() -> None:
    kept, chains = InMemory(), dict[str, bytes]()
    lab = laboratory(kept, chains=chains)
    chain = Client(lab).opened().certified()
    assert chains == {lab.x5u(chain).rpartition("/")[2]: chain}
    assert lab.x5u(chain).startswith(f"{ORIGIN}/certs/")


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_each_profile_is_spoken_from_order_to_certificate(name: str) -> None:
    path = ACME if name == "rfc9448" else f"{ACME}/{name}"
    client = Client(LAB, path).opened()
    key = client.key if client.server.profile.account_key_certifies else None
    assert validate(client.certified(key), LAB.trust(NOW), NOW).spc == "709J"


def test_the_profiles_write_the_response_and_the_value_differently() -> None:
    rfc, other = Client(LAB).opened(), Client(LAB, f"{ACME}/peeringhub").opened()
    # Ten bytes need padding, so the two forms differ.
    assert rfc.ordered()["identifiers"][0]["value"] == "MAigBhYENzA5Sg"
    assert other.ordered()["identifiers"][0]["value"] == "MAigBhYENzA5Sg=="
    for client, wrong in ((rfc, "atc"), (other, "tkauth")):
        order = client.ordered()
        url = client.challenge(order)["url"]
        reply, problem = client.send(url, {wrong: client.token()})
        assert (reply.status, kind(problem)) == (400, "malformed")
        assert client.challenge(order)["status"] == "pending"


def signed_by(lab: Laboratory, **changes: Any) -> Callable[[Client], str]:
    """A token of the STI-PA's own hand with something else in it."""

    def made(client: Client) -> str:
        signer = lab.sti_pa.signer
        encoded = "".join(signer.pem.decode().splitlines()[1:-1])
        life = {"jti": changes.get("jti", "one"), "expires": changes.get("expires", NOW + 600)}
        claim = {**client.claim(), **changes.get("atc", {})}
        header = changes.get("header", {"x5c": [encoded]})
        key = changes.get("key", signer.private_key)
        return issue(key, header, claim, issuer="x", **life)

    return made


def by_a_stranger(client: Client) -> str:
    """A whole STI-PA of somebody else's."""
    other = laboratory()
    return other.sti_pa.vouch(client.claim(), "709J", NOW)


def by_a_provider(client: Client) -> str:
    """A provider's own certificate of this very CA signs itself a token."""
    key = issuing.new_key()
    chain = Client(client.laboratory).opened().certified(key)
    first = x509.load_pem_x509_certificates(chain)[0].public_bytes(Encoding.PEM).decode()
    return signed_by(LAB, header={"x5c": ["".join(first.splitlines()[1:-1])]}, key=key)(client)


def unsigned(client: Client) -> str:
    header, payload, _ = client.token().split(".")
    none = jose.b64(json.dumps({**json.loads(jose.unb64(header)), "alg": "none"}).encode())
    return f"{none}.{payload}."


@pytest.mark.parametrize(
    ("made", "problem", "why"),
    [
        (lambda c: c.token("818H", c.claim(OTHER)), "unauthorized", "another TN Auth"),
        (lambda c: Client(LAB).token(), "unauthorized", "another ACME account's key"),
        (signed_by(LAB, expires=NOW + 179), "unauthorized", "expired"),
        (signed_by(LAB, atc={"ca": "true"}), "unauthorized", "neither true nor false"),
        (signed_by(LAB, atc={"tktype": "JWTClaimConstraints"}), "unauthorized", "tktype"),
        (signed_by(LAB, key=issuing.new_key()), "unauthorized", "signature"),
        (signed_by(LAB, header={"x5u": "http://elsewhere/pa"}), "unauthorized", "no certificate"),
        (signed_by(LAB, expires="soon"), "malformed", "exp"),
        (signed_by(LAB, expires=1 << 70), "malformed", "exp"),
        (signed_by(LAB, jti=""), "malformed", "jti"),
        (by_a_stranger, "unauthorized", "STI-PA's root"),
        (by_a_provider, "unauthorized", "STI-PA's root"),
        (unsigned, "unauthorized", "ES256"),
        (lambda c: "no token", "malformed", "three parts"),
        (lambda c: {"not": "text"}, "malformed", "text"),
        (lambda c: "a" * 20_000, "malformed", "16384"),
    ],
)
def test_a_token_that_does_not_hold_ends_the_order_with_its_problem(
    made: Callable[[Client], object], problem: str, why: str
) -> None:
    client = Client(LAB).opened()
    order = client.ordered()
    judged = client.respond(order, made(client))
    assert judged["status"] == "invalid"
    assert kind(judged["error"]) == problem
    assert why in judged["error"]["detail"]
    _, after = client.send(order["url"], None)
    assert after["status"] == "invalid"
    reply, refused = client.finalize(order)
    assert (reply.status, kind(refused)) == (403, "orderNotReady")


def test_a_provider_gets_a_ca_of_its_own_for_delegates() -> None:
    client, key = Client(LAB).opened(), issuing.new_key()
    order = client.ordered()
    claim = {**client.claim(), "ca": True}
    assert client.respond(order, client.token(claim=claim))["status"] == "valid"
    reply, refused = client.finalize(order, key)
    assert (reply.status, kind(refused)) == (400, "badCSR")
    request = csr.make(key, SCOPE, "Owl Telecom", "SHAKEN 709J", ca=True)
    reply, order = client.send(order["finalize"], {"csr": jose.b64(request)})
    assert reply.status == 200, order
    own = x509.load_pem_x509_certificates(client.send(order["certificate"], None)[0].body)
    numbers = [tn_auth_list.One("12155551212")]
    customer = issuing.delegate(issuing.Certified(own[0], key), NOW, numbers)
    pem = customer.pem + b"".join(one.public_bytes(Encoding.PEM) for one in own)
    found = validate(pem, LAB.trust(NOW), NOW)
    assert found.is_delegate
    assert found.covers("+12155551212")


def test_a_token_for_an_end_entity_gets_no_ca() -> None:
    client = Client(LAB).opened()
    order = client.ordered()
    assert client.respond(order, client.token())["status"] == "valid"
    request = csr.make(issuing.new_key(), SCOPE, "Owl Telecom", "SHAKEN 709J", ca=True)
    reply, refused = client.send(order["finalize"], {"csr": jose.b64(request)})
    assert (reply.status, kind(refused)) == (400, "badCSR")
    assert "for a CA" in refused["detail"]


def test_a_token_without_x5c_is_known_by_the_x5u_of_the_sti_pa() -> None:
    client = Client(LAB).opened()
    token = signed_by(LAB, header={"x5u": LAB.sti_pa.x5u}, jti="by-x5u")(client)
    assert client.respond(client.ordered(), token)["status"] == "valid"


def test_a_token_is_good_for_one_order_even_after_a_restart() -> None:
    kept = InMemory()
    client = Client(laboratory(kept)).opened()
    token = client.token()
    assert client.respond(client.ordered(), token)["status"] == "valid"
    again = Client(laboratory(kept), key=client.key).opened()
    judged = again.respond(again.ordered(), token)
    assert judged["status"] == "invalid"
    assert "used before" in judged["error"]["detail"]


def request(key: Any, scope: bytes | None = SCOPE) -> bytes:
    draft = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if scope is not None:
        value = x509.UnrecognizedExtension(tn_auth_list.EXTENSION, scope)
        draft = draft.add_extension(value, critical=False)
    der: bytes = draft.sign(key, SHA256()).public_bytes(Encoding.DER)
    return der


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda c: request(issuing.new_key(), OTHER), "not the order's"),
        (lambda c: request(issuing.new_key(), None), "not the order's"),
        (lambda c: request(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (lambda c: request(c.key), "ACME account"),
        (lambda c: request(Client(LAB).opened().key), "ACME account"),
        (lambda c: request(issuing.new_key())[:-8] + bytes(8), "signed it"),
        (lambda c: b"junk", "PKCS #10"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_and_the_order_stays_ready(
    made: Callable[[Client], bytes], why: str
) -> None:
    client = Client(LAB).opened()
    order = client.ordered()
    client.respond(order, client.token())
    reply, problem = client.send(order["finalize"], {"csr": jose.b64(made(client))})
    assert (reply.status, kind(problem)) == (400, "badCSR")
    assert why in problem["detail"]
    assert client.send(order["url"], None)[1]["status"] == "ready"
    assert client.finalize(order)[1]["status"] == "valid"


def test_an_order_without_its_challenge_is_not_ready() -> None:
    client = Client(LAB).opened()
    reply, problem = client.finalize(client.ordered())
    assert (reply.status, kind(problem)) == (403, "orderNotReady")


@pytest.mark.parametrize(
    ("identifiers", "problem"),
    [
        ([{"type": "dns", "value": "example.com"}], "unsupportedIdentifier"),
        ([], "malformed"),
        ([{"type": "TNAuthList"}], "malformed"),
        ([{"type": "TNAuthList", "value": "MAigBhYENzA5Sg=="}], "rejectedIdentifier"),
        ([{"type": "TNAuthList", "value": "AAAA"}], "rejectedIdentifier"),
        (
            [
                {
                    "type": "TNAuthList",
                    "value": jose.b64(tn_auth_list.encode([tn_auth_list.One("12155551212")])),
                }
            ],
            "rejectedIdentifier",
        ),
    ],
)
def test_only_one_provider_code_can_be_ordered(
    identifiers: list[dict[str, str]], problem: str
) -> None:
    client = Client(LAB).opened()
    _, refused = client.send(client.url("new-order"), {"identifiers": identifiers})
    assert kind(refused) == problem


def test_one_key_is_one_account() -> None:
    client = Client(LAB)
    first, _ = client.send(client.url("new-account"), {"contact": ["mailto:a@owl.example"]})
    second, account = client.send(client.url("new-account"), {})
    assert (first.status, second.status) == (201, 200)
    assert dict(first.headers)["location"] == dict(second.headers)["location"]
    assert account["contact"] == ["mailto:a@owl.example"]


def test_an_account_that_must_exist_is_not_made() -> None:
    client = Client(LAB)
    for _ in range(2):
        _, problem = client.send(client.url("new-account"), {"onlyReturnExisting": True})
        assert kind(problem) == "accountDoesNotExist"


def test_a_deactivated_account_orders_nothing() -> None:
    client = Client(LAB).opened()
    assert client.kid is not None
    client.send(client.kid, {"status": "deactivated"})
    reply, problem = client.send(client.url("new-order"), {})
    assert (reply.status, kind(problem)) == (403, "unauthorized")


def test_nobody_reads_or_finishes_anothers_order() -> None:
    owner, other = Client(LAB).opened(), Client(LAB).opened()
    order = owner.ordered()
    for url in (order["url"], order["authorizations"][0], owner.challenge(order)["url"]):
        reply, problem = other.send(url, None)
        assert (reply.status, kind(problem)) == (403, "unauthorized")
    assert kind(other.finalize(order)[1]) == "unauthorized"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"nonce": "never given"}, "badNonce"),
        ({"nonce": None}, "badNonce"),
        ({"url": f"{ORIGIN}/lab/acme/new-account"}, "unauthorized"),
        ({"kid": "http://127.0.0.1:8080/lab/acme/account/0"}, "accountDoesNotExist"),
        ({"kid": None}, "malformed"),
        ({"jwk": {}}, "malformed"),
        ({"kid": None, "jwk": {"kty": "EC", "crv": "P-384"}}, "badPublicKey"),
    ],
)
def test_a_jws_that_is_not_for_this_request_is_refused(
    header: dict[str, Any], problem: str
) -> None:
    client = Client(LAB).opened()
    reply, refused = client.send(client.url("new-order"), {}, **header)
    assert kind(refused) == problem
    assert "replay-nonce" in dict(reply.headers)


def test_a_nonce_is_good_once_and_not_for_ever() -> None:
    client = Client(LAB).opened()
    nonce = client.server.nonce(NOW)
    assert client.send(client.url("new-order"), {}, nonce=nonce)[1]["type"].endswith("malformed")
    assert kind(client.send(client.url("new-order"), {}, nonce=nonce)[1]) == "badNonce"
    old = client.server.nonce(NOW - orders.NONCE_LIFE)
    assert kind(client.send(client.url("new-order"), {}, nonce=old)[1]) == "badNonce"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"payload":"","signature":""}',
        b'{"protected":"e30","payload":"","signature":"","header":{}}',
        b'{"protected":1,"payload":"","signature":""}',
        b'{"protected":"?","payload":"","signature":""}',
        b'{"protected":"W10","payload":"","signature":""}',
    ],
)
def test_what_is_no_flattened_jws_is_malformed(body: bytes) -> None:
    reply = LAB.servers[ACME].post(f"{ORIGIN}/lab/acme/new-order", body, NOW)
    assert kind(json.loads(reply.body)) == "malformed"


def test_another_algorithm_is_told_which_are_read() -> None:
    protected = jose.b64(b'{"alg":"HS256"}')
    body = json.dumps({"protected": protected, "payload": "", "signature": ""}).encode()
    problem = json.loads(LAB.servers[ACME].post(f"{ORIGIN}/lab/acme/new-order", body, NOW).body)
    assert kind(problem) == "badSignatureAlgorithm"
    assert problem["algorithms"] == ["ES256"]


def test_a_signature_of_another_key_is_refused() -> None:
    client = Client(LAB).opened()
    client.key = issuing.new_key()
    identifiers = [{"type": "TNAuthList", "value": jose.b64(SCOPE)}]
    _, problem = client.send(client.url("new-order"), {"identifiers": identifiers})
    assert kind(problem) == "malformed"
    assert "signature" in problem["detail"]


def test_nobody_reads_or_changes_anothers_account() -> None:
    owner, other = Client(LAB).opened(), Client(LAB).opened()
    assert owner.kid is not None
    for url, payload in ((owner.kid, {"status": "deactivated"}), (f"{owner.kid}/orders", None)):
        assert kind(other.send(url, payload)[1]) == "unauthorized"
    assert owner.send(owner.kid, None)[1]["status"] == "valid"


def test_an_account_lists_its_own_orders() -> None:
    client = Client(LAB).opened()
    urls = [client.ordered()["url"] for _ in range(2)]
    assert client.send(f"{client.kid}/orders", None)[1] == {"orders": urls}


@pytest.mark.parametrize(("root_days", "signer_days"), [(30, 5), (5, 30)])
def test_a_token_needs_a_root_and_a_certificate_that_are_valid_now(
    root_days: int, signer_days: int
) -> None:
    root = issuing.root(NOW, days=root_days)
    signer = issuing.sti_pa(root, NOW, days=signer_days)
    key = issuing.new_key().public_key()

    def checked(now: int) -> tokens.Grant:
        made = issue(
            signer.private_key,
            {"x5u": "https://pa.example/"},
            tokens.atc("MAig", key),
            jti="one",
            issuer="x",
            expires=NOW + 20 * issuing.DAY,
        )
        known = {"https://pa.example/": (signer.certificate,)}
        roots = [root.certificate]
        return tokens.check(made, value="MAig", account_key=key, known=known, roots=roots, now=now)

    assert checked(NOW + 5 * issuing.DAY - 1).jti == "one"
    with pytest.raises(Refused, match=r"not valid now|STI-PA's root"):
        checked(NOW + 5 * issuing.DAY)


@given(body=st.binary(max_size=200), path=st.text(max_size=20))
def test_whatever_is_sent_is_answered(body: bytes, path: str) -> None:
    reply = LAB.servers[ACME].post(f"{ORIGIN}/lab/acme/{path}", body, NOW)
    assert kind(json.loads(reply.body)) == "malformed"


HEADERS = st.dictionaries(
    st.sampled_from(["nonce", "url", "kid", "jwk", "crit", "b64", "typ"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=4,
    ),
)


@given(header=HEADERS)
def test_whatever_a_header_holds_is_answered(header: dict[str, Any]) -> None:
    protected = jose.b64(json.dumps({"alg": "ES256", **header}).encode())
    body = json.dumps({"protected": protected, "payload": "", "signature": "AAAA"}).encode()
    reply = LAB.servers[ACME].post(f"{ORIGIN}/lab/acme/new-order", body, NOW)
    assert reply.status == 400


def revocation(chain: bytes, **more: Any) -> dict[str, Any]:
    leaf = x509.load_pem_x509_certificates(chain)[0]
    return {"certificate": jose.b64(leaf.public_bytes(Encoding.DER)), **more}


def test_a_revoked_certificate_stands_on_the_indirect_crl() -> None:
    kept = InMemory()
    lab = laboratory(kept)
    client = Client(lab).opened()
    kept_chain, chain = client.certified(), client.certified()
    reply, _ = client.send(client.url("revoke-cert"), revocation(chain, reason=1))
    assert reply.status == 200
    for after in (lab, laboratory(kept, "http://127.0.0.1:9")):
        assert validate(kept_chain, after.trust(NOW), NOW)
        with pytest.raises(Untrusted) as refused:
            validate(chain, after.trust(NOW), NOW)
        assert refused.value.defect == "revoked"
    _, again = client.send(client.url("revoke-cert"), revocation(chain))
    assert kind(again) == "alreadyRevoked"


def test_who_holds_the_certificates_key_may_revoke_it_and_nobody_else() -> None:
    key = issuing.new_key()
    chain = Client(LAB).opened().certified(key)
    stranger = Client(LAB).opened()
    reply, problem = stranger.send(stranger.url("revoke-cert"), revocation(chain))
    assert (reply.status, kind(problem)) == (403, "unauthorized")
    holder = Client(LAB, key=key)
    assert holder.send(holder.url("revoke-cert"), revocation(chain))[0].status == 200


@pytest.mark.parametrize("reason", [6, 7, 11, "1", True])
def test_reasons_that_this_ca_does_not_use_are_refused(reason: object) -> None:
    client = Client(LAB).opened()
    _, problem = client.send(client.url("revoke-cert"), revocation(LAB.root_pem, reason=reason))
    assert kind(problem) == "badRevocationReason"


def test_a_certificate_of_another_ca_is_not_revoked_here() -> None:
    client = Client(LAB).opened()
    chain = Client(laboratory()).opened().certified()
    reply, _ = client.send(client.url("revoke-cert"), revocation(chain))
    assert reply.status == 404


def test_the_numbers_of_orders_accounts_and_nonces_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orders, "MAX_ACCOUNTS", 2)
    monkeypatch.setattr(orders, "MAX_ORDERS", 2)
    monkeypatch.setattr(orders, "MAX_NONCES", 5)
    lab = laboratory()
    client = Client(lab).opened()
    Client(lab).opened()
    third = Client(lab)
    reply, problem = third.send(third.url("new-account"), {})
    assert (reply.status, kind(problem)) == (429, "rateLimited")
    client.ordered()
    client.ordered()
    value = {"identifiers": [{"type": "TNAuthList", "value": jose.b64(SCOPE)}]}
    assert kind(client.send(client.url("new-order"), value)[1]) == "rateLimited"
    client.now += orders.ORDER_LIFE
    assert client.ordered()
    oldest = client.server.nonce(client.now)
    for _ in range(5):
        client.server.nonce(client.now)
    assert kind(client.send(client.url("new-order"), value, nonce=oldest)[1]) == "badNonce"


def test_an_order_is_forgotten_when_it_has_expired() -> None:
    client = Client(LAB).opened()
    order = client.ordered()
    client.now += orders.ORDER_LIFE
    assert client.send(order["url"], None)[0].status == 404


def test_the_authorities_are_the_same_after_a_restart_on_another_port() -> None:
    kept = InMemory()
    before = laboratory(kept)
    chain = Client(before).opened().certified()
    after = laboratory(kept, "http://127.0.0.1:9", chains=(chains := {}))
    assert after.root_pem == before.root_pem
    assert after.pa_root_pem == before.pa_root_pem
    assert list(chains.values()) == [chain]
    assert validate(chain, after.trust(NOW), NOW).spc == "709J"
    fresh = Client(after).opened().certified()
    assert validate(fresh, before.trust(NOW), NOW).spc == "709J"


@pytest.mark.parametrize("text", ["", "{", '{"authorities":{"pa":"x"}}'])
def test_a_book_that_cannot_be_read_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Refused, match="not readable"):
        laboratory(InMemory(text))


def test_a_hub_enrols_without_http() -> None:
    chain, key = LAB.enrol("9999", "phonotary sandbox", NOW)
    valid = validate(chain, LAB.trust(NOW), NOW)
    assert valid.spc == "9999"
    assert valid.public_key == key.public_key()


def test_a_request_names_scope_and_organisation() -> None:
    key = issuing.new_key()
    made = x509.load_der_x509_csr(csr.make(key, SCOPE, "Owl Telecom", "SHAKEN 709J"))
    assert made.is_signature_valid
    assert made.subject.rfc4514_string() == "CN=SHAKEN 709J,O=Owl Telecom,C=US"
