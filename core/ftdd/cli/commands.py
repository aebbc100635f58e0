"""The commands of `ftdd`: one file each, imported only when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

import ftdd
from ftdd.api.environment import RequestError
from ftdd.cli import INTERRUPTED
from ftdd.components import ComponentFailed, DataUnavailable, Unfit, error_words
from ftdd.components.plugins import OWN_PACKAGE
from ftdd.recipe.error import RecipeError
from ftdd.study.files import Unreadable

if TYPE_CHECKING:
    from ftdd.components.plugins import BroughtCommand

COMMANDS = {
    "run": "Run a study: train what is missing, draw its figures.",
    "plan": "Show what a study would do, what the rest will cost, and what it could tell.",
    "validate": "Check recipes; name every mistake with its line.",
    "similarity": "Score how similar the source and the target of a recipe are.",
    "data": "List the data sets, and get them.",
    "advise": "Say how many layers to freeze, what it costs to be wrong, and what would settle it.",
    "results": "Print or write the tables of a study.",
    "compare": "Overlay studies: one figure, and a table of their differences.",
    "watch": "Watch a running study: its runs, with sparklines of the test error.",
    "findings": "What the study shows: seen, not seen, or cannot tell, with effect and interval.",
    "report": "Draw a study's figures and its page again.",
    "list": "List components, plugins, recipes and studies.",
    "show": "Show a component, a recipe or a run.",
    "schema": "Write the JSON schema of recipes, for editors.",
}
"""Name → help of the commands that ship with ftdd; each lives in the module of its name."""


class Commands(click.Group):
    """ftdd's own commands, imported lazily, and those that plugins bring."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands in the order of their use, then the plugins'."""
        return [*COMMANDS, *self._brought()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None where there is none."""
        if cmd_name in COMMANDS:
            command: click.Command = import_module(f"ftdd.cli.{cmd_name}_command").command
            return command
        brought = self._brought().get(cmd_name)
        return brought.command if brought else None

    def invoke(self, ctx: click.Context) -> object:
        """Like click's; what a plugin's command raises is said in a sentence that names the plugin."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, RecipeError, RequestError, Unreadable):
            raise
        except (DataUnavailable, ComponentFailed, Unfit):
            raise
        except KeyboardInterrupt as interrupt:
            if not interrupt.args:
                raise
            return INTERRUPTED  # in the midst of a study, which has said how to go on
        except (SystemExit, BrokenPipeError):
            raise
        except BaseException as error:
            brought = self._brought().get(str(ctx.invoked_subcommand))
            if brought is None or (isinstance(error, OSError) and brought.owner.package == OWN_PACKAGE):
                raise
            words = f"command '{ctx.invoked_subcommand}' of {brought.owner} failed: {error_words(error)}"
            raise click.ClickException(words) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their help, without importing them."""
        brought = {name: one.help for name, one in self._brought().items()}
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if brought:
            with formatter.section("Commands from plugins"):
                formatter.write_dl(list(brought.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with the nearest right name in the message."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from ftdd.components.plugins import nearest

            raise click.UsageError(f"no command '{name}'; {nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def _brought(self) -> "dict[str, BroughtCommand]":
        from ftdd.api.environment import brought_commands

        return brought_commands(tuple(COMMANDS))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(ftdd.__version__, prog_name="ftdd")
def ftdd_command() -> None:
    """Run transfer-learning studies with frozen layers, and learn what they show.

    A recipe says what to train, transfer, freeze and measure; `ftdd run RECIPE` executes it and draws its
    curves. Start with:

    \b
        ftdd run quickstart      a study on handwritten digits, a minute or two
        ftdd show quickstart     its recipe, to copy and change
        ftdd list                everything a recipe may name
    """


def executed(arguments: Sequence[str] | None = None) -> int:
    """Execute what the arguments ask for, and say in a sentence what is wrong; the exit code.

    arguments: those of the process where there are none. Raises KeyboardInterrupt.
    """
    try:
        code = ftdd_command.main(arguments, prog_name="ftdd", standalone_mode=False)
    except RecipeError as error:
        for mistake in error.mistakes:
            click.echo(str(mistake), err=True)
        count = len(error.mistakes)
        click.echo(f"ftdd: {count} mistake{'s' if count > 1 else ''}; nothing was done", err=True)
        code = 2
    except RequestError as error:
        click.UsageError(str(error)).show()
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort as error:  # click's word for Ctrl-C
        raise KeyboardInterrupt from error
    except BrokenPipeError:  # the reader of a pipe has gone, as `| head` does
        sys.stderr.close()
        code = 0
    except (Unreadable, Unfit, DataUnavailable, ComponentFailed) as error:
        click.echo(f"ftdd: {error}", err=True)
        code = 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"ftdd: {where}{error.strerror or error}", err=True)
        code = 1
    return code if isinstance(code, int) else 0
