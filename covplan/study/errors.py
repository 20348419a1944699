"""What stops a run.

::

    CovplanError
    ├── StudyError              the study folder cannot be used
    │   ├── SettingsError       study.toml: which key, what is wrong, what was meant
    │   └── LayerError          a layer: which file, which layer, what to rename or add
    ├── OutputError             a result cannot be written or read back
    ├── GridMismatchError            two rasters on different grids met
    ├── NoSolution              a plan that was asked for cannot be: which demand, short by how much
    ├── TooLittleData           measurements too few or too narrow to conclude from
    └── OutsideValidity         a model was asked about something it does not describe

A wrong *row* never raises: it becomes a finding (`covplan.study.findings`). A message says where, what, and what to do.
An optional layer that cannot be used at all is a `StudyWarning` too: a run goes on without it.
"""


class CovplanError(Exception):
    """Anything covplan raises on purpose."""


class StudyError(CovplanError):
    """The study folder cannot be used as it is."""


class SettingsError(StudyError):
    """study.toml holds something covplan does not understand."""


class LayerError(StudyError):
    """A layer is missing or cannot be read."""


class OutputError(CovplanError):
    """A result cannot be written, or was not written by this version of covplan."""


class GridMismatchError(CovplanError, ValueError):
    """Two rasters on different grids met."""


class NoSolution(CovplanError):  # noqa: N818 (named in the design: it says what is missing, not what broke)
    """What was asked for cannot be reached: which demand, and how near one can come."""


class TooLittleData(CovplanError):  # noqa: N818 (says what is missing, as NoSolution does)
    """There are too few measurements to conclude from: how many there are, how many are needed."""


class OutsideValidity(CovplanError, ValueError):  # noqa: N818 (named in the design: it says where, not what broke)
    """A model was asked outside its range: which quantity, which value, which limits."""


class StudyWarning(UserWarning):
    """A layer of the study is left out: which one, and why."""


class ResultWarning(UserWarning):
    """A result could not take its name: which one, who usually has it open, where it stands instead."""
