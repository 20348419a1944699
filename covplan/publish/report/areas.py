"""The plan's tables with the area of every location, hamlet and proposal: what the report counts by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from covplan.publish.addresses import OLD, addresses
from covplan.study.boundaries import communes_of
from covplan.study.language import _

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from covplan.study.folder import Study


@dataclass(frozen=True)
class Tables:
    """The plan's tables as the report reads them, each location, hamlet, service point and proposal with its area."""

    study: Study
    of: dict[str, pd.DataFrame]
    area_title: str
    """What the areas of the tables are: districts before July 2025, or communes after."""

    @property
    def communes(self) -> gpd.GeoDataFrame:
        """The communes of the study's boundary version."""
        return communes_of(self.study.communes, self.study.settings.province.boundaries)


def with_areas(tables: dict[str, pd.DataFrame], study: Study) -> Tables:
    """Give every row that lies somewhere its district; its commune where the study's own list has no districts."""
    version = study.settings.province.boundaries
    districts = communes_of(study.communes, version)["district"].notna().any()
    column = "district_old" if districts else "commune_old" if version == OLD else "commune_new"
    outside, not_published = _("Outside the boundaries"), _("Place not published")
    found = {}
    for name in ("hamlets", "locations", "service_points", "proposals"):
        shapes = tables[name].geometry
        area = addresses(shapes, study)[column].fillna(outside)
        found[name] = tables[name].assign(area=area.where(~shapes.isna(), not_published))
    if districts:
        found["hamlets"]["area"] = found["hamlets"]["district"].fillna(found["hamlets"]["area"])
    return Tables(study, tables | found, _("District, city") if districts else _("Commune, ward"))


def indicator(table: pd.DataFrame, name: str) -> pd.Series:
    """The row of an indicator."""
    return cast("pd.Series", table.set_index("indicator").loc[name])  # an indicator has one row
