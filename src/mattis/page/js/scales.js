// Numbers as people read them, and where cells lie along an axis.

// Return a number with a few significant digits.
function short(value, digits = 4) {
  if (value === null || Number.isNaN(value)) return "not known";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size >= 1e6 || size < 1e-4)
      ? value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e")
      : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

// Return a mean with its error: two digits of the error, and as many of the mean.
function withError(mean, error) {
  if (Number.isNaN(mean)) return "not known";
  if (!(error > 0) || !Number.isFinite(error)) return short(mean);
  const places = Math.max(0, 1 - Math.floor(Math.log10(error)));
  if (places > 8) return `${short(mean)} ± ${short(error, 2)}`;
  return `${mean.toFixed(places)} ± ${error.toFixed(places)}`.replaceAll("-", "−");
}

// Return where the cells along an axis lie, by position, at a place of the other axes.
function along(dim, place) {
  return dim.values.map((_, index) => dim.places.at({ ...place, [dim.name]: index }));
}

// Return the positions along an axis in the order in which their cells are drawn.
function ordered(dim, place) {
  const places = along(dim, place);
  return d3.sort(d3.range(places.length), (index) => places[index]);
}

// Return what is written for a position along an axis.
function valueText(dim, place) {
  const index = place[dim.name];
  if (dim.words) return dim.words[index];
  if (dim.values[index] === "∞" && dim.infinity !== null) return "∞";
  const drawn = dim.places.at(place);
  return dim.infinity !== null && drawn === dim.infinity ? "∞" : short(drawn);
}

// Return what an axis is called in a sentence: load, temperature.
function spoken(dim) {
  return dim.name === "beta" ? dim.label.split(" ")[0] : dim.name.replaceAll("_", " ");
}

// Return an axis and its value in a sentence: load 0.05.
function labelText(dim, place) {
  return `${spoken(dim)} ${valueText(dim, place)}`;
}

// Return an axis and its value in symbols: α = 0.05.
function symbolText(dim, place) {
  return `${dim.word} ${valueText(dim, place)}`.trim();
}

// Return the two edges of each cell along an axis, by position: halfway to its neighbours.
function edges(dim, place) {
  const places = along(dim, place);
  const order = ordered(dim, place);
  const [scaled, back] = dim.log ? [Math.log, Math.exp] : [(x) => x, (x) => x];
  const centres = order.map((index) => scaled(places[index]));
  const borders = bordersOf(centres).map(back);
  const out = [];
  order.forEach((index, rank) => {
    out[index] = [borders[rank], borders[rank + 1]];
  });
  return out;
}

// Return the borders between sorted centres, and beyond the first and last.
function bordersOf(centres) {
  const last = centres.length - 1;
  if (centres[0] === centres[last]) {
    const half = Math.max(Math.abs(centres[0]) * 0.1, 0.01);
    return centres.map((_, k) => centres[0] - half + (2 * half * k) / centres.length).concat(centres[0] + half);
  }
  const middle = d3.pairs(centres, (a, b) => (a + b) / 2);
  return [2 * centres[0] - middle[0], ...middle, 2 * centres[last] - middle[last - 1]];
}

// Return the options of Plot for an axis: words and infinity where it has such, a logarithm where it asks for one.
function axisOptions(dim, domain) {
  const options = { label: dim.label, labelArrow: "none", domain, type: dim.log ? "log" : "linear" };
  if (dim.words) {
    options.ticks = d3.range(dim.words.length);
    options.tickFormat = (index) => dim.words[index];
  } else if (dim.log) {
    options.tickFormat = (value) => (Number.isInteger(Math.log10(value)) || domain[1] / domain[0] < 99
      ? short(value, 3) : "");
  } else if (dim.infinity !== null) {
    const finite = d3.ticks(domain[0], domain[1], 6).filter((x) => x < dim.infinity * 0.95);
    options.ticks = [...finite, dim.infinity];
    options.tickFormat = (value) => (value === dim.infinity ? "∞" : short(value));
  }
  return options;
}

// Return whether the page is dark now.
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// Return a colour of the style sheet.
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Return the words of the bits that are set.
function wordsOf(bits, table) {
  return Object.entries(table).filter(([bit]) => bits & Number(bit)).map(([, word]) => word);
}

// Return an element with some text and attributes.
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
