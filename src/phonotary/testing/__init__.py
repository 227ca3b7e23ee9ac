"""A sandbox for tests: start one, command its clock, outcomes, faults and memory, ask what it saw.

Programs under test never import this; they speak to the hub as they speak to Twilio.
"""

from phonotary.testing.sandbox import Account, Sandbox, start

__all__ = ["Account", "Sandbox", "start"]
