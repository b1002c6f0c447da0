"""What a training is made of: values with names, types and defaults."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cartesian.nn.train.loss import CONVENTIONS

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Steps = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of the configuration; it has no other keys than these."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(Section):
    """Where the structures are.

    Attributes:
        train: One file or several.
        valid: Likewise; or the fraction of the training frames that is held out.
        subset: Number of frames to train on, drawn from those there are; a smaller one is a part of a larger.
        test: Files on which the best model is evaluated at the end; `test.json` in the folder of the run.
        labels: Where the reference of each result stands: a key, or fields of `Label`. By default the keys
            are the names of the results in the loss.
        charge, spin: Key of the total charge, or of the spin in whatever form: the one number that models
            which know of it are told about a whole structure.
        weight, group: Keys of the weight and of the kind of a frame.
        batch: Frames per step, of all processes together.
        stream: Read and convert frames in every epoch, for files larger than memory.
        workers: Processes that do so ahead of the step; 0 does it when the step asks.
        cache: Folder for neighbour lists.
        reference: Energies of the elements: "least squares", "isolated atoms", "none", or by symbol in eV.
    """

    train: str | list[str]
    valid: Fraction | str | list[str] | None = None
    subset: Steps | None = None
    test: str | list[str] | None = None
    labels: dict[str, str | dict[str, Any]] = {}
    charge: str | None = None
    spin: str | None = None
    weight: str | None = None
    group: str = "config_type"
    batch: Steps = 8
    stream: bool = False
    workers: Annotated[int, Field(ge=0)] = 1
    cache: str | None = None
    reference: dict[str | int, float] | Literal["least squares", "isolated atoms", "none"] = "least squares"

    @property
    def attribute(self) -> str | None:
        """The key of the one number."""
        return self.charge or self.spin


class LossConfig(Section):
    """See `cartesian.nn.train.loss.Loss`; "auto" weights are those of `cartesian.nn.train.weights`."""

    weights: dict[str, float | tuple[float, float] | Literal["auto"]] = {"energy": 1.0, "forces": 10.0}
    convention: Literal[*CONVENTIONS] = "L_D"  # type: ignore[valid-type]
    huber: dict[str, Positive] = {}


class OptimizerConfig(Section):
    """Which optimiser, and its constants.

    Attributes:
        name: "adamw", "adam", "amsgrad", or "muon" for matrices with AdamW for the rest.
        rate: Learning rate.
        decay: Of weights, not of biases.
        betas, eps: Of Adam.
        momentum: Of Muon.
        matrices: Those that Muon moves, "all" or "hidden", which leaves to AdamW what reads radial functions
            and what has a single row or column.
    """

    name: Literal["adamw", "adam", "amsgrad", "muon"] = "adamw"
    rate: Positive = 0.002
    decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: Positive = 1e-8
    momentum: Fraction = 0.95
    matrices: Literal["all", "hidden"] = "all"


class ScheduleConfig(Section):
    """See `cartesian.nn.train.schedules`; `factor` and `patience`, in validations, are of the plateau."""

    name: Literal["constant", "cosine", "exponential", "linear", "plateau"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 0
    final: Annotated[float, Field(ge=0, le=1)] = 0.01
    factor: Fraction = 0.5
    patience: Annotated[int, Field(ge=0)] = 10


class StopConfig(Section):
    """When to stop before the last epoch: after so many validations without a new best."""

    patience: Steps | None = None


class CheckpointConfig(Section):
    """How often the state of the run is written besides the end of each epoch."""

    steps: Steps | None = None
    seconds: Positive | None = 300.0


class LogsConfig(Section):
    """Logs beside `log.csv` and `log.jsonl`: TensorBoard in `tensorboard/`, a project of Weights & Biases."""

    tensorboard: bool = False
    wandb: str | None = None


class TrainConfig(Section):
    """A training.

    Attributes:
        run: Folder of the run.
        model: Its name and settings, such as `{name: HotPP, cutoff: 5.0}`. Elements, neighbours, scales and
            reference energies that are not given come from the training set.
        start: Folder of a model to start from (fine-tuning); then `model` holds what shall differ.
        scales: When starting from a model: "keep" its reference energies for the elements it knows, or take
            them all from the new "data".
        epochs: Passes over the training set.
        minutes: The run ends within this time, with fewer epochs if need be; the schedule is spread over
            those that fit, as they are timed. So another run does not repeat it exactly.
        validate_every: Epochs between validations.
        average: Decay of the moving average of the weights, which are validated and saved; 0 for none. It is
            at most (1 + step) / (10 + step), so that a short run is averaged over its last tenth.
        clip: Largest norm of the gradient.
        dtype: Of weights and positions; sums of energies and losses are float64 in any case.
        matmul: Precision of products of float32 matrices: "highest"; "high" (TF32 on GPUs); "medium"
            (bfloat16 factors, float32 sums, where the hardware has it).
        compile: Whether steps are compiled: faster where models and batches are small, after some minutes at
            the start of the first such run. Needs a C++ compiler.
        device: "auto" takes a GPU if there is one.
        seed: Of the first weights, the order of the frames and everything drawn.
    """

    run: str
    model: dict[str, Any] = {}
    data: DataConfig
    start: str | None = None
    scales: Literal["keep", "data"] = "keep"
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    epochs: Steps = 100
    minutes: Positive | None = None
    validate_every: Steps = 1
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999
    clip: Positive | None = 10.0
    stop: StopConfig = StopConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    logs: LogsConfig = LogsConfig()
    dtype: Literal["float32", "float64"] = "float32"
    matmul: Literal["highest", "high", "medium"] = "highest"
    compile: bool = False
    device: str = "auto"
    seed: Annotated[int, Field(ge=0)] = 0
