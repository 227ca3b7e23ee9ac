"""What they may sign: PASSporTs, certificates and the attestation each call has earned.

A room: no sockets, no clock, no database. What KYC says of a number comes in through
:mod:`phonotary.shaken.ports`; the time comes in as whole seconds since 1970.
"""
