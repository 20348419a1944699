"""The network an extension would leave behind, as layers of a study: what is planned must serve when it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from covplan.propose.fiber.materials import cable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.fiber.reach import Network
    from covplan.propose.fiber.program import Extension
    from covplan.study.settings import Fiber


def as_layers(
    extensions: Sequence[Extension], network: Network, fiber: Fiber
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The new network as rows of the layers `routes` and `nodes`: what the study would hold once it is built."""
    graph, routes, nodes = network.graph, [], []
    for made in extensions:
        found, cores, number = made.candidates, cable_cores(made), 0
        for step in made.steps:
            group, operator = step.group, found.source_operator[step.source]
            for edge, size in zip(step.edges, cores[number : number + step.edges.size], strict=True):
                mounted = found.kind[edge].removesuffix("U")
                routes.append((f"F-{edge}", operator, "access", mounted, int(size), 2, graph.line[edge]))
            number += step.edges.size
            if found.is_site[group]:
                continue
            hamlet, part = found.id[group], found.parts[group]
            spots = graph.node_m[np.unique(found.problem.terminal[found.problem.group == group])]
            outputs = part.pon_ports * max(int(np.prod(fiber.split[:-1])), 1)
            nodes.append((f"F-FDT-{hamlet}", operator, "FDT", hamlet, outputs, outputs - part.fats, *spots[0]))
            each = -(-part.fats // len(spots)) * fiber.split[-1]
            nodes += [(f"F-FAT-{hamlet}-{k}", operator, "FAT", hamlet, each, each, *at) for k, at in enumerate(spots)]
    columns = ["route_id", "operator", "class", "mounting", "cores", "spare_cores", "geometry"]
    lines = gpd.GeoDataFrame(pd.DataFrame(routes, columns=columns), crs=graph.epsg)
    table = pd.DataFrame(nodes, columns=["node_id", "operator", "kind", "village_id", "ports", "ports_free", "x", "y"])
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"), crs=graph.epsg)
    return lines, gpd.GeoDataFrame(table, geometry=points)
