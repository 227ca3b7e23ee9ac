"""Lookups v1 and v2, as far as ``caller_name`` goes."""
