"""The SIP door: a stateless redirect server (RFC 3261 section 8.3) over UDP and TCP.

The parser is our own: no kept Python library reads SIP at the rate of a trunk, and a redirect
server needs a small part of it.
"""
