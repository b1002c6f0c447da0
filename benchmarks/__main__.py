"""`python -m benchmarks [NAME …]`: run benchmarks, print their tables, keep them in `benchmarks/results`."""

import argparse
import json
import platform
from importlib import import_module
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
# Modules with a `main()` that returns rows and a `table(rows)` that shows them.
TABLES = ("convolution", "chain", "powers")
# A module whose peers run in environments of their own.
MODELS = "models"
# Modules that write their own results.
OTHERS = ("core",)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"any of {', '.join((*OTHERS, *TABLES, MODELS))}; all if none is given"
    )
    parser.add_argument("--eager", action="store_true", help="leave out peers that take minutes to compile")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="LIBRARY=PATH",
        help="interpreter of a peer of models",
    )
    arguments = parser.parse_args()
    names = arguments.names or [*OTHERS, *TABLES, MODELS]
    for name in names:
        if name not in (*OTHERS, *TABLES, MODELS):
            parser.error(f"there is no benchmark {name!r}; there are {', '.join((*OTHERS, *TABLES, MODELS))}")
        module = import_module(f"benchmarks.{name}")
        if name in OTHERS:
            module.main()
            continue
        command = f"python -m benchmarks {name}{' --eager' * arguments.eager}"
        if name == MODELS:
            rows = module.main(dict(pair.split("=", 1) for pair in arguments.python))
            command = f"python -m benchmarks models{' --python LIBRARY=PATH' * len(arguments.python)}"
        else:
            rows = module.main(compiled=not arguments.eager)
        text = "\n\n".join(
            (
                f"# {name.capitalize()}",
                str(module.__doc__).strip(),
                f"Written by `{command}` on one core of {_processor()}.",
                module.table(rows),
            )
        )
        print(text)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text + "\n")
        (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
