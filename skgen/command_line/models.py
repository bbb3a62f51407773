"""``skgen models``: the estimators of the library by the names that they have here."""

import argparse
import inspect
import re

from skgen.base import REGISTRY
from skgen.command_line.messages import UserError, nearest, print_result

DEFAULT_MODEL = "vq-diffusion-bridge"


def _kebab(name: str) -> str:
    """Return FlowMatcher as flow-matcher."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def known_models() -> dict[str, type]:
    """Return the library's estimators by the names that they have here."""
    library = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("skgen.")}
    return {_kebab(name): cls for name, cls in sorted(library.items())}


def list_models(options: argparse.Namespace) -> int:
    """List the models, or the parameters of one."""
    models = known_models()
    docs = {name: inspect.getdoc(cls) or "" for name, cls in models.items()}
    if options.name is None:
        width = max(map(len, docs))
        lines = [f"{name:<{width}}  {text.splitlines()[0]}\n" for name, text in docs.items()]
        print_result("".join(lines))
        return 0
    if options.name not in docs:
        raise UserError(f"there is no model {options.name!r}; {nearest(options.name, docs)}")
    summary, _, rest = docs[options.name].partition("\n")
    # Up to the title of the next section.
    parameters = re.split(r"\n\n(?=\w+\n-+\n)", rest.partition("Parameters\n----------\n")[2])[0]
    print_result(f"{summary}\n\n{parameters}\n")
    return 0
