"""Trust Hub v1 on the wire: 53 published operations and the two ProvisionalCopy pairs."""
