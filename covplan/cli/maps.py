"""The command that draws the map."""

from __future__ import annotations

from pathlib import Path

import click

from covplan.cli.base import FOLDER, language, main, open_console, option, results, say, stop_if_same, tell_old_coverage
from covplan.study.language import _, number


@main.command("map")
@click.argument("study", type=FOLDER)
@results
@option(
    "--coverage",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the rasters of `covplan coverage`; default: OUT/coverage where there is one.",
)
@option("--tiles", is_flag=True, help="Web maps below (OpenStreetMap and others): need internet.")
@option("--open", "open_it", is_flag=True, help="Open the map in the browser.")
@language
def draw(study: Path, out: Path, *, coverage: Path | None, tiles: bool, open_it: bool) -> None:
    """Draw the map of STUDY: OUT/map.html, one file that opens without internet.

    With proposals once `covplan propose STUDY` was run, with coverage once `covplan coverage STUDY` was; hamlets link
    to their pages in OUT/sheets.
    """
    from covplan.pipeline import make_plan, said_of_kept, with_kept_proposals
    from covplan.publish.maps import write_map
    from covplan.study.held import where
    from covplan.study.kept_study import open_kept
    from covplan.study.progress import shown_progress

    stop_if_same(study, out)
    console = open_console()
    rasters = coverage or (out / "coverage" if any(out.glob("coverage/*_rsrp_dbm.tif")) else None)
    with shown_progress(console) as tell:
        made = make_plan(open_kept(study, progress=tell), progress=tell)
        made = with_kept_proposals(made) or made
        tell("map.html")
        path = where(write_map(made, out / "map.html", tiles=tiles, coverage=rasters))
    size = path.stat().st_size / 1e6
    said = _("{size} MB, {proposals} proposals").format(size=number(size, 1), proposals=number(len(made.proposals)))
    console.print(f"[green]{path}[/]: {said}", highlight=False)
    say(console, said_of_kept(made))
    tell_old_coverage(study, rasters)
    if rasters is None:
        console.print(_("No layers of coverage yet: covplan coverage STUDY -o OUT makes them."), highlight=False)
    if open_it:
        click.launch(str(path))
