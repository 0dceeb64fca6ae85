// The page: one state, and what it shows is drawn again where the state changes.

const LEAST_WIDTH = 100;

// Draw the diagram of a state; return its charts, and how to mark a cell in it.
function drawDiagram(study, state) {
  const holder = byId("diagram");
  const width = holder.clientWidth;
  if (width < LEAST_WIDTH) return { charts: [], select: () => {} };
  if (state.form === "map") {
    const { chart, bar, cells } = mapChart(study, state, width);
    for (const drawn of [bar, chart]) drawn.setAttribute("aria-hidden", "true");
    holder.replaceChildren(bar, chart);
    showLegend([]);
    const axes = [state.across, state.second];
    return { chart, charts: [bar, chart], select: (place) => frameCell(chart, cells, place, axes) };
  }
  const { chart, points, curves } = curveChart(study, state, width, Math.max(280, Math.min(460, width * 0.62)));
  chart.setAttribute("aria-hidden", "true");
  holder.replaceChildren(chart);
  showLegend(curves);
  const axes = [state.across, state.second].filter((name) => name);
  return { chart, charts: [chart], select: (place) => ringPoint(chart, points, place, axes) };
}

// Say in words which cell is selected.
function sayCell(study, state) {
  byId("live").textContent = cellText(study, state, state.at).replaceAll("\n", "; ");
}

// Return the place of a cell a step away along an axis, or at an end of it, in the order of the chart.
function stepped(study, state, name, step) {
  const order = ordered(study.dim[name], state.at);
  const rank = order.indexOf(state.at[name]) + step;
  const inside = Math.min(Math.max(rank, 0), order.length - 1);
  return { ...state.at, [name]: order[inside] };
}

// Let arrow keys walk from cell to cell.
function listenToKeys(study, stateNow, change) {
  const steps = {
    ArrowRight: ["across", 1], ArrowLeft: ["across", -1], ArrowUp: ["second", 1], ArrowDown: ["second", -1],
    Home: ["across", -Infinity], End: ["across", Infinity],
  };
  byId("diagram").addEventListener("keydown", (event) => {
    const [role, step] = steps[event.key] ?? [];
    const name = role && stateNow()[role];
    if (!role || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (name) change((state) => ({ at: stepped(study, state, name, step) }));
  });
}

// Let clicks select the cell below them; Plot would pin its words there.
function listenToClicks(chartNow, change) {
  const holder = byId("diagram");
  holder.addEventListener("pointerdown", (event) => event.stopPropagation(), true);
  holder.addEventListener("click", () => {
    const found = chartNow()?.value;
    if (found) change(() => ({ at: { ...found.place } }));
  });
}

// Show what does not change: what was found, sources, what lies beside the page.
function showWords(study) {
  byId("so-far").hidden = isWhole(study) || study.headline.length === 0;
  byId("headline").replaceChildren(...study.headline.map((line) => element("li", line)));
  byId("drawn-by").textContent = Object.entries(study.drawn_by).map((pair) => pair.join(" ")).join(", ");
  byId("written").textContent = document.lastModified;
  const links = study.figures.flatMap((name) => [element("a", name, { href: `figures/${name}` }), " "]);
  if (links.length) byId("figures").replaceChildren("Figures in print, beside this file: ", ...links);
  const gone = [
    study.left_out.length ? `Not on this page, but in diagram.zarr: ${study.left_out.join(", ")}.` : "",
    study.unsampled.length ? `Values by seed in sweep.zarr only: ${study.unsampled.join(", ")}.` : "",
  ];
  byId("left-out").textContent = gone.join(" ").trim();
  showSources(study);
}

// Show the equation and source of each line of theory.
function showSources(study) {
  const known = new Map();
  for (const one of study.quantities.filter((quantity) => quantity.theory)) {
    known.set(one.theory.quantity, { ...one.theory, meaning: `theory of: ${one.meaning}` });
  }
  for (const line of [...study.lines, ...study.curves, ...study.marks]) known.set(line.quantity, line);
  const parts = [...known].flatMap(([name, fact]) => [
    element("dt", name),
    element("dd", `${fact.meaning}: ${fact.equation}. ${fact.source}. Holds: ${fact.validity}`),
  ]);
  const list = element("dl");
  list.append(...parts);
  byId("sources").hidden = known.size === 0;
  byId("sources").lastElementChild.replaceChildren(list);
  const sources = new Set([...known.values()].flatMap((fact) => fact.source.split("; ")));
  byId("cited").replaceChildren(...[...sources].map((source) => element("li", `Theory: ${source}.`)));
}

// Draw the page, and again where its state changes.
function start(study) {
  let state = stateOf(location.hash, study);
  let drawn = { charts: [], select: () => {} };
  let last = "";
  const chartNow = () => drawn.chart;

  // Draw the diagram only where more than the cell has changed; cells of other planes are another diagram.
  function show(isForced = false) {
    const rest = study.dims.map((dim) => dim.name)
      .filter((name) => name !== state.across && name !== state.second);
    const key = JSON.stringify([{ ...state, at: rest.map((name) => state.at[name]) }]);
    if (isForced || key !== last) {
      last = key;
      drawn = drawDiagram(study, state);
      byId("diagram-title").textContent = titleOf(study, state);
      showChoices(study, state);
      showSwitches(study, state, change);
    }
    showSliders(study, state, change);
    drawn.select(state.at);
    showCell(study, state);
    showCuts(study, state);
    if (byId("plane").open) byId("plane").lastElementChild.replaceChildren(planeTable(study, state));
  }

  function change(changed) {
    state = settled({ ...state, ...changed(state) }, study);
    remember(state);
    show();
    sayCell(study, state);
  }

  listenToControls(change);
  listenToKeys(study, () => state, change);
  listenToClicks(chartNow, change);
  listenToTheme(() => state, change, () => {
    show(true);
    if (!byId("page").hidden) showThere(study);
  });
  for (const id of ["seeds", "others", "plane"]) byId(id).addEventListener("toggle", () => show());
  addEventListener("hashchange", () => {
    state = stateOf(location.hash, study);
    show();
  });
  offerDownloads(study, () => drawn.charts);
  showWords(study);
  byId("page").hidden = false;
  showRun(study);
  watchWidth(() => {
    show(true);
    showThere(study);
  });
  show(true);
  sayCell(study, state);
  followRun(() => state, change);
}

// Return the title of the diagram: the quantity, the axes, and where the others stand.
function titleOf(study, state) {
  const words = [state.across, state.second].filter((name) => name).map((name) => spoken(study.dim[name]));
  const shown = state.shown === "value" ? "" : ` (${SHOWN[state.shown]})`;
  return `${study.quantity[state.quantity].label}${shown} over ${words.join(" and ")}`;
}

// Listen to the lists of choices.
function listenToControls(change) {
  for (const key of ["quantity", "shown", "across", "second", "form"]) {
    byId(key).addEventListener("change", () => {
      change((state) => {
        const swapped = key === "across" && byId(key).value === state.second;
        return { [key]: byId(key).value, ...(swapped ? { second: state.across } : {}) };
      });
    });
  }
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
}

// Let the button, and the system, choose between light and dark.
function listenToTheme(stateNow, change, redraw) {
  const button = byId("theme");
  const apply = () => {
    const { theme } = stateNow();
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.setAttribute("aria-pressed", String(isDark()));
    redraw();
  };
  button.addEventListener("click", () => {
    change(() => ({ theme: isDark() ? "light" : "dark" }));
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}

// Draw again where the width has changed, once at a time.
function watchWidth(redraw) {
  let width = byId("diagram").clientWidth;
  new ResizeObserver(() => {
    const now = byId("diagram").clientWidth;
    if (now === width) return;
    width = now;
    requestAnimationFrame(redraw);
  }).observe(byId("diagram"));
}

loaded().then(start).then(() => {
  document.documentElement.dataset.ready = "true";
}, (error) => {
  byId("page").before(element("p", `This browser cannot show the page: ${error.message}`));
  console.error(error);
});
