"""What kinds of proposal share; it knows none of them.

========================  ==============================================================================================
`case`                    the network that stands; assumptions on costs, rules and time
`candidates`              structures that stand: who has room for a tenant, at which height
`new_ground`              where a new mast could stand
`zones`, `roads`,         where which rule holds; how far to a road; how high the terrain is
`heights`
`costs`                   unit costs put together, low, base and high
`backhaul`                cable or microwave hop of a new site
`spectrum`,               who may use which band; antennas of an action; the points it reaches
`transmitters`, `reach`
`options`, `sites`        tables of what could be done, and of the new sites it needs
`decisions`, `accepted`   what a planner rejected and accepted; what of it can be kept together
`gains`                   whom each chosen action serves
`records`, `reasons`      rows of the layer `proposals`; words that several kinds use
`not_served`              what is left out, why, and what would help
`planned_network`         stations and cells with the chosen actions done
========================  ==============================================================================================
"""
