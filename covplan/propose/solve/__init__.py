"""The one door to HiGHS, and what is posed through it: programs, covers, Steiner trees, baselines, alternatives."""
