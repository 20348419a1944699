"""Coverage on the study's grid: of each operator, and of any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.radio.coverage import coverage as operator_coverage
from covplan.radio.coverage import strongest
from covplan.study.errors import LayerError
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from covplan.pipeline.workspace import Workspace
    from covplan.radio.coverage import Coverage
    from covplan.study.folder import Study

MASTS_A_LINE = 50  # between two lines of progress


def coverage(
    study: Study | Workspace,
    *,
    technology: str = "4G",
    operator: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Coverage:
    """Who receives the technology, how strongly, surely and fast, on the study's grid.

    Parameters
    ----------
    study : Study or Workspace
        Its workspace, when several coverages are asked for: the terrain is read once.
    technology : {"4G", "5G"}
    operator : str, optional
        Without one: any operator of the study, at each place the one received best.
    progress : callable, optional
        Told which operator is computed and how many masts of how many are done.
    """
    workspace = workspace_of(study)
    transmitting, there = workspace.transmitting(technology), workspace.operators(technology)
    if operator is not None and operator not in there:
        raise LayerError(
            _("{operator} has no {technology} station on air; these have: {others}.").format(
                operator=operator, technology=technology, others=", ".join(there) or _("none")
            )
        )
    return strongest(
        operator_coverage(
            transmitting[transmitting["operator"] == one],
            workspace.study.cells,
            workspace.ground,
            technology,
            workspace.settings.radio[technology],  # type: ignore[index]
            workspace.settings.propagation,
            cache=workspace.loss_cache,
            antennas=workspace.antennas,
            progress=_masts_done(f"{technology} {one}", progress),
        )
        for one in ([operator] if operator else there)
    )


def coverages(
    study: Study | Workspace,
    *,
    technology: str = "4G",
    operators: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Iterator[Coverage]:
    """Coverage of each operator (all that transmit, unless some are named), and then of any of these together."""
    workspace = workspace_of(study)
    together: Coverage | None = None
    for operator in operators or workspace.operators(technology):
        one = coverage(workspace, technology=technology, operator=operator, progress=progress)
        yield one
        together = strongest([together, one]) if together else one
    if together and len(together.operators) > 1:
        yield together


def _masts_done(what: str, progress: Callable[[str], None] | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None

    def tell(done: int, of: int) -> None:
        if done % MASTS_A_LINE == 0 or done == of:
            progress(_("{what}: {done}/{all} masts").format(what=what, done=done, all=of))

    return tell
