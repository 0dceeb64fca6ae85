// The diagram as a map: cells in colour over two axes, with hatches, boundaries, and lines of theory.

const MOST_ERRORS = 6;
const SIZE_DASHES = ["1,2", "5,2", "1,2,5,2", "9,2", "9,2,1,2,1,2"];

// Return the edges of cells along an axis for each position of the other axis of the plane.
function edgesAcross(dim, other, place) {
  const depends = dim.places.dims.includes(other.name);
  const known = new Map();
  return (index) => {
    const key = depends ? index : 0;
    const here = depends ? { ...place, [other.name]: index } : place;
    if (!known.has(key)) known.set(key, edges(dim, here));
    return known.get(key);
  };
}

// Return the cells of the plane: where each lies, what it shows, and why it may be in doubt.
function planeCells(study, state) {
  const [across, up] = [study.dim[state.across], study.dim[state.second]];
  const quantity = study.quantity[state.quantity];
  const [xEdges, yEdges] = [edgesAcross(across, up, state.at), edgesAcross(up, across, state.at)];
  return [...placesOf(study, [up.name, across.name])].map((part) => {
    const place = { ...state.at, ...part };
    const [x1, x2] = xEdges(place[up.name])[place[across.name]];
    const [y1, y2] = yEdges(place[across.name])[place[up.name]];
    const there = study.seeds.at(place) > 0;
    const bits = quantity.doubts.at(place);
    return {
      place, x1, x2, y1, y2, there,
      x: across.places.at(place),
      y: up.places.at(place),
      value: shownAt(study, state, place),
      hatched: there && (bits & study.hatched) > 0,
    };
  });
}

// Return the colours of what is shown, as options of Plot.
function colourOptions(study, state, values) {
  const quantity = study.quantity[state.quantity];
  const known = values.filter(Number.isFinite);
  if (state.shown === "z") {
    const domain = [-MOST_ERRORS, MOST_ERRORS];
    return { domain, interpolate: (t) => d3.interpolateRdBu(1 - t), clamp: true, label: SHOWN.z };
  }
  let [low, high] = known.length ? d3.extent(known) : [0, 1];
  if (state.shown === "value" && low >= 0 && high <= 1 && high > 0.5) [low, high] = [0, 1];
  if (state.shown === "seeds") [low, high] = [0, Math.max(high, 1)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const isLog = state.shown === "value" && quantity.log && low > 0 && high / low > 10;
  const words = state.shown === "value" ? quantity.label : `${quantity.label}: ${SHOWN[state.shown]}`;
  return { domain: [low, high], type: isLog ? "log" : "linear", interpolate: d3.interpolateCividis, label: words };
}

// Return the extent of an axis: its cells, from 0 on where that is near.
function domainOf(cells, low, high, dim) {
  const [first, last] = [d3.min(cells, (cell) => cell[low]), d3.max(cells, (cell) => cell[high])];
  const near = !dim.log && !dim.words && first > 0 && first < (last - first) / 5;
  return [near ? 0 : first, last];
}

// Return the lines of theory of this plane, whichever way round it is.
function linesOf(study, state) {
  const plane = [state.across, state.second];
  return study.lines
    .map((line, index) => ({ line, index, key: `line-${line.key}` }))
    .filter(({ line }) => plane.includes(line.across) && plane.includes(line.up) && state.form === "map");
}

// Return the points of a line of theory as this plane has its axes.
function linePoints(line, state) {
  const turned = line.across !== state.across;
  return Array.from(line.x.values, (x, k) => {
    const y = line.y.values[k];
    return turned ? { x: y, y: x } : { x, y };
  });
}

// Return the boundaries that lie along one of the axes that are shown.
function endsOf(study, state) {
  return study.ends
    .map((end) => ({ end, key: end.name.replaceAll("_", "-") }))
    .filter(({ end }) => end.along === state.across || (state.form === "map" && end.along === state.second));
}

// Return the boundaries of the other sizes in this plane, a line each, at the last age only.
function endsOfSizes(study, state) {
  const size = study.dim.size;
  const isShown = state.across === "size" || state.second === "size";
  if (state.form !== "map" || isShown || !size || size.values.length < 2) return [];
  const bases = endsOf(study, state).filter(
    ({ end }) => end.value.dims.includes("size") && !end.name.endsWith("_early"),
  );
  const order = ordered(size, state.at);
  return bases.flatMap(({ end, key }) => order.filter((index) => index !== state.at.size).map((index) => ({
    end,
    key: `${key}-size-${index}`,
    at: { ...state.at, size: index },
    name: symbolText(size, { ...state.at, size: index }),
    style: { stroke: colourOf("--ink"), dash: SIZE_DASHES[order.indexOf(index) % SIZE_DASHES.length] },
  })));
}

// Return the marks of the boundary of another size: a line, with the size at its end.
function sizeMarks(study, state, { end, key, at, name, style }) {
  const isUp = end.along === state.second;
  const points = endPoints(study, { ...state, at }, end)
    .map((point) => (isUp ? { x: point.at, y: point.value } : { x: point.value, y: point.at }));
  return [
    ...casedLine(points, style, key),
    Plot.text(points.slice(-1), {
      x: "x", y: "y", text: () => name, dx: 4, textAnchor: "start", fill: style.stroke,
      stroke: colourOf("--casing"), strokeWidth: 4, clip: true, className: `name-of-${key}`,
    }),
  ];
}

// Return the points of a boundary in the plane, with the ends of their bars.
function endPoints(study, state, end) {
  const isUp = end.along === state.second;
  const other = study.dim[isUp ? state.across : state.second];
  const points = ordered(other, state.at).map((index) => {
    const place = { ...state.at, [other.name]: index };
    const [value, error] = [end.value.at(place), end.error.at(place)];
    const reach = HALF_95 * (Number.isFinite(error) ? error : 0);
    return { at: other.places.at(place), value, low: value - reach, high: value + reach };
  });
  return points.filter((point) => Number.isFinite(point.value));
}

// Return the marks of a boundary: a band of 95 %, and a point at each place with its bar.
function endMarks(study, state, end, key) {
  const points = endPoints(study, state, end);
  const [ink, paper] = [colourOf("--ink"), colourOf("--paper")];
  const isUp = end.along === state.second;
  const [extrapolated, early] = ["_extrapolated", "_early"].map((word) => end.name.endsWith(word));
  const banded = extrapolated || early ? [] : points;
  const dot = { r: 3.2, stroke: ink, fill: extrapolated ? ink : paper, clip: true, className: key,
    symbol: extrapolated ? "diamond" : early ? "square" : "circle" };
  const band = { fill: paper, fillOpacity: 0.45, clip: true };
  const bar = { stroke: ink, clip: true };
  return isUp
    ? [Plot.areaY(banded, { x: "at", y1: "low", y2: "high", ...band }),
       Plot.ruleX(points, { x: "at", y1: "low", y2: "high", ...bar }),
       Plot.dot(points, { x: "at", y: "value", ...dot })]
    : [Plot.areaX(banded, { y: "at", x1: "low", x2: "high", ...band }),
       Plot.ruleY(points, { y: "at", x1: "low", x2: "high", ...bar }),
       Plot.dot(points, { x: "value", y: "at", ...dot })];
}

// Return the marks of the cells of a map.
function cellMarks(cells, colour) {
  const hatched = cells.filter((cell) => cell.hatched);
  if (cells.length > MOST_ELEMENTS) return [paintedCells(cells, colour), paintedHatches(hatched)];
  const box = { x1: "x1", x2: "x2", y1: "y1", y2: "y2" };
  const missing = cells.filter((cell) => !Number.isFinite(cell.value));
  return [
    Plot.rect(cells, { ...box, fill: "value", shapeRendering: "crispEdges", className: "cells" }),
    Plot.rect(missing, { ...box, fill: colourOf("--missing"), className: "missing" }),
    Plot.rect(hatched, { ...box, fill: "url(#hatched)", className: "hatched" }),
  ];
}

// Return all marks of a map.
function mapMarks(study, state, cells, colour) {
  return [
    hatchPattern,
    ...cellMarks(cells, colour),
    ...endsOf(study, state).filter(({ key }) => isOn(state, key))
      .flatMap(({ end, key }) => endMarks(study, state, end, key)),
    ...endsOfSizes(study, state).filter(({ key }) => isOn(state, key)).flatMap((one) => sizeMarks(study, state, one)),
    ...linesOf(study, state).filter(({ key }) => isOn(state, key))
      .flatMap(({ line, index, key }) => casedLine(linePoints(line, state), lineStyle(index), key)),
    Plot.tip(cells, Plot.pointer({
      x: "x", y: "y", maxRadius: Infinity, fontSize: 12, title: (cell) => cellText(study, state, cell.place),
    })),
  ];
}

// Return the map of a plane with its colour bar, and the cells that it shows.
function mapChart(study, state, width) {
  const cells = planeCells(study, state);
  const colour = colourOptions(study, state, cells.map((cell) => cell.value));
  const [across, up] = [study.dim[state.across], study.dim[state.second]];
  const chart = Plot.plot({
    className: CLASS_OF_CHARTS,
    width,
    height: Math.max(260, Math.min(520, width * 0.72)),
    marginLeft: up.words ? 120 : 58,
    marginRight: across.words ? 36 : 20,
    marginBottom: 44,
    marginTop: 14,
    x: axisOptions(across, domainOf(cells, "x1", "x2", across)),
    y: axisOptions(up, domainOf(cells, "y1", "y2", up)),
    color: colour,
    marks: mapMarks(study, state, cells, colour),
  });
  const bar = Plot.legend({
    className: CLASS_OF_CHARTS, color: colour, width: Math.min(width, 320), label: colour.label,
    marginLeft: 14, marginRight: 14,
  });
  return { chart, bar, cells };
}

// Draw a frame around the cell that is selected.
function frameCell(chart, cells, place, axes) {
  d3.select(chart).selectAll(".selected").remove();
  const cell = cells.find((one) => axes.every((name) => one.place[name] === place[name]));
  if (!cell) return;
  const [x, y] = [chart.scale("x"), chart.scale("y")];
  const [x1, x2] = d3.extent([x.apply(cell.x1), x.apply(cell.x2)]);
  const [y1, y2] = d3.extent([y.apply(cell.y1), y.apply(cell.y2)]);
  for (const [colour, thick] of [[colourOf("--paper"), 5], [colourOf("--accent"), 2.5]]) {
    d3.select(chart).append("rect").attr("class", "selected").attr("x", x1).attr("y", y1)
      .attr("width", Math.max(x2 - x1, 2)).attr("height", Math.max(y2 - y1, 2)).attr("fill", "none")
      .attr("stroke", colour).attr("stroke-width", thick).attr("pointer-events", "none");
  }
}
