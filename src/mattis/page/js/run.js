// A study that is on its way: how much is there, what failed, whether a run is at work, and the page of later.

// A page that its reader uses is not loaded again before they have rested for so many milliseconds.
const REST = 3000;
const PLACE_OF_READER = "mattis-reader";
const LEAST_MAP = 4;

// Return whether all cells of a study are there.
const isWhole = (study) => study.cells.there === study.cells.total;

// Return what the page says of a run: whether one is at work, when it wrote this, and when it will write again.
function runOf() {
  const said = document.querySelector('meta[name="run"]');
  return said === null ? null : JSON.parse(said.content);
}

// Return a number of seconds as people say it.
function lasting(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

// Return when something was, by the clock of the reader.
function clockText(seconds) {
  const then = new Date(seconds * 1000);
  const isToday = then.toDateString() === new Date().toDateString();
  return isToday ? then.toLocaleTimeString() : then.toLocaleString();
}

// Return whether a run has not renewed its page for so long that it must have ended.
const isLate = (run) => run.is === "running" && Date.now() / 1000 - run.written > run.late;

// Return what is said of a run.
function aliveText(run) {
  const goesOn = "it goes on where it stopped with";
  if (run.is === "interrupted") return `The run was interrupted at ${clockText(run.written)}; ${goesOn}`;
  if (isLate(run)) {
    const silent = lasting(Date.now() / 1000 - run.written);
    return `The run has stopped or was killed: it has not renewed this page since ${clockText(run.written)}, ` +
      `for ${silent}; ${goesOn}`;
  }
  const left = run.left === null ? "" : `; about ${lasting(run.left)} left`;
  return `A run is at work: this is what was there at ${clockText(run.written)}${left}. ` +
    `It renews this page about every ${lasting(run.pause)}.`;
}

// Show whether a run is at work; a page without a run has nothing of it.
function showAlive(run) {
  const isOver = run.is === "interrupted" || isLate(run);
  const words = aliveText(run) + (isOver ? ` ${run.command}` : "");
  byId("alive").hidden = false;
  byId("alive").classList.toggle("stopped", isOver);
  if (byId("alive").textContent !== words) {
    byId("alive").replaceChildren(aliveText(run), ...(isOver ? [" ", element("code", run.command)] : []));
  }
  byId("follow-choice").hidden = run.is === "interrupted";
}

// Show how much of a study is there, and what failed.
function showRun(study) {
  const { there, total, failed } = study.cells;
  const run = runOf();
  const isPartial = !isWhole(study);
  byId("run").classList.toggle("partial", isPartial);
  const rest = run === null ? "; mattis run with the same study computes the rest" : "";
  const share = `${Math.floor((100 * there) / total)} %`;
  byId("progress").textContent = isPartial
    ? `Not complete: ${there} of ${total} cells are there (${share})` +
      `${failed ? `, ${failed} are in blocks that failed` : ""}${rest}`
    : `complete: ${total} cells, digest ${study.digest.slice(0, 12)}`;
  byId("done").hidden = !isPartial;
  byId("done").max = total;
  byId("done").value = there;
  if (run !== null) showAlive(run);
  showFailures(study.failures);
  showThere(study);
}

// Show the blocks that failed with their messages.
function showFailures({ count, first }) {
  byId("failures").hidden = count === 0;
  const [summary, holder] = byId("failures").children;
  summary.textContent = `${count} ${count === 1 ? "block" : "blocks"} failed`;
  const parts = first.flatMap(([name, message]) => [element("dt", name), element("dd", message)]);
  const list = element("dl");
  list.append(...parts);
  const more = count - first.length;
  holder.replaceChildren(list, ...(more ? [element("p", `and ${more} more: mattis status names them`)] : []));
}

// Return the share of the seeds that are there at each place of the two longest axes, that of the view across.
function sharesThere(study) {
  const chosen = d3.sort(study.dims, (dim) => -dim.values.length).slice(0, 2);
  const longest = d3.sort(chosen, (dim) => dim.name !== study.view.across);
  const sums = new Map();
  for (const place of placesOf(study)) {
    const [column, row] = longest.map((dim) => place[dim.name]);
    const key = `${column} ${row}`;
    if (!sums.has(key)) sums.set(key, { column, row: row ?? 0, count: 0, seeds: 0 });
    const sum = sums.get(key);
    sum.count += study.seed.length;
    sum.seeds += study.seeds.at(place);
  }
  const cells = [...sums.values()].map((sum) => ({ ...sum, share: sum.seeds / sum.count }));
  return { longest, cells };
}

// Draw a small map of what is there, by the two longest axes; none where all of it is, or there is one cell.
function showThere(study) {
  const holder = byId("there");
  holder.hidden = isWhole(study) || study.seeds.values.length < LEAST_MAP;
  if (holder.hidden || holder.clientWidth < 100) return;
  const { longest, cells } = sharesThere(study);
  const [across, up] = longest;
  const chart = Plot.plot({
    className: CLASS_OF_CHARTS,
    width: Math.min(holder.clientWidth, 300), height: 110,
    marginLeft: 6, marginRight: 6, marginTop: 6, marginBottom: 6,
    x: { axis: null, domain: ordered(across, cellOfStart(study)), padding: 0.05 },
    y: { axis: null, domain: up ? ordered(up, cellOfStart(study)).reverse() : [0], padding: 0.05 },
    marks: [Plot.cell(cells, {
      x: "column", y: "row", className: "share",
      fill: (cell) => (cell.share ? colourOf("--accent") : colourOf("--missing")),
      fillOpacity: (cell) => (cell.share ? 0.25 + 0.75 * cell.share : 1),
    })],
  });
  const axes = longest.map(spoken).join(" and ");
  const caption = element("p", `What is there, over ${axes}: full colour where all ${study.samples_are} are.`, {
    class: "note",
  });
  const words = `share of the ${study.samples_are} that are there, over ${axes}`;
  holder.replaceChildren(chartWithWords(chart, words), caption);
}

// Return a place of a study, at which axes are put in order.
const cellOfStart = (study) => study.view.at;

// Keep where the reader is on the page, until it has been loaded again: what is open, focused, and how far down.
function rememberReader() {
  const focused = document.activeElement;
  const kept = {
    down: scrollY,
    open: [...document.querySelectorAll("details[open]")].map((one) => one.id),
    focus: focused?.dataset.line ? `[data-line="${CSS.escape(focused.dataset.line)}"]`
      : focused?.id ? `#${CSS.escape(focused.id)}` : "",
  };
  try {
    sessionStorage.setItem(PLACE_OF_READER, JSON.stringify(kept));
  } catch {
    // a frame without storage
  }
}

// Return the reader to where they were before the page loaded itself again.
function restoreReader() {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(PLACE_OF_READER));
    sessionStorage.removeItem(PLACE_OF_READER);
  } catch {
    return;
  }
  if (kept === null) return;
  for (const id of kept.open) if (byId(id)) byId(id).open = true;
  if (kept.focus) document.querySelector(kept.focus)?.focus({ preventScroll: true });
  // The charts of details that were opened are drawn first.
  requestAnimationFrame(() => requestAnimationFrame(() => scrollTo(0, kept.down)));
}

// Load the page again when the run should have renewed it, if it is seen and its reader rests.
function followRun(stateNow, change) {
  restoreReader();
  const run = runOf();
  if (run === null) return;
  byId("follow").checked = stateNow().follow === "yes";
  byId("follow").addEventListener("change", () => {
    change(() => ({ follow: byId("follow").checked ? "yes" : "no" }));
  });
  if (run.is === "interrupted") return;
  let touched = 0;
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "touchmove", "scroll"]) {
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true, capture: true });
  }
  const loaded = Date.now();
  setInterval(() => {
    showAlive(run);
    const now = Date.now();
    // A page that is not renewed yet is looked at again after another pause.
    const due = Math.max(run.written + run.pause, loaded / 1000 + run.pause / 2) * 1000;
    const isResting = now - touched > REST && String(getSelection()) === "";
    if (now < due || !isResting || document.hidden || stateNow().follow !== "yes") return;
    rememberReader();
    location.reload();
  }, 1000);
}
