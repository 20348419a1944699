"""Measurements anyone can repeat; the tests only see that they run."""
