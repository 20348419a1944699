"""Fiber: the road graph, who is in reach of the network, and what a route costs."""
