"""What a test may command: time, outcomes, faults, memory. Only there in a sandbox."""
