r"""Loops over the points of many patterns, compiled with numba.

Everything here works on sample-first arrays and is told by its caller what to
draw from; no state, no defaults. Points that are not measured are NaN.

``poisson`` is algorithm PD of Ahrens and Dieter [1]_: a normal deviate, rounded
down, is a Poisson deviate nine times in ten, and exact tests settle the rest, so
that a count costs little more than the normal deviate.

References
----------
.. [1] J. H. Ahrens, U. Dieter, ACM Trans. Math. Softw. 8, 163 (1982).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from .._typing import BoolArray, Float32Array, FloatArray, IntArray, RealArray

__all__ = ["broaden", "count", "count_smooth", "interpolate", "poisson", "warp"]

_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    return cast("_Function", numba.njit(nogil=True, error_model="numpy")(function))


def _vectorised(function: _Function) -> _Function:
    # Sums may be taken in another order, which is what lets them be taken several at a time.
    compiled = numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})(
        function
    )
    return cast("_Function", compiled)


def _inlined(function: _Function) -> _Function:
    # A call would count references to the generator, which takes longer than the deviate.
    compiled = numba.njit(nogil=True, error_model="numpy", inline="always")(function)
    return cast("_Function", compiled)


# --- counting --------------------------------------------------------------------------------

_SMALL_MEAN = 10.0  # below this mean the distribution function is searched
_LARGEST_MEAN = 1e18  # beyond it a count and its mean are the same number
_LAST_NUMBER = 100.0  # beyond it nothing is left of such a distribution
_INV_SQRT_2PI = 0.3989422804014327


@_inlined
def poisson(mean: float, rng: np.random.Generator) -> float:
    """One deviate of the Poisson law."""
    spread = math.sqrt(mean)
    guess = mean + spread * rng.standard_normal()
    uniform = rng.random()
    number: float = np.floor(guess)
    below = mean - number
    # One test for both quick ways to accept, since a branch that is taken at random is slow.
    if not (mean >= _SMALL_MEAN and guess >= 0.0 and 6.0 * mean * mean * uniform >= below**3):
        number = _poisson_by_rejection(mean, spread, guess, number, uniform, rng)
    return number


@_compiled
def _poisson_by_search(mean: float, rng: np.random.Generator) -> float:
    """Go up the distribution function to a uniform deviate; for small means."""
    uniform, term, number = rng.random(), math.exp(-mean), 0.0
    below = term
    while uniform > below and number < _LAST_NUMBER:
        number += 1.0
        term *= mean / number
        below += term
    return number


@_compiled
def _poisson_by_rejection(
    mean: float,
    spread: float,
    guess: float,
    number: float,
    uniform: float,
    rng: np.random.Generator,
) -> float:
    """Settle what the squeeze left open, one draw in a hundred, and small means."""
    if mean < _SMALL_MEAN:
        return _poisson_by_search(mean, rng)
    if not mean < _LARGEST_MEAN:  # nor NaN
        return mean
    if guess >= 0.0:
        px, py, fx, fy = _densities(mean, spread, number)
        if fy * (1.0 - uniform) <= py * math.exp(px - fx):
            return number
    while True:  # from the tails: a double exponential hat
        exponential, side = rng.standard_exponential(), 2.0 * rng.random() - 1.0
        step = 1.8 + (exponential if side >= 0.0 else -exponential)
        if step <= -0.6744:
            continue
        number = np.floor(mean + spread * step)
        px, py, fx, fy = _densities(mean, spread, number)
        hat = 0.1069 / mean * abs(side)
        if hat <= py * math.exp(px + exponential) - fy * math.exp(fx + exponential):
            return number


@_compiled
def _densities(mean: float, spread: float, number: float) -> tuple[float, float, float, float]:
    """Poisson probability py exp(px) and density of the rounded normal fy exp(fx)."""
    if number < 10.0:
        px, py, factor = -mean, 1.0, 1.0
        while factor <= number:
            py *= mean / factor
            factor += 1.0
    else:
        delta = 1.0 / (12.0 * number)
        delta -= 4.8 * delta**3
        v = (mean - number) / number
        if abs(v) > 0.25:
            px = number * math.log1p(v) - (mean - number) - delta
        else:  # v - ln(1 + v) without cancellation, to 1e-7
            series = 0.1421878 + v * (-0.1384794 + v * 0.1250060)
            series = 0.3333333 + v * (-0.2500068 + v * (0.2000118 + v * (-0.1661269 + v * series)))
            px = number * v * v * (-0.5 + v * series) - delta
        py = _INV_SQRT_2PI / math.sqrt(number)
    b1 = 1.0 / (24.0 * mean)
    b2 = 0.3 * b1 * b1
    c3 = b1 * b2 / 7.0
    c2 = b2 - 15.0 * c3
    c1 = b1 - 6.0 * b2 + 45.0 * c3
    c0 = 1.0 - b1 + 3.0 * b2 - 15.0 * c3
    x = (0.5 - mean + number) / spread
    xx = x * x
    fy = _INV_SQRT_2PI / spread * (((c3 * xx + c2) * xx + c1) * xx + c0)
    return px, py, -0.5 * xx, fy


@_compiled
def count(
    expected: RealArray, scale: FloatArray, rng: np.random.Generator, counted: RealArray
) -> None:
    """Fill ``counted`` with n / scale, n of a Poisson law of mean expected * scale."""
    for row in range(len(expected)):
        k, unit = scale[row], 1.0 / scale[row]
        for i in range(expected.shape[1]):
            value = expected[row, i]
            counted[row, i] = value if math.isnan(value) else poisson(value * k, rng) * unit


@_compiled
def count_smooth(
    nodes: RealArray,
    scale: FloatArray,
    stride: int,
    first: FloatArray,
    step: FloatArray,
    splined: BoolArray,
    low: npt.NDArray[np.intp],
    high: npt.NDArray[np.intp],
    rng: np.random.Generator,
    counted: RealArray,
) -> None:
    """Count smooth patterns, given by splines, at points of their own, back onto the grid.

    All lengths are in steps of the grid. Row by row, the not-a-knot cubic spline
    through ``nodes``, which lie ``stride`` apart, is counted at ``first + j step``
    between the points ``low`` and ``high``. Where ``step`` is above 1 the counts are
    brought back onto the grid as :class:`QStandardizer` does it: by a spline, the
    outermost values held, or, where the row is not ``splined`` and ``step`` above 1.5,
    each at the nearest point, NaN between. Outside the range, and where nodes are NaN,
    the result is NaN.
    """
    n = counted.shape[1]
    expected = np.empty(n)
    for row in range(len(nodes)):
        k, unit, h, values = scale[row], 1.0 / scale[row], step[row], nodes[row]
        bend = _spline_moments(values)
        start, stop = low[row], high[row]
        counted[row, :start] = np.nan
        counted[row, stop + 1 :] = np.nan
        n_points = int((stop - start - first[row]) / h) + 1
        if h <= 1.0 or n_points < 4:
            _fill_between_nodes(values, bend, stride, expected)
            for i in range(start, stop + 1):
                mean = max(expected[i], 0.0) * k
                counted[row, i] = poisson(mean, rng) * unit if mean == mean else np.nan
            continue
        points = np.empty(n_points)
        inner, origin, last = h / stride, (start + first[row]) / stride, len(values) - 2
        for j in range(n_points):
            x = origin + j * inner
            node = min(int(x), last)
            t = x - node
            s = 1.0 - t
            mean = s * values[node] + t * values[node + 1]
            mean += (s * (s * s - 1.0) * bend[node] + t * (t * t - 1.0) * bend[node + 1]) / 6.0
            points[j] = max(mean, 0.0) * k
        for j in range(n_points):
            mean = points[j]
            points[j] = poisson(mean, rng) * unit if mean == mean else 0.0
        if h > 1.5 and not splined[row]:
            counted[row, start : stop + 1] = np.nan
            for j in range(n_points):
                place = int(start + first[row] + j * h + 0.5)
                if not math.isnan(values[min(place // stride, last + 1)]):
                    counted[row, min(place, stop)] = points[j]
            continue
        curve = _spline_moments(points)
        counted[row, start : stop + 1] = points[n_points - 1]
        lower = 1.0 / h
        i = start
        while i <= stop and (i - start - first[row]) * lower < 0.0:
            counted[row, i] = points[0]
            i += 1
        for j in range(n_points - 1):  # its cubic over every segment
            rise = points[j + 1] - points[j] - (2.0 * curve[j] + curve[j + 1]) / 6.0
            bend_2, bend_3 = 0.5 * curve[j], (curve[j + 1] - curve[j]) / 6.0
            end = min(stop, int(start + first[row] + (j + 1) * h))
            for here in range(i, end + 1):
                t = (here - start - first[row]) * lower - j
                counted[row, here] = max(points[j] + t * (rise + t * (bend_2 + t * bend_3)), 0.0)
            i = max(i, end + 1)
        for j in range(len(values)):
            if math.isnan(values[j]):
                counted[row, j * stride : (j + 1) * stride] = np.nan


@_compiled
def _fill_between_nodes(
    values: RealArray, bend: FloatArray, stride: int, expected: FloatArray
) -> None:
    """Values of a spline at every point between its nodes, ``stride`` to a node."""
    last = len(values) - 1
    for phase in range(stride):
        t = phase / stride
        s = 1.0 - t
        c, d = s * (s * s - 1.0) / 6.0, t * (t * t - 1.0) / 6.0
        for j in range(last):
            straight = s * values[j] + (t * values[j + 1] if phase else 0.0)
            expected[j * stride + phase] = straight + c * bend[j] + d * bend[j + 1]
    for i in range(last * stride, len(expected)):  # beyond the last node: its cubic goes on
        expected[i] = values[last] if i == last * stride else _spline(values, bend, i / stride)


@_compiled
def _spline(values: RealArray, bend: FloatArray, x: float) -> float:
    """Value of a cubic spline at x, in steps from its first point."""
    j = max(min(int(x), len(values) - 2), 0)
    t = x - j
    s = 1.0 - t
    if t == 0.0:  # a neighbour that is not measured does not matter
        at_node: float = values[j] + 0.0
        return at_node
    bent = s * (s * s - 1.0) * bend[j] + t * (t * t - 1.0) * bend[j + 1]
    value: float = s * values[j] + t * values[j + 1] + bent / 6.0
    return value


@_compiled
def _spline_moments(values: RealArray) -> FloatArray:
    """Second derivatives of the not-a-knot cubic spline through evenly spaced values."""
    n = len(values)
    moments = np.zeros(n)
    if n < 4:
        return moments
    right = np.zeros(n)
    for j in range(1, n - 1):
        bend = 6.0 * (values[j - 1] - 2.0 * values[j] + values[j + 1])
        right[j] = bend if bend == bend else 0.0  # beside what is not measured: straight
    # Not-a-knot is M[0] = 2 M[1] - M[2], so that the equation of point 1 has M[1] alone.
    moments[1], moments[n - 2] = right[1] / 6.0, right[n - 2] / 6.0
    if n > 4:
        upper = np.zeros(n)
        reduced = np.zeros(n)
        reduced[1] = moments[1]
        for j in range(2, n - 2):
            pivot = 4.0 - upper[j - 1]
            upper[j] = 1.0 / pivot
            reduced[j] = (right[j] - reduced[j - 1]) / pivot
        for j in range(n - 3, 1, -1):
            moments[j] = reduced[j] - upper[j] * moments[j + 1]
    moments[0] = 2.0 * moments[1] - moments[2]
    moments[n - 1] = 2.0 * moments[n - 2] - moments[n - 3]
    return moments


# --- the Q axis ------------------------------------------------------------------------------


@_compiled
def interpolate(rows: Float32Array, left: IntArray, part: FloatArray, result: Float32Array) -> None:
    """Straight lines between the points ``left`` and ``left + 1`` of each row."""
    for row in range(len(rows)):
        for i in range(len(left)):
            j = left[i]
            result[row, i] = rows[row, j] + part[i] * (rows[row, j + 1] - rows[row, j])


@_compiled
def warp(
    q: FloatArray,
    rows: RealArray,
    scale: FloatArray,
    shift: FloatArray,
    sine: FloatArray,
    result: RealArray,
) -> None:
    """Values at scale q + shift cos(theta), sin(theta) = sine q, by local cubics.

    Beyond the ends of a pattern its outermost values are held; where sin(theta)
    exceeds 1 the result is NaN.
    """
    n = len(q)
    for row in range(len(rows)):
        node = 0
        for i in range(n):
            square = 1.0 - (sine[row] * q[i]) ** 2
            if square < 0.0:
                result[row, i] = np.nan
                continue
            at = scale[row] * q[i] + shift[row] * math.sqrt(square)
            at = min(max(at, q[0]), q[n - 1])
            if n == 1:
                result[row, i] = rows[row, 0]
                continue
            while node > 0 and q[node] > at:
                node -= 1
            while node < n - 2 and q[node + 1] < at:
                node += 1
            left, right = rows[row, node], rows[row, node + 1]
            h = q[node + 1] - q[node]
            t = (at - q[node]) / h
            rise = right - left
            before = rise
            if node > 0 and not math.isnan(rows[row, node - 1]):
                before = h * (right - rows[row, node - 1]) / (q[node + 1] - q[node - 1])
            after = rise
            if node < n - 2 and not math.isnan(rows[row, node + 2]):
                after = h * (rows[row, node + 2] - left) / (q[node + 2] - q[node])
            if t == 0.0:
                result[row, i] = left
            elif t == 1.0:
                result[row, i] = right
            else:
                s = 1.0 - t
                value = left + t * rise + t * s * (s * (before - rise) - t * (after - rise))
                result[row, i] = max(value, 0.0) if value == value else value


# --- a resolution ----------------------------------------------------------------------------

_REACH, _GAUSSIAN_REACH = 10.0, 2.5  # widths from its centre that a profile is taken by points
_CELL = 16  # points
_LEAST_REACH = 4 * _CELL  # points: from half of it on a Lorentzian is taken by cells
_NARROW = 0.02  # steps: what is narrower changes nothing


@_compiled
def _profile_of_steps(
    w: float, eta: float, half: int, ends: tuple[float, float], weights: RealArray
) -> float:
    """A pseudo-Voigt integrated over steps up to ``half`` from its centre, and their sum.

    The tails of the Lorentzian fade out between two ends: what is lacking is added by cells.
    """
    below, below_gauss, total = 0.0, 0.0, 0.0
    for j in range(half + 1):  # from the centre outwards
        u = (j + 0.5) / w if half else 1e9
        gauss = (1.0 - eta) * 0.5 * math.erf(u * 1.6651092223153954)
        lorentz = eta * math.atan(2.0 * u) / math.pi
        if j == 0:
            part = 2.0 * (gauss + lorentz)
        else:
            part = gauss - below_gauss + (lorentz - below) * _faded(j, ends)
        below, below_gauss = lorentz, gauss
        weights[half + j] = part
        weights[half - j] = part
        total += part if j == 0 else 2.0 * part
    return total


@_compiled
def _faded(distance: float, ends: tuple[float, float]) -> float:
    """From 1 at the first end to 0 at the last, smoothly."""
    t = min(max((distance - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)
    return 1.0 - t * t * (3.0 - 2.0 * t)


@_compiled
def _ends(w: float) -> tuple[float, float]:
    """Between which distances a Lorentzian passes from points to cells."""
    last = max(_REACH * w, float(_LEAST_REACH))
    return 0.5 * last, last


@_compiled
def _tails(w: float, eta: float, ends: tuple[float, float], tail: FloatArray) -> None:
    """Share of a point in the far tails, by how many cells away it is."""
    for m in range(len(tail)):
        x = m * _CELL
        density = eta * w / (2.0 * math.pi * (x * x + 0.25 * w * w)) if m else 0.0
        tail[m] = density * (1.0 - _faded(x, ends))


@_vectorised
def broaden(
    step: float,
    rows: RealArray,
    width: FloatArray,
    eta: FloatArray,
    block: int,
    result: RealArray,
) -> None:
    """Convolve with pseudo-Voigt functions whose width changes from block to block.

    ``width`` (row, block) is a full width at half maximum and ``step`` the distance
    of two points. The profile is integrated over each step, and normalised over the measured
    points. Far from its centre, where a Lorentzian is smooth, it takes the sums of cells.
    """
    n = rows.shape[1]
    weights = np.empty(2 * n + 1, dtype=rows.dtype)
    n_cells = (n + _CELL - 1) // _CELL
    sums, counts = np.empty(n_cells), np.empty(n_cells)
    tail = np.empty(n_cells)
    far, met_far = np.empty(n_cells), np.empty(n_cells)
    for row in range(len(rows)):
        complete = True
        for c in range(n_cells):
            sums[c], counts[c] = 0.0, 0.0
            for i in range(c * _CELL, min((c + 1) * _CELL, n)):
                if math.isnan(rows[row, i]):
                    complete = False
                else:
                    sums[c] += rows[row, i]
                    counts[c] += 1.0
        has_tails = eta[row] > 0.0
        # Far tails first, at the middle of each cell.
        if has_tails:
            for number in range(width.shape[1]):
                w = width[row, number] / step
                first, last = number * block // _CELL, min(n, (number + 1) * block) // _CELL
                last = n_cells if number == width.shape[1] - 1 else last
                if w < _NARROW:
                    for a in range(first, last):
                        far[a], met_far[a] = 0.0, 0.0
                    continue
                _tails(w, eta[row], _ends(w), tail)
                for a in range(first, last):
                    value, met = 0.0, 0.0
                    for c in range(n_cells):
                        value += tail[abs(a - c)] * sums[c]
                        met += tail[abs(a - c)] * counts[c]
                    far[a], met_far[a] = value, met
        for number in range(width.shape[1]):
            start, stop = number * block, min(n, (number + 1) * block)
            w = width[row, number] / step
            if w < _NARROW:
                for i in range(start, stop):
                    result[row, i] = rows[row, i]
                continue
            ends = _ends(w) if has_tails else (_GAUSSIAN_REACH * w, _GAUSSIAN_REACH * w + 1.0)
            half = min(n - 1, math.ceil(ends[1]))
            total = _profile_of_steps(w, eta[row], half, ends, weights)
            for i in range(start, stop):
                if math.isnan(rows[row, i]):
                    result[row, i] = np.nan
                    continue
                beyond, met_beyond = 0.0, 0.0
                if has_tails:
                    place = (i + 0.5) / _CELL - 0.5
                    c = min(max(math.floor(place), 0), max(n_cells - 2, 0))
                    t = min(max(place - c, 0.0), 1.0) if n_cells > 1 else 0.0
                    after = min(c + 1, n_cells - 1)
                    beyond = (1.0 - t) * far[c] + t * far[after]
                    met_beyond = (1.0 - t) * met_far[c] + t * met_far[after]
                low, high = i - half, i + half
                if complete and low >= 0 and high < n:
                    value = rows[row, i] * np.float32(0.0)
                    for j in range(2 * half + 1):
                        value += weights[j] * rows[row, low + j]
                    result[row, i] = (value + beyond) / (total + met_beyond)
                    continue
                met, value = met_beyond, beyond
                for j in range(max(low, 0), min(high, n - 1) + 1):
                    if not math.isnan(rows[row, j]):
                        met += weights[j - low]
                        value += weights[j - low] * rows[row, j]
                result[row, i] = value / met
