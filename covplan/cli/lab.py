"""The command that opens the notebooks."""

from __future__ import annotations

from pathlib import Path

import click

from covplan.cli.base import FOLDER, fail, language, main, open_console, option
from covplan.study.language import _


@main.command()
@click.argument("folder", type=FOLDER, default=Path("notebooks"))
@option("--no-open", is_flag=True, help="Only put the notebooks into FOLDER.")
@option("--shortcut", is_flag=True, help="Make what opens them with a double click, beside FOLDER and on the desktop.")
@language
def lab(folder: Path, *, no_open: bool, shortcut: bool) -> None:
    """Open JupyterLab on the notebooks in FOLDER; those that are not there yet are put there first.

    A notebook that is there already stays as it is. The notebooks look for a study in data/ beside FOLDER; `covplan
    sample data` makes one.
    """
    import shutil
    import subprocess
    import sys
    from importlib.util import find_spec

    folder.mkdir(parents=True, exist_ok=True)
    put = [path for path in _notebooks() if not (folder / path.name).exists()]
    for path in put:
        shutil.copyfile(path, folder / path.name)
    if put:
        open_console().print(f"[green]{folder}[/]: {', '.join(path.name for path in put)}", highlight=False)
    if shortcut:
        from covplan.cli.shortcut import write_launchers

        made = write_launchers(folder.absolute().parent, Path(folder.absolute().name))
        for path in made:
            open_console().print(f"[green]{path}[/]", highlight=False)
        return
    if no_open:
        return
    if find_spec("jupyterlab") is None:
        raise SystemExit(fail(_("JupyterLab is not installed: pip install jupyterlab 'covplan[lab]'")))
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", str(folder)]))  # noqa: S603


def _notebooks() -> list[Path]:
    """Those that came with the package, or stand beside it in its repository."""
    package = Path(__file__).parents[1]
    for home in (package / "notebooks", package.parent / "notebooks"):
        found = sorted(home.glob("*.ipynb"))
        if found:
            return found
    raise SystemExit(fail(_("the notebooks are not part of this installation.")))
