"""The command that writes a plan for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from covplan.cli.base import FOLDER, fail, main, open_console, results, stop_if_same, telling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from covplan.study.plan import Plan

FORMATS = ("gpkg", "shp", "tab", "ofds")
PACKAGE, WGS84_PACKAGE = "master_plan.gpkg", "master_plan_wgs84.gpkg"
OUTPUTS = {"gpkg": PACKAGE, "shp": "shapefile", "tab": "mapinfo", "ofds": "fibre_ofds.json"}


@main.command()
@click.argument("study", type=FOLDER)
@results
@click.option("-f", "--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Default: gpkg.")
@click.option("--wgs84", is_flag=True, help=f"A copy in WGS 84 too: {WGS84_PACKAGE}.")
@click.option("--coverage", type=FOLDER, help="Folder of `covplan coverage` (OUT/coverage): its RSRP as pictures.")
@click.option("--include-restricted", is_flag=True, help="Restricted stations, and what is proposed for them, too.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
def export(
    study: Path,
    out: Path,
    *,
    formats: tuple[str, ...],
    wgs84: bool,
    coverage: Path | None,
    include_restricted: bool,
    overwrite: bool,
) -> None:
    """Write the plan of STUDY for other programs: master_plan.gpkg in OUT, other formats on request.

    Proposals are in it once `covplan propose STUDY` was run. An edited master_plan.gpkg is taken back by
    `covplan readback`.
    """
    from covplan.pipeline import make_plan, with_kept_proposals
    from covplan.study.folder import open_study

    console = open_console()
    stop_if_same(study, out)
    wanted = [OUTPUTS[one] for one in dict.fromkeys(formats or ("gpkg",))] + ([WGS84_PACKAGE] if wgs84 else [])
    _ask_before_replacing([out / name for name in wanted], overwrite=overwrite, terminal=console.is_terminal)
    with telling(console) as tell:
        opened = open_study(study, progress=tell)
        tell("chỉ tiêu (indicators)")
        made = make_plan(opened, progress=tell)
        proposed = with_kept_proposals(made)
        for name in wanted:
            tell(name)
            _writers(proposed or made, coverage, include_restricted=include_restricted)[name](out / name)
    if proposed is None:
        console.print("Chưa có đề xuất: chạy `covplan propose` trước (no proposals kept for this study as it stands).")
    if include_restricted:
        console.print("[yellow]Có các vị trí hạn chế công bố: không chia sẻ (holds restricted locations).[/]")
    console.print(f"[green]{out}[/]: {', '.join(wanted)}")


def _writers(plan: Plan, coverage: Path | None, *, include_restricted: bool) -> dict[str, Callable[[Path], object]]:
    from covplan.publish.geopackage import WGS84, write_geopackage
    from covplan.publish.legacy import write_legacy
    from covplan.publish.ofds import write_ofds

    shown: dict[str, Any] = {"include_restricted": include_restricted}
    return {
        PACKAGE: lambda path: write_geopackage(plan, path, coverage=coverage, **shown),
        WGS84_PACKAGE: lambda path: write_geopackage(plan, path, epsg=WGS84, **shown),
        OUTPUTS["shp"]: lambda path: write_legacy(plan, path, "shp", **shown),
        OUTPUTS["tab"]: lambda path: write_legacy(plan, path, "tab", **shown),
        OUTPUTS["ofds"]: lambda path: write_ofds(plan, path),
    }


def _ask_before_replacing(paths: list[Path], *, overwrite: bool, terminal: bool) -> None:
    there = [str(path) for path in paths if path.exists()]
    if not there or overwrite:
        return
    named = ", ".join(there)
    if not terminal or not click.confirm(f"{named}: đã có, thay thế? (replace?)"):
        raise SystemExit(fail(f"{named}: exists already. Say --overwrite, or choose another --out."))
