// The diagram as curves: points with bars along one axis, a curve for each value of another, over theory.

const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "wye"];

// Return the colour of a curve among others.
function curveColour(rank, count) {
  if (count === 1) return colourOf("--accent");
  const [low, high] = isDark() ? [0.35, 1] : [0, 0.75];
  return d3.interpolateViridis(low + ((high - low) * rank) / (count - 1));
}

// Return the curves of a state: the place, colour and symbol of each, in the order of their values.
function curvesOf(study, state) {
  const dim = study.dim[state.second];
  const order = dim ? ordered(dim, state.at) : [0];
  return order.map((index, rank) => ({
    place: dim ? { ...state.at, [dim.name]: index } : { ...state.at },
    name: dim ? symbolText(dim, { ...state.at, [dim.name]: index }) : "",
    colour: curveColour(rank, order.length),
    symbol: order.length > SYMBOLS.length ? "circle" : SYMBOLS[rank],
  }));
}

// Return the points of one curve, with the ends of their bars, and theory at the same cells.
function curvePoints(study, state, curve) {
  const dim = study.dim[state.across];
  const quantity = study.quantity[state.quantity];
  return ordered(dim, curve.place).map((index) => {
    const place = { ...curve.place, [dim.name]: index };
    const value = shownAt(study, state, place);
    const bar = state.shown === "value" ? barOf(quantity, place) : [value, value];
    const known = bar.every(Number.isFinite);
    return {
      place, value, curve,
      x: dim.places.at(place),
      y: value,
      low: known ? bar[0] : value,
      high: known ? bar[1] : value,
      open: (quantity.doubts.at(place) & ~1) > 0,
      theory: state.shown === "value" ? (quantity.theory_at?.at(place) ?? NaN) : NaN,
    };
  });
}

// Return the lines of theory between the cells of a curve, where the page has them.
function linesBetween(study, state, curve) {
  return study.curves.filter(
    (line) =>
      state.shown === "value" &&
      line.observable === state.quantity &&
      line.along === state.across &&
      Object.entries(line.at).every(([name, index]) => curve.place[name] === index),
  );
}

// Return the theory of one curve: full where a state is stable, dashed elsewhere; at cells where no more is known.
function theoryMarks(study, state, curve, points) {
  const style = { stroke: curve.colour, strokeWidth: 1.6, clip: true, x: "x", y: "y", z: null };
  const lines = linesBetween(study, state, curve);
  if (lines.length) {
    return lines.flatMap((line) => {
      const all = Array.from(line.x.values, (x, k) => ({ x, y: line.y.values[k], stable: line.stable.values[k] }));
      const only = (stable) => all.map((p) => ({ x: p.x, y: Boolean(p.stable) === stable ? p.y : NaN }));
      return [Plot.line(only(true), { ...style, className: "theory" }),
              Plot.line(only(false), { ...style, strokeDasharray: "5,4", className: "theory" })];
    });
  }
  const known = points.map((p) => ({ x: p.x, y: p.theory }));
  if (!known.some((p) => Number.isFinite(p.y))) return [];
  return [Plot.line(known, { ...style, strokeDasharray: "3,3", strokeOpacity: 0.7, className: "theory" })];
}

// Return where half is lost along the axis of a curve: an upright with its band.
function uprightMarks(study, state, curve) {
  return endsOf(study, state).filter(({ key }) => isOn(state, key)).flatMap(({ end, key }) => {
    const [value, error] = [end.value.at(curve.place), end.error.at(curve.place)];
    if (!Number.isFinite(value)) return [];
    const reach = HALF_95 * (Number.isFinite(error) ? error : 0);
    const band = [{ x1: value - reach, x2: value + reach }];
    const dash = end.name.endsWith("_early") ? "2,3" : end.name.endsWith("_extrapolated") ? "7,3" : null;
    return [Plot.rect(band, { x1: "x1", x2: "x2", fill: curve.colour, fillOpacity: 0.15, clip: true }),
            Plot.ruleX([value], { stroke: curve.colour, strokeDasharray: dash, clip: true, className: key })];
  });
}

// Return the places that theory names on the axis, as uprights.
function namedMarks(study, state) {
  return study.marks
    .map((mark) => ({ mark, key: `mark-${mark.quantity.replace(".", "-")}` }))
    .filter(({ mark, key }) => mark.along === state.across && isOn(state, key))
    .map(({ mark, key }) => Plot.ruleX([mark.value], {
      stroke: colourOf("--grey"), strokeDasharray: "6,4", clip: true, className: key,
    }));
}

// Return the lowest and highest of what a chart shows, with a margin, for its ordinate.
function ordinate(study, state, points, isLog) {
  const all = points.flatMap((p) => [p.y, p.low, p.high, p.theory]).filter(Number.isFinite);
  const positive = isLog ? all.filter((y) => y > 0) : all;
  const [low, high] = positive.length ? d3.extent(positive) : [isLog ? 0.1 : 0, 1];
  if (isLog) return low === high ? [low / 2, high * 2] : [low / 1.3, high * 1.3];
  const least = Math.max(Math.abs(low) * 0.01, 1e-6);
  const margin = Math.max((high - low) * 0.05, low === high ? least : 0);
  return [low - margin, high + margin];
}

// Return the points of all curves with their bars.
function pointMarks(points) {
  const bars = points.filter((p) => p.high > p.low);
  return [
    Plot.ruleX(bars, { x: "x", y1: "low", y2: "high", stroke: (p) => p.curve.colour, clip: true }),
    Plot.dot(points.filter((p) => Number.isFinite(p.y)), {
      x: "x", y: "y", r: 3.2, symbol: (p) => p.curve.symbol, stroke: (p) => p.curve.colour,
      fill: (p) => (p.open ? colourOf("--paper") : p.curve.colour), clip: true, className: "points",
    }),
  ];
}

// Return the chart of the curves of a state, and the points that it shows.
function curveChart(study, state, width, height) {
  const dim = study.dim[state.across];
  const quantity = study.quantity[state.quantity];
  const curves = curvesOf(study, state);
  const groups = curves.map((curve) => curvePoints(study, state, curve));
  const points = groups.flat();
  const isLog = state.shown === "value" && Boolean(quantity.log) && points.some((p) => p.y > 0);
  const drawn = isLog ? points.filter((p) => p.y > 0).map((p) => ({ ...p, low: Math.max(p.low, p.y / 100) })) : points;
  const places = d3.extent(points, (p) => p.x);
  const chart = Plot.plot({
    className: CLASS_OF_CHARTS,
    width, height,
    marginLeft: 62,
    marginRight: dim.words ? 36 : 20,
    marginBottom: 44,
    marginTop: 22,
    x: axisOptions(dim, padded(places, dim)),
    y: { label: state.shown === "value" ? quantity.label : SHOWN[state.shown], labelArrow: "none",
         domain: ordinate(study, state, drawn, isLog), type: isLog ? "log" : "linear",
         tickFormat: (value) => (isLog && !Number.isInteger(Math.log10(value)) ? "" : short(value)) },
    color: { type: "identity" },
    symbol: { type: "identity" },
    marks: [
      state.shown === "z" ? Plot.rect([{ y1: -2, y2: 2 }], { y1: "y1", y2: "y2", fill: "currentColor",
        fillOpacity: 0.08, clip: true }) : null,
      Plot.frame({ stroke: colourOf("--rule") }),
      ...curves.flatMap((curve) => uprightMarks(study, state, curve)),
      ...namedMarks(study, state),
      ...curves.flatMap((curve, k) => theoryMarks(study, state, curve, groups[k])),
      ...pointMarks(drawn),
      Plot.tip(drawn.filter((p) => Number.isFinite(p.y)), Plot.pointer({
        x: "x", y: "y", maxRadius: Infinity, fontSize: 12, title: (p) => cellText(study, state, p.place),
      })),
    ],
  });
  return { chart, points: drawn, curves };
}

// Return the extent of places, a little wider.
function padded([first, last], dim) {
  if (dim.log) {
    const factor = Math.max((last / first) ** 0.03, 1.05);
    return [first / factor, last * factor];
  }
  const margin = (last - first) * 0.03 || Math.max(Math.abs(first) * 0.1, 0.01);
  return [first - margin, last + margin];
}

// Draw a ring around the point that is selected.
function ringPoint(chart, points, place, axes) {
  d3.select(chart).selectAll(".selected").remove();
  const point = points.find((one) => axes.every((name) => one.place[name] === place[name]));
  if (!point || !Number.isFinite(point.y)) return;
  d3.select(chart).append("circle").attr("class", "selected").attr("r", 7).attr("fill", "none")
    .attr("cx", chart.scale("x").apply(point.x)).attr("cy", chart.scale("y").apply(point.y))
    .attr("stroke", colourOf("--accent")).attr("stroke-width", 2.5).attr("pointer-events", "none");
}
