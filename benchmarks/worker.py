"""One model in a process of its own: `python -m benchmarks.worker LIBRARY MODEL ARRAYS.npz DTYPE`.

Libraries ask for versions of others that exclude each other, so each runs where it is installed. The process
says what it is, then runs once for every line it reads, `inference` or `training`, and answers with the
milliseconds of processor time; `memory` is answered with the peak in MiB since the process began to compute.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np
import torch

from benchmarks.systems import Arrays

Predict = Callable[[], tuple[torch.Tensor, torch.Tensor]]


class Subject:
    """A model with everything that is not timed: its graph and its parameters.

    Args:
        predict: Energies and forces, to be differentiated if the model is in training.
        model: Whose parameters are trained.
        notes: What the reader has to know.
    """

    def __init__(self, predict: Predict, model: torch.nn.Module, notes: str = "") -> None:
        self.predict, self.notes, self.model = predict, notes, model
        self.parameters = [p for p in model.parameters() if p.requires_grad]

    def inference(self) -> None:
        """Energies and forces, while parameters are constants, as in calculators."""
        self.predict()

    def training(self) -> None:
        """The gradient of a loss of energies and forces."""
        energies, forces = self.predict()
        loss = forces.square().mean() + 1e-3 * energies.square().mean()
        torch.autograd.grad(loss, self.parameters, allow_unused=True)


def main() -> None:
    library, name, path, dtype = sys.argv[1:]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    system: Arrays = dict(np.load(path))
    # What a library prints is not an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    subject = import_module(f"benchmarks.libraries.{library}").MODELS[name](system)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(p.numel() for p in subject.parameters)
    print(json.dumps({"parameters": count, "notes": subject.notes}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            answer = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
        else:
            run = getattr(subject, line.strip())
            subject.model.train(line.strip() == "training")
            for parameter in subject.parameters:
                parameter.requires_grad_(line.strip() == "training")
            begin = time.process_time()
            run()
            answer = 1e3 * (time.process_time() - begin)
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
