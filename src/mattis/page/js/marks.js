// Marks that several charts share: lines with a casing, bands, hatches, and the words of a cell.

// The class of all charts: the policy of the page knows the style that Plot makes for it.
const CLASS_OF_CHARTS = "plot";
const HALF_95 = 1.96;

const LINE_COLOURS = {
  light: ["#b2182b", "#7a4a00", "#1c1e21", "#6a2480", "#00605a"],
  dark: ["#ff9b9b", "#ffc46b", "#e8eaed", "#dcb0ff", "#7fe0d6"],
};
const DASHES = ["", "7,4", "8,3,2,3", "2,3", "12,3"];

// Return the colour and dash of a line by its place among the lines.
function lineStyle(place) {
  const colours = LINE_COLOURS[isDark() ? "dark" : "light"];
  return { stroke: colours[place % colours.length], dash: DASHES[place % DASHES.length] };
}

// Return a line of theory over a wider line in the colour of the paper, so that it is seen on any ground.
function casedLine(points, { stroke, dash }, className) {
  const shape = { x: "x", y: "y", z: null, clip: true, strokeLinecap: "butt" };
  return [
    Plot.line(points, { ...shape, stroke: colourOf("--casing"), strokeWidth: 4.5, strokeOpacity: 0.8 }),
    Plot.line(points, { ...shape, stroke, strokeWidth: 2, strokeDasharray: dash || null, className }),
  ];
}

// Return the pattern of hatched cells, which lies in the chart so that a picture of it has it too.
function hatchPattern() {
  const made = d3.create("svg:defs");
  const pattern = made.append("pattern").attr("id", "hatched").attr("patternUnits", "userSpaceOnUse");
  pattern.attr("width", 6).attr("height", 6);
  const lines = [["#ffffff", 2.4], ["#000000", 1]];
  for (const [colour, width] of lines) {
    pattern.append("path").attr("d", "M-1,7L7,-1M-1,1L1,-1M5,7L7,5").attr("stroke", colour)
      .attr("stroke-width", width).attr("stroke-opacity", 0.8);
  }
  return made.node();
}

// Return whether a line is switched on.
const isOn = (state, key) => !state.off.includes(key);

// Return the words of the doubts about a quantity in a cell, and of the state of its networks.
function doubtsText(study, quantity, place) {
  const words = wordsOf(quantity.doubts.at(place), study.doubts);
  return words.length ? words.join("; ") : "none";
}

// Return what the networks of a cell are in, in words; nothing where models have no temperature.
function stateText(study, place) {
  return study.states === null ? "" : study.states.words[study.states.cells.at(place)];
}

// Return the axes that vary, those of the chart first, with their values in a cell.
function placeText(study, place, first = []) {
  const varied = study.dims.filter((dim) => dim.values.length > 1).map((dim) => dim.name);
  const names = [...new Set([...first.filter((name) => name), ...varied])];
  return names.map((name) => labelText(study.dim[name], place)).join(", ");
}

// Return how far a cell lies from theory, in words: at least so far where the error is an upper bound.
function deviationText(quantity, place) {
  const z = quantity.z ? quantity.z.at(place) : NaN;
  if (Number.isNaN(z)) return "";
  const least = quantity.bound?.at(place) ? "at least " : "";
  return `${least}${short(Math.abs(z), 2)} errors ${z < 0 ? "below" : "above"}`;
}

// Return what is said of a cell where the pointer is.
function cellText(study, state, place) {
  const quantity = study.quantity[state.quantity];
  const lines = [placeText(study, place, [state.across, state.second])];
  lines.push(`${quantity.label}: ${withError(quantity.mean.at(place), quantity.error.at(place))}`);
  const theory = quantity.theory_at?.at(place);
  if (Number.isFinite(theory)) {
    const away = deviationText(quantity, place);
    lines.push(`theory ${short(theory)}${away ? `, simulation ${away}` : ""}`);
  }
  lines.push(`seeds ${study.seeds.at(place)}; flags: ${doubtsText(study, quantity, place)}`);
  return lines.join("\n");
}

// Return what is shown of a quantity in a cell; NaN where it is not known.
function shownAt(study, state, place) {
  const quantity = study.quantity[state.quantity];
  if (study.seeds.at(place) === 0) return NaN;
  if (state.shown === "seeds") return study.seeds.at(place);
  const parts = { value: quantity.mean, error: quantity.error, z: quantity.z };
  return parts[state.shown].at(place);
}

// Return the ends of the bar of a cell: Wilson's interval of a fraction, else 1.96 errors.
function barOf(quantity, place) {
  if (quantity.low && quantity.high) return [quantity.low.at(place), quantity.high.at(place)];
  const [mean, error] = [quantity.mean.at(place), quantity.error.at(place)];
  return [mean - HALF_95 * error, mean + HALF_95 * error];
}
