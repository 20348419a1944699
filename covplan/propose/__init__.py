"""Decisions: integer programs with a name, a bound and a reason for every proposal."""
