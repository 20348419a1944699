"""Fiber to hamlets and to masts.

============  ==========================================================================================================
`options`     the case; hamlets and masts that may be joined, as a Steiner problem over roads
`program`     the cheapest extension, phase after phase
`order`       in which order its groups are joined, each with what it adds
`rows`        proposals, marginal costs, phases; who is out of reach
`materials`   bill of quantities
`reasons`     the words
`compared`    the program beside joining the nearest first
============  ==========================================================================================================
"""
