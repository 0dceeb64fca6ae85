// One cell: its estimate with the parts of its error, theory, flags in words, its samples, and cuts through it.

const MOST_DOTS = 400;

// Return the rows that describe the estimate of a cell.
function estimateRows(study, state) {
  const quantity = study.quantity[state.quantity];
  const place = state.at;
  const rows = [[quantity.label, withError(quantity.mean.at(place), quantity.error.at(place))]];
  if (quantity.low) rows.push(["95 %", `${short(quantity.low.at(place))} to ${short(quantity.high.at(place))}`]);
  if (quantity.thermal_error) {
    const [thermal, disorder] = [quantity.thermal_error.at(place), quantity.disorder_error.at(place)];
    const known = Number.isFinite(thermal);
    rows.push(["its error", known ? `thermal ${short(thermal, 2)}, disorder ${short(disorder, 2)}`
      : "not split: a chain is too short for its autocorrelation time"]);
  }
  const theory = quantity.theory_at?.at(place);
  if (Number.isFinite(theory)) {
    const away = deviationText(quantity, place);
    rows.push(["theory", `${short(theory)}${away ? `; simulation ${away}` : "; not compared here"}`]);
  }
  rows.push([study.samples_are, `${study.seeds.at(place)} of ${study.seed.length}`]);
  if (study.patterns) rows.push(["patterns P", short(study.patterns.at(place))]);
  const words = stateText(study, place);
  if (words) rows.push(["networks are", words]);
  rows.push(["flags", doubtsText(study, quantity, place)]);
  return rows;
}

// Return the samples of a cell that are known, each with its seed.
function samplesOf(study, quantity, place) {
  if (!quantity.samples) return [];
  return study.seed
    .map((seed, index) => ({ seed, value: quantity.samples.at({ ...place, seed: index }) }))
    .filter((one) => !Number.isNaN(one.value));
}

// Return a chart of the samples of a cell: a dot for each seed, the mean with its error, and theory.
function samplesChart(study, state, width) {
  const quantity = study.quantity[state.quantity];
  const samples = samplesOf(study, quantity, state.at);
  const [mean, error] = [quantity.mean.at(state.at), quantity.error.at(state.at)];
  const theory = quantity.theory_at?.at(state.at) ?? NaN;
  const all = [...samples.map((one) => one.value), mean, theory].filter(Number.isFinite);
  let [low, high] = d3.extent(all);
  if (low === high) [low, high] = [low - 0.01, high + 0.01];
  const reach = HALF_95 * (Number.isFinite(error) ? error : 0);
  const margin = (high - low) * 0.06;
  const band = [{ x1: mean - reach, x2: mean + reach }];
  const dots = samples.length <= MOST_DOTS
    ? Plot.dotX(samples, Plot.dodgeY({ x: "value", r: 3.4, fill: colourOf("--accent"), fillOpacity: 0.75,
        className: "sample", padding: 0.5 }))
    : Plot.rectY(samples, Plot.binX({ y: "count" }, { x: "value", fill: colourOf("--accent") }));
  return Plot.plot({
    className: CLASS_OF_CHARTS,
    width, height: 130, marginLeft: 20, marginRight: 20, marginBottom: 40,
    x: { label: quantity.label, labelArrow: "none", domain: [low - margin, high + margin],
         tickFormat: (value) => short(value), ticks: 5 },
    y: { axis: null },
    marks: [
      Plot.rect(band, { x1: "x1", x2: "x2", fill: "currentColor", fillOpacity: 0.12, clip: true }),
      Plot.ruleX([mean], { stroke: "currentColor", strokeWidth: 1.5 }),
      Number.isFinite(theory)
        ? Plot.ruleX([theory], { stroke: lineStyle(0).stroke, strokeWidth: 2, strokeDasharray: "5,4" }) : null,
      dots,
    ],
  });
}

// Show the estimate and the samples of the cell that is selected.
function showCell(study, state) {
  const quantity = study.quantity[state.quantity];
  byId("cell-title").textContent = `Cell: ${placeText(study, state.at, [state.across, state.second])}`;
  byId("estimate").replaceChildren(
    ...estimateRows(study, state).flatMap(([word, text]) => [element("dt", word), element("dd", text)]),
  );
  const samples = byId("samples");
  const width = samples.clientWidth;
  const there = study.seeds.at(state.at) > 0;
  if (!there) samples.replaceChildren(element("p", "This cell is not there yet.", { class: "note" }));
  else if (!quantity.samples) {
    samples.replaceChildren(element("p", "Its values by seed are in sweep.zarr.", { class: "note" }));
  } else if (width >= 100) {
    const chart = samplesChart(study, state, width);
    const words = `${quantity.label} of each of ${samplesOf(study, quantity, state.at).length} seeds`;
    samples.replaceChildren(chartWithWords(chart, words));
  }
  showDetails(study, state);
}

// Return a chart in a box with the words that stand for it where it is not seen.
function chartWithWords(chart, words) {
  const box = element("div", "", { role: "img", "aria-label": words });
  chart.setAttribute("aria-hidden", "true");
  box.append(chart);
  return box;
}

// Fill those details of a cell that are open.
function showDetails(study, state) {
  const quantity = study.quantity[state.quantity];
  if (byId("seeds").open) {
    const rows = samplesOf(study, quantity, state.at).map((one) => [one.seed, short(one.value, 7)]);
    byId("seeds").lastElementChild.replaceChildren(table(["seed", quantity.label], rows, "values by seed"));
  }
  if (byId("others").open) {
    const rows = study.quantities.map((one) => {
      const theory = one.theory_at?.at(state.at) ?? NaN;
      const known = withError(one.mean.at(state.at), one.error.at(state.at));
      return [one.label, known, Number.isFinite(theory) ? short(theory) : ""];
    });
    const head = ["quantity", "mean ± error", "theory"];
    byId("others").lastElementChild.replaceChildren(table(head, rows, "all quantities of this cell"));
  }
  const at = study.dims.map((dim) => `${dim.name}=${state.at[dim.name]}`).join(", ");
  byId("python").lastElementChild.textContent =
    `import xarray as xr\n\ndiagram = xr.open_zarr("results/${study.name}/diagram.zarr")\n` +
    `cell = diagram.isel(${at})\n` +
    `float(cell["${quantity.name}"]), float(cell["${quantity.name}_error"])\n`;
}

// Draw the cuts through the cell along the axes of the chart, with theory.
function showCuts(study, state) {
  const wanted = [state.form === "map" ? state.across : "", state.second].filter((name) => name);
  const names = wanted.filter((name) => study.dim[name].values.length > 1);
  byId("cuts-title").hidden = names.length === 0;
  const charts = names.map((name) => {
    const cut = { ...state, across: name, second: "", form: "curves", shown: "value" };
    const holder = element("div", "", { class: "chart" });
    const width = byId("cuts").clientWidth;
    if (width < 100) return holder;
    const { chart, points } = curveChart(study, cut, width, 210);
    ringPoint(chart, points, state.at, [name]);
    const words = `${study.quantity[state.quantity].label} along ${study.dim[name].label}`;
    holder.append(chartWithWords(chart, words));
    return holder;
  });
  byId("cuts").replaceChildren(...charts);
}
