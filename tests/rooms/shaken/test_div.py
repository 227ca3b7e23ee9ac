"""Diverted calls: which token continues which (RFC 8946)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from phonotary.errors import Refused
from phonotary.shaken import passport
from phonotary.shaken.div import (
    MOST,
    Chain,
    div_claims,
    diverted,
    links,
    open_ends,
)
from phonotary.shaken.passport import Identity, Passport

RFC8946 = json.loads((Path(__file__).parents[2] / "vectors" / "rfc8946.json").read_text())
DIV, BASE, DIV_O = (passport.read(vector["token"]) for vector in RFC8946["vectors"])
NOW = 1_443_208_345


def token(ppt: str | None, claims: dict[str, Any]) -> Passport:
    kind = {} if ppt is None else {"ppt": ppt}
    return Passport({"alg": "ES256", "typ": "passport", **kind}, claims, b"", b"")


def call(dest: str, orig: str = "1", ppt: str | None = "shaken") -> Passport:
    return token(ppt, {"dest": {"tn": [dest]}, "iat": NOW, "orig": {"tn": orig}})


def moved(of: str, dest: str, orig: str = "1") -> Passport:
    claims = {"dest": {"tn": [dest]}, "div": {"tn": of}, "iat": NOW, "orig": {"tn": orig}}
    return token("div", claims)


def tn(number: str) -> Identity:
    return Identity("tn", number)


def codes(chain: Chain) -> list[str]:
    return [one.code for one in chain.findings]


def test_the_claims_are_the_four_of_rfc8946_and_no_more() -> None:
    shaken = call("2")
    shaken.payload.update(attest="A", origid="x", rcd={"nam": "n"})
    claims = div_claims(shaken, [tn("+3")], NOW + 5)
    assert claims == {
        "dest": {"tn": ["3"]},
        "div": {"tn": "2"},
        "iat": NOW + 5,
        "orig": {"tn": "1"},
    }
    assert passport.payload(claims) == passport.div_payload(
        {"tn": "1"}, {"tn": ["3"]}, {"tn": "2"}, NOW + 5
    )


def test_the_time_of_the_original_is_copied() -> None:
    assert div_claims(call("2"), [tn("3")])["iat"] == NOW


def test_a_history_index_travels_with_the_diverting_identity() -> None:
    assert div_claims(call("2"), [tn("3")], hi="1.2.1")["div"] == {"tn": "2", "hi": "1.2.1"}
    with pytest.raises(Refused, match="History-Info"):
        div_claims(call("2"), [tn("3")], hi="1\r\n")


@pytest.mark.parametrize("new", [["2"], ["+2"], ["2", "2"], ["2", "3"], []])
def test_a_destination_that_does_not_change_is_not_diverted(new: list[str]) -> None:
    with pytest.raises(Refused, match="not changed"):
        div_claims(call("2"), [tn(one) for one in new])


def test_of_several_destinations_the_one_that_diverts_is_named() -> None:
    group = token("shaken", {"dest": {"tn": ["2", "3"]}, "iat": NOW, "orig": {"tn": "1"}})
    with pytest.raises(Refused, match="several destinations"):
        div_claims(group, [tn("4")])
    with pytest.raises(Refused, match="none of its destinations"):
        div_claims(group, [tn("4")], of=tn("5"))
    assert div_claims(group, [tn("4")], of=tn("+3"))["div"] == {"tn": "3"}


def test_an_original_without_orig_is_not_continued() -> None:
    with pytest.raises(Refused, match="orig"):
        div_claims(token("shaken", {"dest": {"tn": ["2"]}, "iat": NOW}), [tn("3")])


def test_a_call_that_was_not_diverted_is_complete() -> None:
    chain = links([call("2")], [tn("2")])
    assert (chain.complete, chain.diversions, codes(chain)) == (True, (), [])


def test_a_chain_is_walked_back_in_whatever_order_it_arrives() -> None:
    tokens = [call("2"), call("2", ppt="rcd"), moved("2", "3"), moved("3", "4")]
    for order in (tokens, tokens[::-1], [tokens[i] for i in (2, 0, 3, 1)]):
        chain = links(order, [tn("+4")])
        assert chain.complete
        assert chain.diversions == (tokens[2], tokens[3])
        assert {one.ppt for one in chain.origins} == {"shaken", "rcd"}
        assert (chain.strays, chain.findings) == ((), ())


def test_a_number_may_forward_to_one_that_forwards_back() -> None:
    tokens = [call("2"), moved("2", "3"), moved("3", "2"), moved("2", "4")]
    chain = links(tokens, [tn("4")])
    assert chain.complete
    assert chain.diversions == tuple(tokens[1:])


def test_a_missing_step_leaves_the_chain_incomplete() -> None:
    tokens = [call("2"), moved("3", "4")]
    chain = links(tokens, [tn("4")])
    assert (chain.complete, chain.origins) == (False, ())
    assert chain.diversions == (tokens[1],)
    assert chain.strays == (tokens[0],)
    assert codes(chain) == ["incomplete"]


def test_diversions_alone_are_incomplete() -> None:
    assert codes(links([moved("2", "3"), moved("3", "4")], [tn("4")])) == ["incomplete"]


def test_a_chain_to_another_destination_is_not_ours() -> None:
    chain = links([call("2"), moved("2", "3")], [tn("5")])
    assert (chain.complete, codes(chain)) == (False, ["dest-not-target"])


def test_a_token_of_another_caller_continues_nothing() -> None:
    chain = links([call("2", orig="9"), moved("2", "3")], [tn("3")])
    assert not chain.complete
    assert codes(chain) == ["orig-differs", "incomplete"]


def test_of_two_forks_the_one_to_the_target_is_walked() -> None:
    tokens = [call("2"), moved("2", "3"), moved("2", "4")]
    chain = links(tokens, [tn("4")])
    assert (chain.diversions, chain.strays) == ((tokens[2],), (tokens[1],))


def test_without_a_target_the_last_diversion_is_found() -> None:
    tokens = [moved("3", "4"), call("2"), moved("2", "3")]
    assert links(tokens).diversions == (tokens[2], tokens[0])


def line(diversions: int) -> list[Passport]:
    return [call("0"), *(moved(str(n), str(n + 1)) for n in range(diversions))]


def test_five_diversions_are_read_and_a_sixth_is_too_many() -> None:
    assert links(line(MOST), [tn(str(MOST))]).complete
    chain = links(line(MOST + 1), [tn(str(MOST + 1))])
    assert (chain.complete, codes(chain)) == (False, ["too-many"])
    assert links(line(MOST + 1), [tn(str(MOST + 1))], most=MOST + 1).complete


def test_every_token_alike_does_not_hang_the_walk() -> None:
    tokens = [moved("2", "2") for _ in range(MOST)] + [call("2")] * 11
    assert links(tokens, [tn("2")]).complete
    assert codes(links(tokens + tokens)) == ["too-many"]


@pytest.mark.parametrize(
    "div",
    [
        None,
        "2",
        {},
        {"tn": "2", "uri": "sip:a@b"},
        {"tn": ["2"]},
        {"hi": "1"},
        {"tn": "2", "x": 1},
        {"tn": ""},
    ],
)
def test_a_malformed_div_is_told_and_left_out(div: object) -> None:
    bad = moved("2", "3")
    bad.payload["div"] = div
    with pytest.raises(Refused):
        diverted(bad)
    chain = links([call("2"), bad], [tn("3")])
    assert codes(chain) == ["malformed", "dest-not-target"]


def test_a_new_diversion_continues_each_open_end_once() -> None:
    tokens = [call("2"), call("2", ppt="rcd"), moved("2", "3")]
    assert open_ends(tokens) == (tokens[2],)
    assert open_ends(tokens[:2]) == (tokens[0],)
    assert open_ends([call("2"), call("7", ppt="rcd")]) == (call("2"), call("7", ppt="rcd"))


def test_a_loop_has_its_last_diversion_open() -> None:
    tokens = [call("2"), moved("2", "3"), moved("3", "2")]
    assert open_ends(tokens) == (tokens[2],)


def test_too_many_diversions_are_not_continued() -> None:
    with pytest.raises(Refused, match="more than"):
        open_ends(line(MOST + 1))


def test_the_tokens_of_rfc8946_verify_and_their_typing_error_breaks_the_chain() -> None:
    key = load_pem_public_key(RFC8946["public_key"].encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    for one in (DIV, BASE, DIV_O):
        passport.check(one, key)
    # The printed div has twelve digits where the original's destination has eleven.
    assert diverted(DIV) == tn("121555551213")
    chain = links([BASE, DIV], [tn("12155551214")])
    assert (chain.complete, codes(chain)) == (False, ["incomplete"])
