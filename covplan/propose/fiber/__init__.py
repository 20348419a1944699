"""Fiber to hamlets, and the trench shared with masts: options, program, rows."""
