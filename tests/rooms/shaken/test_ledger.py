"""A row says what was recorded, byte for byte, and a chain shows every change."""

from __future__ import annotations

import json
from hashlib import sha256

import msgspec
import pytest

from phonotary.errors import Reason, Refused
from phonotary.shaken import identity_header, passport
from phonotary.shaken.ledger import (
    MAX_IDENTITY,
    MOST_SEEN,
    SPAN,
    Call,
    Chain,
    Dropped,
    Entry,
    Link,
    Row,
    Seen,
    Started,
    genesis,
    identity_of,
    mark,
    read,
)
from tests.rooms.shaken.calls import NOW, credential, identity, origid, sealed, signed

NAME = "LG" + "1" * 32


def written(*entries: Entry) -> tuple[Chain, list[Row]]:
    chain = Chain(NAME)
    chain.start(NOW, ())
    chain.add(entries)
    return chain, [row for batch in chain.packed() for row in batch.unpacked()]


def call_in(row: Row) -> Call:
    call = read(row.body)
    assert isinstance(call, Call)
    return call


def rebuilt(entry: Entry) -> str:
    chain, rows = written(entry)
    call = call_in(rows[-1])
    frames = {digest: frame for frame, digest in chain.frames.items()}
    return identity_of(call, frames.get(call.frame or ""))


def test_an_identity_comes_back_byte_for_byte_and_its_signature_holds() -> None:
    sent = identity(7)
    back = rebuilt(sealed(7))
    assert back == sent
    token = identity_header.parse(back).token
    passport.verify(token, credential().key.public_key())


def test_rows_of_one_certificate_share_what_does_not_change() -> None:
    chain, rows = written(sealed(1), sealed(2))
    assert len(chain.frames) == 1
    header = identity(1).partition(".")[0].encode()
    assert all(header not in row.body for row in rows)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "a.b.c",
        "no-token;info=<https://x.example>;alg=ES256",
        "h..s;info=<https://x.example>;ppt=shaken",
        'h. odd payload=.s ;info = <https://x.example> ; ppt="shaken"',
        "a.b.c;info=<https://x.example>, d.e.f;info=<https://y.example>",
        "a.b.c;info=<https://x.example/é>",
        "h\x00.b.c;info=<https://x.example>",
        "h" * 3000 + ".b.c;info=<https://x.example>",
        'a.b.c.d.e;info=<https://x.example>;x="\\""',
    ],
)
def test_a_value_of_any_form_comes_back_as_it_came(value: str) -> None:
    assert rebuilt(signed(kind="verified", identity=value)) == value


def test_a_value_of_no_known_certificate_is_kept_whole() -> None:
    chain, rows = written(sealed(1, fingerprint=None))
    assert chain.frames == {}
    assert call_in(rows[-1]).identity == identity(1)


def test_a_value_beyond_all_measure_is_cut_and_says_so() -> None:
    _, rows = written(signed(identity="x" * (MAX_IDENTITY + 5)))
    call = call_in(rows[-1])
    assert (len(call.identity or ""), call.cut) == (MAX_IDENTITY, MAX_IDENTITY + 5)


def test_ever_new_certificates_do_not_fill_the_table_of_frames() -> None:
    chain = Chain(NAME)
    chain.add(signed(identity=f"h{n}.b.c;info=<https://x.example>") for n in range(4_100))
    assert len(chain.frames) == 4_096
    assert (
        call_in(chain.packed()[-1].unpacked()[-1]).identity == "h4099.b.c;info=<https://x.example>"
    )


def test_what_was_recorded_is_in_the_row() -> None:
    entry = sealed(3, requested="B", level="B", dest=("12125551212", "13125551212"))
    _, rows = written(entry)
    call = call_in(rows[-1])
    for name in ("at", "door", "source", "account_sid", "spc", "orig", "dest", "origid", "level"):
        assert getattr(call, name) == getattr(entry, name)
    for name in ("reason", "requested", "justified", "policy", "inputs", "kind"):
        assert getattr(call, name) == getattr(entry, name)
    assert (rows[-1].chain, rows[-1].position) == (NAME, 2)


def test_a_body_is_sorted_compact_json() -> None:
    _, rows = written(sealed(1))
    for row in rows:
        value = json.loads(row.body)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert row.body == again.encode()


def test_a_hash_is_sha256_of_the_one_before_and_the_body() -> None:
    _, rows = written(signed(1), signed(2))
    previous = sha256(b"phonotary ledger " + NAME.encode()).digest()
    assert previous == genesis(NAME)
    for row in rows:
        previous = sha256(previous + row.body).digest()
        assert row.hash == previous


def test_a_text_that_is_none_is_recorded_all_the_same() -> None:
    _, rows = written(signed(orig="a\ud800b", reason="\udfff", origid="x\x00y" * 40))
    assert call_in(rows[-1]).orig == "a\\ud800b"
    assert call_in(rows[-1]).origid == "x\x00y" * 40


def test_an_entry_that_is_none_is_left_out_and_told() -> None:
    chain = Chain(NAME)
    chain.add([signed(0), signed(1, reason=object()), signed(2, origid=5), signed(3)])
    (batch,) = chain.packed()
    assert [call_in(row).at for row in batch.unpacked()] == [NOW, NOW + 3]
    assert [type(each) for each in chain.unreadable] == [TypeError, AttributeError]


def test_a_batch_says_what_its_rows_are_found_by() -> None:
    chain = Chain(NAME)
    chain.start(NOW, ())
    chain.add([signed(5), signed(3), signed(4, origid=None)])
    first, second = chain.packed()
    assert (first.position, first.rows, first.first_at) == (1, 1, NOW)
    assert (second.position, second.rows) == (2, 3)
    assert (second.first_at, second.last_at) == (NOW + 3, NOW + 5)
    marks = [second.origids[at : at + 4] for at in (0, 4, 8)]
    assert marks[:2] == [mark(origid(n).upper()).to_bytes(4, "big") for n in (5, 3)]
    assert marks[2] == bytes(4)
    assert chain.packed() == []


def test_rows_far_apart_in_time_do_not_share_a_batch() -> None:
    chain = Chain(NAME)
    chain.add(signed(n) for n in (0, SPAN, SPAN + 1, 5, 2 * SPAN + 2))
    batches = chain.packed()
    assert [(batch.position, batch.rows) for batch in batches] == [(1, 2), (3, 2), (5, 1)]
    assert all(batch.last_at - batch.first_at <= SPAN for batch in batches)


def test_long_rows_do_not_share_a_batch_without_end() -> None:
    chain = Chain(NAME)
    chain.add(signed(n, identity="x" * 60_000) for n in range(40))
    sizes = [(batch.rows, len(batch.bodies)) for batch in chain.packed()]
    assert sum(rows for rows, _ in sizes) == 40
    assert all(size <= 1 << 20 for _, size in sizes) and len(sizes) == 3


def test_values_of_one_certificate_with_other_parameters_come_back_as_they_came() -> None:
    chain = Chain(NAME)
    sent = [
        "h.a.b;info=<https://x.example>",
        "h.;x;info=<https://x.example>",
        "h.;info=<https://x.example>",
        "h.é,b;info=<https://x.example>",
        "h.a.b;info=<https://y.example>",
        "h;info=<https://x.example>",
    ]
    chain.add(signed(n, identity=value) for n, value in enumerate(sent))
    frames = {digest: frame for frame, digest in chain.frames.items()}
    found = [call_in(row) for batch in chain.packed() for row in batch.unpacked()]
    assert [identity_of(call, frames.get(call.frame or "")) for call in found] == sent


def test_a_batch_that_does_not_come_apart_is_refused() -> None:
    chain = Chain(NAME)
    chain.add([signed(0), signed(1)])
    (batch,) = chain.packed()
    for change in ({"rows": 3}, {"bodies": b""}, {"hashes": batch.hashes[:-1]}):
        with pytest.raises(Refused):
            batch._replace(**change).unpacked()


def test_how_many_calls_are_missing_is_a_row() -> None:
    chain = Chain(NAME)
    chain.control(Dropped(NOW, 5))
    ((row,),) = (batch.unpacked() for batch in chain.packed())
    assert read(row.body) == Dropped(NOW, 5)
    assert json.loads(row.body) == {"at": NOW, "count": 5, "kind": "dropped"}


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"kind":"started"}', b'{"kind":"odd"}', b"\xff"])
def test_a_body_that_is_none_of_its_kind_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read(body)
    assert refused.value.reason is Reason.INVALID_PARAMETER


def test_without_its_frame_a_value_is_not_made_up() -> None:
    _, rows = written(sealed(1))
    with pytest.raises(Refused) as refused:
        identity_of(call_in(rows[-1]), None)
    assert refused.value.reason is Reason.NOT_FOUND


def test_an_entry_does_not_change() -> None:
    with pytest.raises(AttributeError):
        signed().level = "A"  # type: ignore[misc]
    assert msgspec.structs.replace(signed(), level="C").level == "C"


def links(*positions: int) -> list[Link]:
    return [(f"LG{n:032}", position, "ab" * 32) for n, position in enumerate(positions)]


def test_a_look_names_the_chains_that_grew() -> None:
    chain = Chain(NAME)
    chain.start(NOW, links(1, 2))
    chain.look(NOW, links(1, 2))
    chain.look(NOW + 60, links(1, 3, 1))
    started, seen = (read(row.body) for batch in chain.packed() for row in batch.unpacked())
    assert started == Started(tuple(links(1, 2)), NOW, NAME)
    assert seen == Seen(tuple(links(1, 3, 1)[1:]), NOW + 60)


def test_a_row_names_so_many_chains_and_no_more() -> None:
    chain = Chain(NAME)
    chain.start(NOW, links(*range(1, MOST_SEEN + 5)))
    ((row,),) = (batch.unpacked() for batch in chain.packed())
    body = read(row.body)
    assert isinstance(body, Started) and len(body.after) == MOST_SEEN
