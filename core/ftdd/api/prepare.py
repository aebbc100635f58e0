"""What must be there before anything is trained: images, weights, a device, an executor."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

from ftdd.api.environment import RequestError
from ftdd.api.request import Request, check_networks, with_added_runs
from ftdd.components import DataUnavailable, Executor, Unfit, error_words
from ftdd.components.plugins import Plugins, nearest
from ftdd.study.conduct import Machine
from ftdd.study.devices import DeviceUnavailable, fitting_device
from ftdd.study.remarks import sides_of

MIB = 1 << 20


@dataclass(frozen=True)
class Workers:
    """Where and how runs are executed, as it is asked for; nothing of it changes an id.

    Raises RequestError for a number that is too small.
    """

    executor: str | None = None
    """The recipe's, else `local`, where it is left out."""
    workers: int | None = None
    """Runs at once."""
    threads: int = 1
    """Of each worker."""
    device: str | None = None
    """`cpu`, `cuda`, `cuda:1`, `mps`; the recipe's, else the fastest there is, where it is left out."""
    cache_memory: int = 1024
    """MiB of frozen layers' outputs that each worker keeps in memory."""
    cache_disk: int = 8192
    """MiB that it keeps in a file where memory is not enough."""

    def __post_init__(self) -> None:
        for name, least in (("workers", 1), ("threads", 1), ("cache_memory", 0), ("cache_disk", 0)):
            given = getattr(self, name)
            if given is not None:
                check_whole(name, given, least)


def check_whole(name: str, given: object, least: int) -> None:
    """Raises RequestError for what is no whole number of at least `least`."""
    if not isinstance(given, Integral):
        raise RequestError(f"{name}: must be a whole number, got {given!r}")
    if given < least:
        raise RequestError(f"{name}: must be {least} or more, got {given}")


def machine_for(request: Request, workers: Workers) -> Machine:
    """The machine that is asked for. Raises RequestError where there is no such device."""
    header = request.study.header
    try:
        device = fitting_device(workers.device or header.device)
    except DeviceUnavailable as error:
        raise RequestError(str(error)) from error
    caches = workers.cache_memory * MIB, workers.cache_disk * MIB
    return Machine(request.data, device, workers.workers or header.workers, workers.threads, *caches)


def executor_for(plugins: Plugins, name: str | None) -> Executor:
    """The executor of a name, or the default one. Raises RequestError."""
    known = {key: cls for key, cls in plugins.components["executor"].items() if issubclass(cls, Executor)}
    if name is None:
        name = next((key for key, cls in known.items() if cls.default), None)
    if name is None:
        raise RequestError("no executor is installed that could execute runs (ftdd list plugins)")
    if name not in known:
        raise RequestError(f"executor: no executor '{name}'; {nearest(name, known, 'ftdd list executors')}")
    try:
        return known[name]()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # fields that it needs, or its own validators
        raise RequestError(f"executor '{name}' cannot be made with its defaults: {error_words(error)}") from error


def prepare_data(request: Request, say: Callable[[str], None], for_schemes: bool = True) -> None:
    """See that every pair's images and every network's weights are there.

    for_schemes: whether those of the networks that the recipe's schemes look with are meant too.
    Raises DataUnavailable, Unfit or ComponentFailed.
    """
    specs = [point.spec for point in request.study.points]
    for pair in dict.fromkeys(spec.pair for spec in specs):
        pair.prepare(request.data, say)
    for architecture in dict.fromkeys(spec.starting_architecture for spec in specs):
        architecture.prepare(say)
    for scheme in request.study.header.similarity if for_schemes else ():
        scheme.prepare(say)


def _sizes_are_known(request: Request) -> bool:
    """Whether the recipe was checked against the number of images that there are."""
    try:
        for pair, side in sides_of(request.study):
            pair.class_counts(side, request.data)
    except (DataUnavailable, Unfit):
        return False
    return True


def prepared(
    read: Callable[[], Request], workers: Workers, say: Callable[[str], None], for_schemes: bool = True
) -> tuple[Request, Executor, Machine]:
    """A request whose data, networks, executor and device are there.

    read: reads the request; again when images are there, if the number of images was not known before.
    for_schemes: whether what the recipe's schemes need must be there too; else a scheme that lacks it costs its score
    alone. Raises RecipeError, RequestError, DataUnavailable, Unfit or ComponentFailed.
    """
    request = with_added_runs(read())
    known = _sizes_are_known(request)
    machine = machine_for(request, workers)
    executor = executor_for(request.plugins, workers.executor or request.study.header.executor)
    prepare_data(request, say, for_schemes)
    request = request if known else with_added_runs(read())
    check_networks(request)
    return request, executor, machine
