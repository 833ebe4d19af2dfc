"""Draws plots and bars as SVG files, readable on light and dark pages.

Invariant: the same figures give the same file, byte for byte, so that a picture changes only when its figures do.
"""

from pathlib import Path
from typing import Any

from bench.findings.finding import Spread
from bench.findings.plot import Bars, Picture, Plot

SIZE_INCHES = (7.2, 3.8)
# Every kind of colour vision tells these colours apart (Okabe and Ito), and each line has marks of its own.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKS = "os^Dv<>"
OURS, PEERS_COLOUR = "Frontview", "#9a9a9a"
FEW_DECADES = 20  # A shorter logarithmic axis also has numbers between its powers of ten.
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "frontview",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}


class NoDrawingLibrary(Exception):
    """Matplotlib is not installed: the extra ``bench`` has it."""


def draw(picture: Picture, folder: Path, caption: str) -> Path:
    """Write one picture and return its file.

    :param caption: the text under the picture: what it was measured on.
    :raises NoDrawingLibrary: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context  # noqa: PLC0415  optional, and slow to import
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NoDrawingLibrary from error
    path = folder / f"bench-{picture.name}.svg"
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(picture.title, loc="left", fontweight="bold")
        if isinstance(picture, Plot):
            _lines(axes, picture)
        else:
            _bars(axes, picture)
        figure.supxlabel(caption, fontsize=8, color="#666666")
        figure.savefig(path, metadata={"Date": None})
    return path


def _lines(axes: Any, plot: Plot) -> None:
    for number, (name, points) in enumerate(plot.lines.items()):
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        across = [x for x, _ in points]
        axes.plot(across, [it.median for _, it in points], color=colour, marker=mark, markersize=4, label=name)
        axes.fill_between(across, [it.low for _, it in points], [it.high for _, it in points], color=colour, alpha=0.15)
    for axis in "xy":
        if axis in plot.logarithmic:
            getattr(axes, f"set_{axis}scale")("log")
            _plain_ticks(getattr(axes, f"{axis}axis"))
        else:
            axes.set_ylim(bottom=0) if axis == "y" else axes.set_xlim(left=0)
    axes.set_xlabel(plot.across)
    axes.set_ylabel(plot.up)
    axes.legend()


def _bars(axes: Any, bars: Bars) -> None:
    names, values = list(bars.bars), list(bars.bars.values())
    colours = [COLOURS[0] if name.startswith(OURS) else PEERS_COLOUR for name in names]
    drawn = axes.barh(names, [it.median for it in values], xerr=_errors(values), color=colours, ecolor="#555555")
    axes.bar_label(drawn, [f" {it.median:,.3g}" if it.median < 1000 else f" {it.median:,.0f}" for it in values])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(bars.up)
    axes.margins(x=0.15)
    if bars.logarithmic:
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis)


def _errors(values: list[Spread]) -> tuple[list[float], list[float]]:
    return [it.median - it.low for it in values], [it.high - it.median for it in values]


def _plain_ticks(axis: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415  as above

    low, high = axis.get_view_interval()
    axis.set_major_formatter(_plain_number)
    axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axis.set_minor_formatter(_plain_number if high / low < FEW_DECADES else NullFormatter())


def _plain_number(value: float, _position: int | None = None) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
