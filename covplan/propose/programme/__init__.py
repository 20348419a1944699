"""All kinds together, known by their tables only.

============  ==========================================================================================================
`trench`      cable of hamlets and of new masts in one trench, beside each alone
`effects`     what proposals of all kinds do to the indicators
`program`     in which year what is done, on arrays
`years`       proposals with their years
`what_if`     a network changed by hand, and what it costs
============  ==========================================================================================================
"""
