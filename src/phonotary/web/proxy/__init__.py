"""The zero-change way in: a proxy that answers for every ``*.twilio.com`` host."""
