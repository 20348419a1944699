"""Coverage on the study's grid: of each operator, and of any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covplan.pipeline.workspace import workspace_of
from covplan.radio.coverage import copied, mast_count, strongest, take
from covplan.radio.coverage import coverage as operator_coverage
from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.progress import Pace, time_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from covplan.pipeline.workspace import Workspace
    from covplan.radio.coverage import Coverage
    from covplan.study.folder import Study


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
        Told which operator is computed, how many masts of how many are done, and how long the rest takes.
    """
    workspace = workspace_of(study)
    names = [operator] if operator else workspace.operators(technology)
    told = _MastsDone(workspace, technology, names, progress) if progress else None
    return strongest(_of_operator(workspace, technology, one, told) for one in names)


def coverages(
    study: Study | Workspace,
    *,
    technology: str = "4G",
    operators: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Iterator[Coverage]:
    """Coverage of each operator (all that transmit, unless some are named), and then of any of these together."""
    workspace = workspace_of(study)
    names = operators or workspace.operators(technology)
    told = _MastsDone(workspace, technology, names, progress) if progress else None
    together: Coverage | None = None
    for operator in names:
        one = _of_operator(workspace, technology, operator, told)
        yield one
        together = take(together, one) if together else copied(one)
        del one  # only two are held at a time
    if together and len(together.operators) > 1:
        yield together


def _of_operator(workspace: Workspace, technology: str, operator: str, told: _MastsDone | None) -> Coverage:
    there = workspace.operators(technology)
    if operator not in there:
        raise LayerError(
            _("{operator} has no {technology} station on air; these have: {others}.").format(
                operator=operator, technology=technology, others=", ".join(there) or _("none")
            )
        )
    transmitting = workspace.transmitting(technology)
    return operator_coverage(
        transmitting[transmitting["operator"] == operator],
        workspace.study.cells,
        workspace.ground,
        technology,
        workspace.radio(technology),
        workspace.settings.propagation,
        cache=workspace.loss_cache,
        antennas=workspace.antennas,
        progress=told.of(operator) if told else None,
    )


class _MastsDone:
    """Says how many masts of an operator are done, and how long the rest of all operators takes."""

    def __init__(
        self, workspace: Workspace, technology: str, operators: Sequence[str], progress: Callable[[str], None]
    ) -> None:
        transmitting, cells = workspace.transmitting(technology), workspace.study.cells
        mine = transmitting[transmitting["operator"].isin(operators)]
        self.pace = Pace(sum(mast_count(table, cells, technology) for _operator, table in mine.groupby("operator")))
        self.technology, self.progress = technology, progress

    def of(self, operator: str) -> Callable[[int, int], None]:
        what = f"{self.technology} {operator}"

        def tell(done: int, of: int) -> None:
            self.pace.step()
            if not self.pace.is_due() and done < of:
                return
            said = _("{what}: {done}/{all} masts").format(what=what, done=done, all=of)
            left = self.pace.parts - self.pace.done
            self.progress(f"{said}, {time_left(self.pace.left_s)}" if left > 0 else said)

        return tell
