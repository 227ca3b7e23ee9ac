"""Who may dip, how often, and that every dip is counted once."""

from __future__ import annotations

import ipaddress

import pytest

from phonotary.cnam.clients import (
    DAY,
    SANDBOX,
    Client,
    Clients,
    Count,
    Meters,
    OverQuota,
    digest,
)
from phonotary.errors import Reason

NOW = 1_795_000_000
TODAY = NOW // DAY * DAY


def at(name: str, *networks: str, key: str | None = None) -> Client:
    return Client(
        name, tuple(ipaddress.ip_network(n) for n in networks), digest(key) if key else None
    )


CLIENTS = Clients(
    [at("carrier", "192.0.2.0/24", "2001:db8::/32"), at("pbx", "192.0.2.8/32"), at("k", key="word")]
)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "carrier"),
        ("192.0.2.8", "pbx"),
        ("2001:db8::1", "carrier"),
        ("::ffff:192.0.2.1", "carrier"),
        ("2001:db8::1%eth0", "carrier"),
        ("198.51.100.1", None),
        ("127.0.0.1", None),
        ("", None),
        ("no address", None),
    ],
)
def test_a_client_is_known_by_its_narrowest_network(address: str, name: str | None) -> None:
    for _ in range(2):
        found = CLIENTS.at(address)
        assert (found.name if found else None) == name


def test_a_client_is_known_by_its_key_and_by_no_other_name() -> None:
    for _ in range(2):
        assert CLIENTS.with_key("word") is CLIENTS.all[2]
        assert CLIENTS.with_key("word", "k") is CLIENTS.all[2]
        assert CLIENTS.with_key("word", "pbx") is None
        assert CLIENTS.with_key("Word") is None
        assert CLIENTS.with_key("") is None
        assert CLIENTS.with_key("x" * 100_000) is None


def test_a_key_is_never_shown() -> None:
    assert digest("word") not in repr(CLIENTS.all[2])


@pytest.mark.parametrize(
    "clients",
    [
        [at("a", key="x"), at("a", key="y")],
        [at("a", key="x"), at("b", key="x")],
        [at("a")],
        [Client("a", key_digest="0", fallback="city")],
    ],
)
def test_clients_that_contradict_each_other_are_refused(clients: list[Client]) -> None:
    with pytest.raises(ValueError, match="client"):
        Clients(clients)


def test_the_sandbox_knows_its_own_machine() -> None:
    found = Clients([SANDBOX])
    assert found.at("127.0.0.1") is found.at("::1") is SANDBOX
    assert found.at("192.0.2.1") is None


def test_what_is_remembered_of_strangers_is_bounded() -> None:
    found = Clients([at("a", "10.0.0.0/8")])
    for n in range(40_000):
        assert found.at(f"192.168.{n // 256}.{n % 256}") is None
    assert len(found._by_address) <= 16_384
    for n in range(10_000):
        assert found.with_key(str(n)) is None
    assert not found._by_key


def test_a_second_has_so_many_dips_and_the_next_one_as_many() -> None:
    client, meters = Client("a", per_second=3), Meters()
    for now in (NOW, NOW + 1):
        for _ in range(3):
            meters.take(client, now)
        with pytest.raises(OverQuota) as refused:
            meters.take(client, now)
        assert (refused.value.reason, refused.value.retry_after) == (Reason.FORBIDDEN, 1)


def test_a_day_has_so_many_dips_wherever_they_were_made() -> None:
    client, meters = Client("a", per_day=10), Meters()
    meters.take(client, TODAY + 59)
    meters.used("a", TODAY, 8)  # another process's seven, and this one's own
    meters.take(client, TODAY + 60)
    meters.take(client, TODAY + 60)
    with pytest.raises(OverQuota) as refused:
        meters.take(client, TODAY + 60)
    assert refused.value.retry_after == DAY - 60
    meters.take(client, TODAY + DAY)


def test_yesterdays_use_is_no_part_of_today() -> None:
    client, meters = Client("a", per_day=2), Meters()
    meters.take(client, TODAY)
    meters.used("a", TODAY - DAY, 1000)
    meters.used("nobody", TODAY, 1000)
    meters.take(client, TODAY + 1)
    with pytest.raises(OverQuota):
        meters.take(client, TODAY + 2)


def test_a_client_without_a_quota_has_none() -> None:
    client, meters = Client("a"), Meters()
    for _ in range(5000):
        meters.take(client, NOW)


def test_every_dip_is_counted_once_and_on_its_day() -> None:
    client, meters = Client("a", per_second=2), Meters()
    meters.take(client, TODAY).counts[0] += 1
    meters.take(client, TODAY).counts[1] += 1
    with pytest.raises(OverQuota):
        meters.take(client, TODAY)
    meters.take(client, TODAY + DAY).counts[0] += 1
    taken = meters.taken()
    assert taken == [
        Count("a", TODAY, "present", 1),
        Count("a", TODAY, "absent", 1),
        Count("a", TODAY, "limited", 1),
        Count("a", TODAY + DAY, "present", 1),
    ]
    assert meters.taken() == []
    meters.put_back(taken)
    assert meters.taken() == taken


def test_accounts_come_and_go_and_no_count_is_lost() -> None:
    lasting = at("pbx", key="x")
    meters = Meters([lasting], most=100)
    meters.take(lasting, NOW).counts[0] += 1
    for n in range(1000):
        meters.take(Client(f"AC{n}"), NOW).counts[0] += 1
    assert len(meters._meters) == 100
    assert "pbx" in meters._meters
    counted = meters.taken()
    assert sum(each.dips for each in counted) == 1001
    assert len({each.client for each in counted}) == 1001
