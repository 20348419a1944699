"""The command that draws the map."""

from __future__ import annotations

from pathlib import Path

import click

from covplan.cli.base import FOLDER, main, open_console, results, stop_if_same


@main.command("map")
@click.argument("study", type=FOLDER)
@results
@click.option(
    "--coverage",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the rasters of `covplan coverage`; default: OUT/coverage where there is one.",
)
@click.option("--tiles", is_flag=True, help="Web maps below (OpenStreetMap and others): need internet.")
@click.option("--open", "open_it", is_flag=True, help="Open the map in the browser.")
def draw(study: Path, out: Path, *, coverage: Path | None, tiles: bool, open_it: bool) -> None:
    """Draw the map of STUDY: OUT/map.html, one file that opens without internet.

    With proposals once `covplan propose STUDY` was run, with coverage once `covplan coverage STUDY` was; hamlets link
    to their pages in OUT/sheets.
    """
    from covplan.pipeline import make_plan, with_kept_proposals
    from covplan.publish.maps import write_map
    from covplan.study.folder import open_study
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    rasters = coverage or (out / "coverage" if any(out.glob("coverage/*_rsrp_dbm.tif")) else None)
    with shown_progress(console) as tell:
        made = make_plan(open_study(study, progress=tell), progress=tell)
        made = with_kept_proposals(made) or made
        tell("map.html")
        path = write_map(made, out / "map.html", tiles=tiles, coverage=rasters)
    size = path.stat().st_size / 1e6
    console.print(f"[green]{path}[/]: {size:.1f} MB, {len(made.proposals)} đề xuất (proposals)", highlight=False)
    if rasters is None:
        console.print("Chưa có lớp vùng phủ (no coverage rasters): covplan coverage STUDY -o OUT", highlight=False)
    if open_it:
        click.launch(str(path))
