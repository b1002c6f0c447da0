"""Pictures of a potential: predictions and references, a training, the energy of a simulation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cartesian.nn.report.evaluation import Comparison
from cartesian.nn.report.units import MILLI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, GREY = "#1f6f8b", "#8a8f98"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "figure.dpi": 110,
}


def parity(comparisons: Sequence[Comparison]) -> "Figure":
    """Predictions against references, a panel for each quantity; on the line they agree.

    Energies are counted from the mean reference of their composition, so that structures are compared, not
    molecules.
    """
    figure, panels = _figure(len(comparisons), width=2.9, height=2.9)
    for panel, one in zip(panels, comparisons, strict=True):
        x, y = one.reference, one.predicted
        if one.name in ("energy", "energies"):
            center = _means(one)
            x, y = x - center, y - center
        x, y = x.ravel(), y.ravel()
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        margin = 0.05 * (high - low) + 1e-12
        panel.plot([low, high], [low, high], color=GREY, linewidth=0.8, zorder=1)
        alpha = float(np.clip(300 / len(x), 0.15, 0.8))
        panel.scatter(x, y, s=7, color=BLUE, alpha=alpha, linewidths=0, rasterized=True, zorder=2)
        panel.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
        panel.set_box_aspect(1)
        rmse = np.sqrt(np.square(one.predicted - one.reference).mean())
        _title(panel, one.name)
        panel.text(0.04, 0.96, f"RMSE {rmse:.3g} {one.unit}", transform=panel.transAxes, va="top")
        panel.set_xlabel(f"reference ({one.unit})")
        panel.set_ylabel("predicted")
        panel.locator_params(nbins=5)
    return figure


def _means(one: Comparison) -> np.ndarray:
    """The mean reference of the composition of each row."""
    means = np.zeros_like(one.reference)
    for composition in np.unique(one.compositions):
        rows = one.compositions == composition
        means[rows] = one.reference[rows].mean(axis=0)
    return means


def learning_curve(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """Loss, and validation errors relative to their first, by epoch; from the rows of `log.jsonl`."""
    figure, (left, right) = _figure(2, width=4.3, height=2.9)
    for name, color in (("train_loss", GREY), ("valid_loss", BLUE)):
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        if points:
            left.plot(*zip(*points, strict=True), color=color, label=name.replace("_", " "))
    left.set(xlabel="epoch", yscale="log")
    left.legend(frameon=False)
    _title(left, "loss")
    names = [name for name in rows[-1] if name.endswith("_rmse")]
    for name in names if "energy_per_atom_rmse" not in names else [n for n in names if n != "energy_rmse"]:
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        epochs, values = np.array(points, dtype=float).T
        right.plot(epochs, values / values[0], label=name.removesuffix("_rmse").replace("_", " "))
    right.set(xlabel="epoch", yscale="log")
    right.legend(frameon=False)
    _title(right, "validation RMSE, relative to the first")
    return figure


def energy_drift(times: np.ndarray, energies: Mapping[str, np.ndarray], title: str) -> "Figure":
    """Energies of a simulation, counted from their first values.

    Args:
        times: In fs.
        energies: Curves by name, in eV.
        title: Of the picture.
    """
    figure, (left, right) = _figure(2, width=4.3, height=2.9)
    for (name, values), color in zip(energies.items(), (GREY, "#c98a3a", BLUE), strict=False):
        left.plot(times, values - values[0], color=color, label=name, linewidth=1.1)
    left.set(xlabel="time (fs)", ylabel="change (eV)")
    # Curves that swing fill the panel, so the legend stands below it.
    left.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    _title(left, title)
    name, values = list(energies.items())[-1]
    right.plot(times, MILLI * (values - values[0]), color=BLUE, linewidth=1.1)
    right.set(xlabel="time (fs)", ylabel="change (meV)")
    _title(right, f"{name} alone")
    return figure


def _title(panel: Any, text: str) -> None:
    panel.set_title(text, loc="left", fontsize=10)


def _figure(count: int, width: float, height: float) -> tuple["Figure", list[Any]]:
    """A row of panels, in rows of four; drawn without a display."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "pictures need matplotlib: pip install 'cartesian-tensors[nn]'", name="matplotlib"
        ) from None
    columns = min(count, 4)
    rows = -(-count // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[count:]:
        panel.remove()
    return figure, list(panels[:count])
