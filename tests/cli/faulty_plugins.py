"""A package of plugins with one fault each, installed where only a PYTHONPATH finds it."""

from pathlib import Path

HEAD = """
from typing import Any, ClassVar, Literal
import ftdd
from ftdd.components import (
    Analysis, Architecture, Executor, Finding, Pair, Policy, Scheme, Score
)
"""

POLICY = (
    HEAD
    + '''
class P(Policy):
    """A policy."""
    policy: Literal["{name}"] = "{name}"
    {fields}
    def frozen(self, layers, epoch):
        {body}

@ftdd.hookimpl
def ftdd_policies():
    return [P]
'''
)


def policy(name: str, body: str = "return frozenset()", fields: str = "") -> str:
    return POLICY.format(name=name, body=body, fields=fields)


def architecture(name: str, layers: str, build: str) -> str:
    return (
        HEAD
        + f'''
class A(Architecture):
    """A network."""
    name: Literal["{name}"] = "{name}"
    def layers(self, image, classes):
        {layers}
    def build(self, image, classes):
        from math import prod
        import torch
        from torch import nn
        from ftdd.networks.chain import Chain
        flat, hidden, head = nn.Flatten(), nn.Linear(prod(image), 8), nn.Linear(8, classes)
        {build}

@ftdd.hookimpl
def ftdd_architectures():
    return [A]
'''
    )


def analysis(name: str, body: str) -> str:
    return (
        HEAD
        + f'''
class A(Analysis):
    """An analysis."""
    name: Literal["{name}"] = "{name}"
    def findings(self, study):
        {body}

@ftdd.hookimpl
def ftdd_analyses():
    return [A]
'''
    )


def scheme(name: str, body: str) -> str:
    return (
        HEAD
        + f'''
class S(Scheme):
    """A scheme."""
    name: Literal["{name}"] = "{name}"
    def score(self, given):
        {body}

@ftdd.hookimpl
def ftdd_schemes():
    return [S]
'''
    )


NAMES = 'return ("first", "second", "head")'
CHAIN = 'return Chain([("first", nn.Sequential(flat, hidden)), ("second", nn.Linear(8, 8)), ("head", head)])'

REFUSED = {
    "misspelt_on_object": (
        HEAD + "class Plugin:\n    @ftdd.hookimpl\n    def ftdd_polices(self): return []\nplugin = Plugin()\n",
        "implements an unknown hook 'ftdd_polices'; nearest: ftdd_policies",
    ),
    "wrong_specname": (
        HEAD + "@ftdd.hookimpl(specname='ftdd_polices')\ndef mine(): return []\n",
        "implements an unknown hook 'ftdd_polices'",
    ),
    "newer_hook": (
        HEAD + "@ftdd.hookimpl\ndef ftdd_augmentations(): return []\n",
        "a hook of a newer ftdd is marked @ftdd.hookimpl(optionalhook=True)",
    ),
    "wrong_argument": (
        HEAD + "@ftdd.hookimpl\ndef ftdd_run_finished(run, outcome): ...\n",
        "it asks for 'outcome', which ftdd_run_finished has not; the hook has study, run, state",
    ),
    "takes_anything": (
        HEAD + "@ftdd.hookimpl\ndef ftdd_run_finished(run, **others): ...\n",
        "'**others' says not which of the hook's arguments it takes; name those of study, run, state",
    ),
    "keyword_only": (
        HEAD + "@ftdd.hookimpl\ndef ftdd_run_finished(*, run): ...\n",
        "its argument 'run' is one by keyword only, which pluggy does not give",
    ),
    "needs_an_instance": (
        HEAD + "class plugin:\n    @ftdd.hookimpl\n    def ftdd_policies(self): return []\n",
        "let the entry point name an instance",
    ),
    "is_a_wrapper": (
        HEAD + "@ftdd.hookimpl(wrapper=True)\ndef ftdd_policies():\n    return (yield)\n",
        "marks ftdd_policies as a wrapper",
    ),
    "is_partial": (
        HEAD + "import functools\nftdd_run_finished = ftdd.hookimpl(functools.partial(lambda run: None))\n",
        "has a partial as ftdd_run_finished; pluggy calls functions and methods",
    ),
    "is_async": (
        HEAD + "@ftdd.hookimpl\nasync def ftdd_run_finished(): ...\n",
        "has an async ftdd_run_finished, which would never run",
    ),
    "returns_none": (HEAD + "@ftdd.hookimpl\ndef ftdd_policies(): ...\n", "it returns None, and not a list"),
    "exits": (HEAD + "@ftdd.hookimpl\ndef ftdd_policies(): raise SystemExit(3)\n", "SystemExit: 3"),
    "panics": (HEAD + "class Panic(BaseException): ...\nraise Panic('rust')\n", "could not be imported: Panic: rust"),
    "random_default": (
        policy(
            "random_default", fields="seed: float = pydantic.Field(default_factory=__import__('random').random)"
        ).replace("import ftdd\n", "import ftdd, pydantic\n"),
        "has a default of 'seed' that is another one each time",
    ),
    "bare_tuple": (policy("bare_tuple", fields="sizes: tuple = ()"), "may be a tuple of anything, which cannot be"),
    "list_field": (
        policy("list_field", fields="sizes: list[int] = [1]"),
        "has a field 'sizes' that may be a list, which cannot be hashed",
    ),
    "any_field": (policy("any_field", fields="what: Any = None"), "has a field 'what' that may be anything"),
    "field_like_method": (
        architecture("fl", NAMES, CHAIN)
        .replace('"fl"\n', '"fl"\n    layers: int = 3\n')
        .replace("def layers", "def x"),
        "has a field 'layers', which is the name of something else in every architecture",
    ),
    "field_like_pydantic": (policy("fp", fields='copy: str = "no"'), "has a field 'copy', which is the name of"),
    "no_annotation": (policy("no_annotation", fields="width = 4"), "A non-annotated attribute was detected"),
    "other_tag": (
        policy("other_tag").replace('Literal["other_tag"] =', 'Literal["other_tag", "b"] ='),
        "one word, the same twice",
    ),
    "odd_name": (policy("Odd Name!"), "is called 'Odd Name!'; a name is a lower-case letter"),
    "reserved_name": (policy("all"), "which means something else in a recipe"),
    "extra_allowed": (
        policy("extra_allowed", fields='model_config = {"extra": "allow"}'),
        "sets extra to 'allow' in its model_config",
    ),
    "no_schema": (
        policy("no_schema", fields="how: __import__('typing').Callable[[int], int]"),
        "has fields that a recipe cannot say, for they have no JSON schema",
    ),
    "not_frozen": (policy("not_frozen", fields='model_config = {"frozen": False}'), "sets frozen to False"),
    "wrong_default": (policy("wrong_default", fields='width: int = "wide"'), "refuses its own defaults"),
    "depth_nowhere": (
        policy("depth_nowhere", fields='depth: ClassVar = ("upto",)'),
        "has depth = ('upto',), and no field 'upto'",
    ),
    "depth_text": (
        policy("depth_text", fields='depth: ClassVar = "upto"\n    upto: int = 0'),
        "has depth = 'upto'; it must be a tuple of fields",
    ),
    "wrong_constant": (
        analysis("wc", "return []").replace("def findings", 'rank = "x"\n    def findings'),
        "rank = 'x'",
    ),
}
"""Refused when plugins are loaded: source, and a part of the sentence."""

SPOKEN_OF = {
    "prints": (policy("prints") + "print('hello')\n", "prints when it is imported ('hello')"),
    "moves_away": (
        policy("moves_away") + "__import__('os').chdir('/')\n",
        "changes the working folder when it is imported, which was undone",
    ),
    "deaf_to_ctrl_c": (
        policy("deaf_to_ctrl_c") + "import signal\nsignal.signal(signal.SIGINT, lambda *_: None)\n",
        "changes what Ctrl-C does",
    ),
    "shallow": (
        policy("shallow") + "__import__('sys').setrecursionlimit(60)\n",
        "changes the recursion limit",
    ),
    "no_equality": (
        policy("no_equality", fields="def __eq__(self, other): 1 / 0\n    __hash__ = Policy.__hash__"),
        "refuses its own example {}: ZeroDivisionError",
    ),
    "unmarked": (policy("unmarked").replace("@ftdd.hookimpl", ""), "has a function ftdd_policies without @ftdd.hook"),
    "wrong_example": (
        policy("wrong_example", fields='examples: ClassVar = ({"width": "wide"},)\n    width: int = 3'),
        "policy 'wrong_example' (plugin 'wrong_example' of faulty 1.0) refuses its own example",
    ),
}
"""Loaded, and spoken of."""

COMMANDS = {
    "command_none": ("return None", "failed in ftdd_commands: it returns None, and not a list"),
    "command_raises": ("raise RuntimeError('no commands')", "failed in ftdd_commands: RuntimeError: no commands"),
    "command_class": ("return [click.Command]", "as a command, which is no click.Command"),
    "command_number": ("return [3]", "brings 3 as a command"),
    "command_run": ("return [click.Command('run')]", "brings a command 'run', which is ftdd's own"),
    "command_odd": ("return [click.Command('Two words')]", "brings a command called 'Two words'"),
    "command_helpless": (
        "return [type('C', (click.Command,), {'get_short_help_str': lambda self, limit: 1 / 0})('helpless')]",
        "command 'helpless' of plugin 'command_helpless' of faulty 1.0 has no help: ZeroDivisionError",
    ),
    "command_twice": ("return [click.Command('ui')]", "command 'ui' is brought by"),
}
"""What `ftdd_commands` does, and a part of the sentence."""

MISTAKES = {
    "layers_raise": (architecture("layers_raise", "1 / 0", CHAIN), "failed in layers: ZeroDivisionError"),
    "layers_none": (architecture("layers_none", "return None", CHAIN), "layers gave None; it must be a tuple"),
    "build_raises": (architecture("build_raises", NAMES, "raise KeyError('w')"), "failed in build: KeyError: 'w'"),
    "build_other": (
        architecture("build_other", NAMES, "return nn.Sequential(flat, head)"),
        "must be an ftdd.networks.chain.Chain",
    ),
    "other_layers": (
        architecture("other_layers", 'return ("first", "other", "head")', CHAIN),
        "layers says first, other, head, but build gives first, second, head",
    ),
    "seeds": (architecture("seeds", NAMES, f"torch.manual_seed(1); {CHAIN}"), "build seeds torch's generator"),
    "tied": (
        architecture(
            "tied",
            NAMES,
            "second = nn.Linear(8, 8); third = nn.Linear(8, 8); third.weight = second.weight; "
            'return Chain([("first", nn.Sequential(flat, hidden, second)), ("second", third), ("head", head)])',
        ),
        "share the weight 'weight': freeze both or neither",
    ),
    "other_classes": (
        architecture("other_classes", NAMES, CHAIN.replace('("head", head)', '("head", nn.Linear(8, 3))')),
        "the network gives (2, 3) for two images; it must give (2, 5)",
    ),
    "frozen_raises": (policy("frozen_raises", "raise ValueError('why')"), "failed in frozen: ValueError: why"),
    "frozen_static": (
        policy("frozen_static", "return 3").replace(
            "    def frozen(self, layers", "    @staticmethod\n    def frozen(layers"
        ),
        "frozen gave 3; it must be a frozenset",
    ),
    "frozen_none": (policy("frozen_none", "return None"), "frozen gave None; it must be a frozenset"),
    "frozen_names": (policy("frozen_names", "return ['stem']"), "frozen gave ['stem']; it must be a frozenset"),
    "frozen_head": (policy("frozen_head", "return frozenset({len(layers) - 1})"), "frozen gave the head 'head'"),
    "frozen_outside": (policy("frozen_outside", "return frozenset({99})"), "frozen gave layer 99, which is not there"),
    "frozen_random": (
        policy("frozen_random", "import random; return frozenset(random.sample(range(9), 4))"),
        "when it was asked again; it must be a function of its arguments alone",
    ),
}
"""What a recipe that names it is told by `ftdd validate`."""

COSTS_ITSELF = {
    "finding_maybe": (
        analysis("finding_maybe", 'return [Finding("finding_maybe", "It is so.", "maybe", "")]'),
        "analysis 'finding_maybe' (plugin 'finding_maybe' of faulty 1.0): findings gave a finding",
    ),
    "finding_nan": (
        analysis("finding_nan", 'return [Finding("finding_nan", "So.", "seen", "", effect=float("nan"))]'),
        "with the effect nan; it must be a finite number or None",
    ),
    "finding_of_another": (
        analysis("finding_of_another", 'return [Finding("freezingwise", "So.", "seen", "")]'),
        "findings gave a finding of the analysis 'freezingwise'; it speaks for itself alone",
    ),
    "finding_unwritable": (
        analysis("finding_unwritable", 'return [Finding("finding_unwritable", "\\ud800", "seen", "")]'),
        "that is no printable text",
    ),
    "findings_many": (
        analysis("findings_many", 'return [Finding("findings_many", "So.", "seen", "")] * 20_000'),
        "findings gave 20,000 findings; 1,000 at most",
    ),
    "findings_panic": (
        analysis("findings_panic", "study.runs.drop(study.runs.index, inplace=True); raise GeneratorExit"),
        "failed in findings: GeneratorExit",
    ),
    "findings_none": (analysis("findings_none", "return None"), "findings gave None; it must be a sequence of Finding"),
    "findings_raise": (analysis("findings_raise", "1 / 0"), "failed in findings: ZeroDivisionError"),
    "findings_yield": (
        analysis("findings_yield", "yield Finding('findings_yield', 'So.', 'not seen', ''); 1 / 0"),
        "failed in findings: ZeroDivisionError",
    ),
    "score_float": (scheme("score_float", "return 0.5"), "score gave 0.5; it must be an ftdd.components.Score"),
    "score_nan": (scheme("score_nan", "return Score(float('nan'))"), "which is no number to compare"),
    "score_raises": (scheme("score_raises", "1 / 0"), "failed in score: ZeroDivisionError"),
    "listener": (
        HEAD + "@ftdd.hookimpl\ndef ftdd_run_finished(run): raise RuntimeError('deaf')\n",
        "plugin listener (faulty 1.0) failed in ftdd_run_finished: RuntimeError: deaf",
    ),
}
"""What it costs a study: itself, and a sentence."""

WORKS = policy("works", "return frozenset({0})") + (
    "\nclass _Shy:\n    def __getattr__(self, name): raise RuntimeError('not now')\n"
    "    def __call__(self): ...\n"
    "\nshy = _Shy()\n"
    "\n@ftdd.hookimpl(optionalhook=True)\ndef ftdd_of_a_newer_version(thing): ...\n"
    "\n@ftdd.hookimpl(specname='ftdd_study_started', tryfirst=True)\ndef begins(study): ...\n"
)


def install(site: Path, *groups: str) -> Path:
    """Write the package `faulty` into a folder: the plugin `works`, and all of the groups named."""
    given = {"refused": REFUSED, "spoken_of": SPOKEN_OF, "mistakes": MISTAKES, "costs_itself": COSTS_ITSELF}
    sources = {name: source for group in groups if group in given for name, (source, _) in given[group].items()}
    if "commands" in groups:
        for name, (body, _) in COMMANDS.items():
            sources[name] = f"{HEAD}import click\n@ftdd.hookimpl\ndef ftdd_commands():\n    {body}\n"
    info = site / "faulty-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    lines = []
    for name, source in {**sources, "works": WORKS}.items():
        (site / f"faulty_{name}.py").write_text(source)
        member = ":plugin" if "plugin = Plugin()" in source or "class plugin:" in source else ""
        lines.append(f"{name} = faulty_{name}{member}")
    (info / "entry_points.txt").write_text("[ftdd]\n" + "\n".join(lines) + "\n")
    return site
