"""One language at a time on the command line: which one, and help, usage and errors in it.

The language is that of `--lang`, else the one study.toml names, else the system's, else Vietnamese. Texts of options
and of commands (their docstrings) stand in English in the code and are translated where they are shown; click's own
words ("Usage", "Missing argument") are in covplan's catalogue too, which click reads through gettext.
"""

from __future__ import annotations

import copy
import gc
import gettext
import inspect
import os
import sys
import tomllib
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from covplan.cli.streams import open_streams
from covplan.study.kinds import as_written_now
from covplan.study.language import DOMAIN, LANGUAGES, N_, NN_, _, speaking, system_language

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from covplan.study.language import Language

FLAG = "--lang"
COLLECT_AFTER = (500_000, 10, 10)
"""New objects after which Python looks for cycles: at its 700 a command spends a tenth of its time looking."""

CLICKS_WORDS = (
    N_("Aborted!"), N_("Options"), N_("Positional arguments"), N_("Commands"), N_("Usage:"), N_("Missing command."),
    N_("[OPTIONS]"), N_("COMMAND [ARGS]..."), N_("DIRECTORY"), N_("FILE"), N_("TEXT"), N_("FLOAT RANGE"),
    N_("PATH"), N_("default: {default}"), N_("required"), N_("Error: {message}"),
    N_("Try '{command} {option}' for help."), N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"), N_("Missing argument"), N_("Missing option"),
    N_("Missing parameter"), N_("No such option {name!r}."), N_("No such command {name!r}."),
    N_("Choose from:\n\t{choices}"), N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."), N_("file"), N_("directory"), N_("path"),
    N_("{name} {filename!r} does not exist."), N_("{name} {filename!r} is a file."),
    N_("{name} {filename!r} is a directory."), N_("{name} {filename!r} is not readable."),
    N_("Option {name!r} does not take a value."), N_("Show this message and exit."), N_("Show the version and exit."),
    N_("Error: invalid input"),
    NN_("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    NN_("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    NN_("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    NN_("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
)  # fmt: skip
"""What click says itself, so that it is in the catalogue."""

Parameter = TypeVar("Parameter", click.Option, click.Command)


class Option(click.Option):
    """An option whose help is said in the language spoken."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Names and help, for `--help`."""
        return click.Option.get_help_record(_translated(self), ctx)

    def make_metavar(self, *context: Any, **named: Any) -> str:
        """What stands for the option's value."""
        return _(super().make_metavar(*context, **named))


class Command(click.Command):
    """A command whose help is said in the language spoken."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """What `Usage:` says."""
        return [_(piece) for piece in super().collect_usage_pieces(ctx)]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option `--help`, described in the language spoken."""
        option = super().get_help_option(ctx)
        if option:
            option.help = _("Show this message and exit.")
        return option

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the long help."""
        click.Command.format_help_text(_translated(self), ctx, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The help in a list of commands."""
        return click.Command.get_short_help_str(_translated(self), limit)


class Commands(Command, click.Group):
    """A group of such commands; it finds out which language to speak before anything is said."""

    command_class = Command

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command line in its language, its output in UTF-8."""
        open_streams()
        gc.set_threshold(*COLLECT_AFTER)
        given = list(sys.argv[1:] if args is None else args)
        with _click_speaking(wanted_language(given)):
            return super().main(given, *rest, **{"obj": tuple(given), **extra})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, or by an older spelling of it."""
        return super().get_command(ctx, as_written_now(cmd_name))


class Choice(click.Choice[str]):
    """One of some words; older spellings of them are understood too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word as it is spelt today."""
        return super().convert(as_written_now(value), param, ctx)


def wanted_language(arguments: Sequence[str]) -> Language:
    """The language of a command line."""
    for nth, one in enumerate(arguments):
        name, _sign, value = one.partition("=")
        if name == FLAG:
            value = value or next(iter(arguments[nth + 1 :]), "")
            if value in LANGUAGES:
                return value
    folders = (Path(one) for one in arguments[1:] if not one.startswith("-"))
    named = (_language_of(folder) for folder in folders)
    return next((language for language in named if language), system_language())


def _language_of(study: Path) -> Language | None:
    """The language that a study's settings name; None where there is none to be read."""
    try:
        text = (study / "study.toml").read_text(encoding="utf-8-sig")  # Notepad puts a mark before the text
        named = tomllib.loads(text).get("province", {}).get("language", "")
    except (OSError, ValueError, AttributeError):
        return None  # what is wrong with it is said when the study is opened
    return named if named in LANGUAGES else None


@contextmanager
def _click_speaking(language: Language) -> Iterator[None]:
    """Covplan and click in one language: click asks gettext, which asks the environment."""
    before = os.environ.get("LANGUAGE")
    os.environ["LANGUAGE"] = language
    with speaking(language):
        gettext.bindtextdomain(DOMAIN, str(files("covplan").joinpath("resources", "locale")))
        gettext.textdomain(DOMAIN)
        try:
            yield
        finally:
            gettext.textdomain("messages")
            os.environ.pop("LANGUAGE")
            if before is not None:
                os.environ["LANGUAGE"] = before


def _translated(one: Parameter) -> Parameter:
    """A copy whose help is in the language spoken."""
    shown = copy.copy(one)
    shown.help = _(inspect.cleandoc(one.help)) if one.help else one.help
    return shown
