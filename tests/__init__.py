"""Tests, in the rooms of the house; ``simulators`` stand in for the machines around it."""
