"""All kinds together: years, what-if."""
