"""HTTP doors of the laboratory: the STI-PA's API and the STI-CA's ACME service."""
