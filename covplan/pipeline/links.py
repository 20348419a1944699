"""One place and the links that reach it: who, how strongly, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.radio.explain import explain_links
from covplan.radio.loss import latitude_deg
from covplan.study.errors import LayerError
from covplan.study.find import centre_of, find_village
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from covplan.pipeline.workspace import Workspace
    from covplan.study.folder import Study
    from covplan.study.links import Explanation


def explain_link(
    study: Study | Workspace,
    place: str | tuple[float, float],
    *,
    technology: str = "4G",
    operators: Sequence[str] = (),
    most: int = 2,
    stations: gpd.GeoDataFrame | None = None,
) -> Explanation:
    """Who reaches a place, how strongly, and what stands in the way: the best links of each operator, line by line.

    Parameters
    ----------
    place : str or (x, y)
        A hamlet's id or name (its centre is meant), or a point in the study's CRS, metres.
    operators : sequence of str
        Whose links; all of the study's when empty.
    most : int
        Stations per operator; the nearest one is added when it is not among them.
    stations : GeoDataFrame, optional
        Instead of the study's own: with proposed ones, or only those that may be published (`publish.public`).
    """
    workspace = workspace_of(study)
    study = workspace.study
    if isinstance(place, str):
        village = find_village(study.villages, study.communes, place)
        point = centre_of(village, study.settings.province.epsg)
        name, village_id = str(village["name"]), str(village["village_id"])
    else:
        point, name, village_id = place, "", ""
    unknown = [code for code in operators if code not in study.settings.operators]
    if unknown:
        raise LayerError(
            _("no operator {operator} in this study; these are: {others}.").format(
                operator=unknown[0], others=", ".join(study.settings.operators)
            )
        )
    chosen = study.stations if stations is None else stations
    transmitting = workspace.transmitting(technology, chosen)
    propagation = study.settings.propagation
    grid = study.grid.part(*point, propagation.radius_km * 1000.0 + 2 * study.grid.cell_m + propagation.clearing_m)
    return explain_links(
        transmitting,
        study.cells,
        workspace.land.ground_on(grid),
        technology,
        workspace.radio(technology),
        propagation,
        point,
        operators=operators or study.settings.operators,
        most=most,
        antennas=workspace.antennas,
        latitude=latitude_deg(study.grid),
        place=name,
        place_id=village_id,
    )
