"""A callback goes to the internet and, from a sandbox, to this machine; nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from phonotary.outbound.callbacks import Blocked, checked_address, may_be_called

PUBLIC = """
8.8.8.8 1.1.1.1 203.0.114.1 2606:4700:4700::1111 2001:4860:4860::8888 ::ffff:8.8.8.8
64:ff9b::8.8.8.8
""".split()
LOOPBACK = "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1".split()
PRIVATE = """
0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 192.0.0.8 192.0.2.1
198.18.0.1 198.51.100.1 203.0.113.1 240.0.0.1 255.255.255.255
224.0.0.1 239.255.255.250 233.252.0.1 ff02::1 ff0e::1
:: ::127.0.0.1 ::10.0.0.1 ::8.8.8.8
fc00::1 fd12:3456::1 fe80::1 fec0::1 2001:db8::1 100::1
::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:224.0.0.1
64:ff9b::10.0.0.1 64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b::224.0.0.1
64:ff9b:1::8.8.8.8 64:ff9b:1::10.0.0.1
2002:0a00:0001:: 2002:7f00:0001::1 2002:808:808::1 2001:0:808:808::1
""".split()


@pytest.mark.parametrize("sandbox", [True, False])
@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_may_be_called(address: str, sandbox: bool) -> None:
    assert may_be_called(address, sandbox)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_may_be_called_from_a_sandbox_only(address: str) -> None:
    assert may_be_called(address, True)
    assert not may_be_called(address, False)


@pytest.mark.parametrize("sandbox", [True, False])
@pytest.mark.parametrize("address", PRIVATE)
def test_what_only_this_network_sees_may_not(address: str, sandbox: bool) -> None:
    assert not may_be_called(address, sandbox)


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK])
def test_a_url_of_such_an_address_is_blocked(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Blocked):
        asyncio.run(checked_address(f"http://{host}/hook", False))
