"""The DNS edge: who calls, asked as ENUM asks (NAPTR) and as Asterisk asks (TXT).

It answers one zone from memory and nothing else: no recursion, no transfers, no updates, no DNSSEC.
A carrier that needs those runs PowerDNS on the same data (``deploy/powerdns``).
"""
