// Plots, in the colours of the page.

const drawn = new Map(); // element -> how it is drawn again, in other colours
const CONFIG = { responsive: true, displaylogo: false, doubleClick: "reset", modeBarButtonsToRemove: ["lasso2d", "select2d", "toImage"] };

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const draw of drawn.values()) draw();
});

function faint(name, share) {
  const [r, g, b] = [1, 3, 5].map((k) => parseInt(colour(name).slice(k, k + 2), 16));
  return `rgba(${r},${g},${b},${share})`;
}

function axis(title, more = {}) {
  return { title: { text: title, standoff: 8 }, gridcolor: colour("grid"), zerolinecolor: colour("grid"), linecolor: colour("line"), automargin: true, ...more };
}

const isNarrow = () => innerWidth < 560;

function layout(more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("text") },
    margin: { l: 12, r: 12, t: 10, b: 12 }, hovermode: "closest",
    hoverlabel: { bgcolor: colour("panel"), font: { color: colour("text") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("accent") },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal", font: { size: isNarrow() ? 11 : 13 }, itemwidth: 30 },
    ...more,
  };
}

function plot(element, draw) {
  const again = () => {
    const [data, told] = draw();
    return window.Plotly.react(element, data, layout(told), CONFIG);
  };
  drawn.set(element, again);
  again();
}

export function forget(element) {
  if (drawn.delete(element)) window.Plotly.purge(element);
}

const angle = (q, wavelength) => {
  const sine = (q * wavelength) / (4 * Math.PI);
  return sine < 1 ? (360 / Math.PI) * Math.asin(sine) : null;
};

export function pattern(element, curves, wavelength, isAngle) {
  const place = (q) => (isAngle && wavelength ? angle(q, wavelength) : q);
  const x = curves.q.map(place);
  const hasFit = Boolean(curves.calculated);
  plot(element, () => {
    const data = [{
      x, y: curves.measured, name: "measured", mode: hasFit ? "markers" : "lines", type: "scatter",
      marker: { size: 3, color: colour("measured") }, line: { color: colour("measured"), width: 1 },
    }];
    if (hasFit) {
      const rest = curves.measured.map((value, k) => (value === null || curves.calculated[k] === null ? null : value - curves.calculated[k]));
      const noise = curves.esd;
      data.push({ x, y: curves.calculated, name: "calculated", mode: "lines", line: { color: colour("calculated"), width: 1.6 } });
      data.push({ x, y: curves.background, name: "background", mode: "lines", line: { color: colour("background"), width: 1.3, dash: "dash" } });
      if (noise) {
        data.push({ x, y: noise.map((s) => -2 * s), yaxis: "y2", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
        data.push({ x, y: noise.map((s) => 2 * s), yaxis: "y2", mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: faint("soft", 0.28), hoverinfo: "skip", name: "noise, 2σ", showlegend: !isNarrow() });
      }
      data.push({ x, y: rest, yaxis: "y2", name: "difference", mode: "lines", line: { color: colour("measured"), width: 0.9 } });
      if (curves.reflections.length) {
        const low = Math.min(...curves.background.filter((v) => v !== null));
        const marks = curves.reflections.map(place).filter((v) => v !== null);
        data.push({ x: marks, y: marks.map(() => low), name: "reflections", mode: "markers", marker: { symbol: "line-ns-open", size: 9, color: colour("number"), line: { width: 1.6, color: colour("number") } }, hoverinfo: "x+name" });
      }
    }
    const bottom = isAngle && wavelength ? `two-theta (degrees, ${Number(wavelength).toPrecision(5)} Å)` : "Q (1/Å)";
    return [data, {
      xaxis: axis(bottom, { anchor: hasFit ? "y2" : "y" }),
      yaxis: axis("intensity", { domain: hasFit ? [0.31, 1] : [0, 1] }),
      ...(hasFit ? { yaxis2: axis("difference", { domain: [0, 0.24], nticks: 4 }) } : {}),
    }];
  });
}

export function distribution(element, told) {
  plot(element, () => {
    if (told.kind === "classes") {
      return [[{ x: told.diameter, y: told.probability, type: "bar", marker: { color: colour("background") }, name: "probability" }],
        { xaxis: axis("diameter (nm)"), yaxis: axis("probability", { rangemode: "tozero" }), showlegend: false }];
    }
    const data = [];
    for (const [name, shade] of [["volume", "background"], ["number", "number"]]) {
      const band = told[name];
      data.push({ x: told.diameter, y: band.low, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
      data.push({ x: told.diameter, y: band.high, mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: faint(shade, 0.2), hoverinfo: "skip", showlegend: false });
      data.push({ x: told.diameter, y: band.mean, mode: "lines", name: `by ${name}`, line: { color: colour(shade), width: 2, dash: name === "number" ? "dot" : "solid" } });
    }
    return [data, { xaxis: axis("diameter (nm)"), yaxis: axis("density (1/nm)", { rangemode: "tozero" }) }];
  });
}

export function comparison(element, rows) {
  plot(element, () => {
    const data = [
      ["by volume", "background", "volume_diameter", "volume_interval", "square", -0.12],
      ["by number", "number", "number_diameter", "interval", "circle", 0.12],
    ].map(([name, shade, value, ends, mark, shift]) => {
      const shown = rows.map((row, k) => ({ ...row, k })).filter((row) => row.answer[value] !== null && row.answer[ends]);
      return {
        name, mode: "markers", type: "scatter",
        y: shown.map((row) => row.answer[value]), x: shown.map((row) => row.k + shift),
        text: shown.map((row) => row.name), hovertemplate: "%{text}: %{y:.2f} nm<extra></extra>",
        marker: { size: 9, color: colour(shade), symbol: shown.map((row) => (row.answer.verdict === "ok" ? mark : `${mark}-open`)), line: { width: 2, color: colour(shade) } },
        error_y: { type: "data", symmetric: false, color: colour(shade), array: shown.map((row) => row.answer[ends][1] - row.answer[value]), arrayminus: shown.map((row) => row.answer[value] - row.answer[ends][0]) },
      };
    });
    const short = (name) => (name.length > 16 ? `${name.slice(0, 13)}…` : name);
    return [data, {
      xaxis: axis("", { tickvals: rows.map((_, k) => k), ticktext: rows.map((row) => short(row.name)), range: [-0.6, rows.length - 0.4] }),
      yaxis: axis("diameter (nm)"),
    }];
  });
}

export function series(element, rows, times, title) {
  plot(element, () => {
    const data = [];
    for (const [name, shade, value, low, high, mark] of [
      ["by volume", "background", "volume_diameter_nm", "volume_interval_low_nm", "volume_interval_high_nm", "square"],
      ["by number", "number", "number_diameter_nm", "interval_low_nm", "interval_high_nm", "circle"],
    ]) {
      const shown = rows.map((row, k) => ({ row, time: times[k] })).filter(({ row }) => typeof row[value] === "number");
      const x = shown.map(({ time }) => time);
      if (!x.length) continue;
      data.push({ x, y: shown.map(({ row }) => row[low]), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
      data.push({ x, y: shown.map(({ row }) => row[high]), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: faint(shade, 0.18), hoverinfo: "skip", showlegend: false });
      data.push({
        x, y: shown.map(({ row }) => row[value]), name, mode: "lines+markers", text: shown.map(({ row }) => row.file),
        hovertemplate: "%{text}: %{y:.2f} nm<extra></extra>", line: { color: colour(shade), width: 1.2 },
        marker: { size: shown.length > 80 ? 4 : 8, color: colour(shade), symbol: shown.map(({ row }) => (row.verdict === "ok" ? mark : `${mark}-open`)) },
      });
    }
    const lost = rows.map((row, k) => ({ row, time: times[k] })).filter(({ row }) => row.verdict === "refused");
    if (lost.length) {
      data.push({ x: lost.map(({ time }) => time), y: lost.map(() => 0.02), yaxis: "y2", mode: "markers", name: "refused", text: lost.map(({ row }) => row.file), hovertemplate: "%{text}: refused<extra></extra>", marker: { symbol: "x", size: 8, color: colour("refused") } });
    }
    return [data, { xaxis: axis(title), yaxis: axis("diameter (nm)"), yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true } }];
  });
}
