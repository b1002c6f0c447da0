"""`python -m benchmarks [NAME …]`: run benchmarks, print their tables, keep them in `benchmarks/results`."""

import argparse
import json
import platform
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
# Modules with a `main(…)` that returns rows and takes the options it knows, and a `table(rows)`.
TABLES = ("convolution", "forming", "chain", "powers", "harmonics", "linear", "memory", "models", "epoch")
# Modules that write their own results, and one that draws those of all.
OTHERS = ("core", "plots")


def main() -> None:
    names = ("core", *TABLES, "plots")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(names)}; all if none is given")
    parser.add_argument("--eager", action="store_true", help="leave out peers that take minutes to compile")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where to run; the CPU if it is not given"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="LIBRARY=PATH",
        help="interpreter of a peer of models or powers",
    )
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in names:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(names)}")
    for name in arguments.names or names:
        module = import_module(f"benchmarks.{name}")
        if name in OTHERS:
            module.main()
            continue
        options = {
            "compiled": not arguments.eager,
            "device": arguments.device,
            "pythons": dict(pair.split("=", 1) for pair in arguments.python),
        }
        known = signature(module.main).parameters
        if arguments.device == "cpu" or "device" in known:
            _write(name, arguments, module.main(**{k: v for k, v in options.items() if k in known}), module)
        elif arguments.names:
            parser.error(f"{name} runs on the CPU only")


def _write(name: str, arguments: argparse.Namespace, rows: list[dict[str, Any]], module: Any) -> None:
    """Print the table, and keep it with its numbers; that of a GPU beside that of the CPU."""
    known = signature(module.main).parameters
    command = f"python -m benchmarks {name}{' --eager' * (arguments.eager and 'compiled' in known)}"
    if "pythons" in known:
        command += "".join(f" --python {pair.partition('=')[0]}=PATH" for pair in arguments.python)
    where, file = f"{getattr(module, 'CORES', 'one core')} of {_processor()}", name
    if arguments.device == "cuda":
        where, file = _gpu(), f"{name}-gpu"
        command += " --device cuda"
    text = "\n\n".join(
        (
            f"# {file.replace('-gpu', ' on a GPU').capitalize()}",
            str(module.__doc__).strip(),
            f"Written by `{command}` on {where}.",
            module.table(rows),
        )
    )
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{file}.md").write_text(text + "\n")
    numbers = RESULTS / f"{file}.json"
    numbers.write_text(json.dumps(rows, indent=1) + "\n")
    try:
        from benchmarks.plots import picture
    except ImportError as error:
        print(f"without a picture: {error}")
    else:
        picture(numbers)


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
