"""Shared structures: who leaves which mast and joins whose.

============  ==========================================================================================================
`options`     who is where and could move where; what every move would be received with; the case
`program`     which moves: the ratio, rooms, hamlets that may be lost and must be won
`figures`     of the chosen moves: tenants, households kept, costs, rent, the next best plan
`rows`        proposals
`reasons`     the words
`decisions`   what a planner decided on moves
`network`     the network once the plan is done, and its coverage computed anew
`compared`    the program beside the nearest neighbours first
`scenarios`   how firm the plan is
============  ==========================================================================================================
"""
