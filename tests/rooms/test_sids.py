from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from phonotary import sids


def test_a_uuid_is_a_random_one_of_version_4() -> None:
    made = [UUID(sids.uuid()) for _ in range(1_000)]
    assert {each.version for each in made} == {4}
    assert {each.variant for each in made} == {"specified in RFC 4122"}
    assert len(set(made)) == 1_000


def test_threads_never_get_the_same_identifier() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [*threads.map(lambda _: sids.uuid(), range(5_000))]
    assert len(set(made)) == 5_000


def test_a_forked_process_gets_other_identifiers_than_its_parent() -> None:
    sids.uuid()
    # Of what the system gave, most is still kept here.
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, sids.uuid().encode())
        os._exit(0)
    try:
        assert os.read(ours, 36).decode() != sids.uuid()
    finally:
        os.waitpid(child, 0)
        os.close(ours)
        os.close(theirs)


def test_a_sid_holds_its_prefix_the_moment_and_eighty_random_bits() -> None:
    made = {sids.mint("BU") for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(sids.is_sid(each, "BU") for each in made)
    assert len({each[14:] for each in made}) == 1_000
    # All digits of the random part are used.
    assert {each[14] for each in made} == set("0123456789abcdef")
