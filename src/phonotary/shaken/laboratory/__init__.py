"""A policy administrator (STI-PA) and a certification authority (STI-CA) of our own.

The rules are those of production (RFC 8555, 9447, 9448, ATIS-1000080), and every token is really
verified: what a client learns here holds there. Only the trust anchors differ.
"""
