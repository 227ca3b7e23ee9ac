"""The DNS edge beside PowerDNS, over the same rows; ``python -m benchmarks.dns``."""
