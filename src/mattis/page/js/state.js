// What the page shows: one flat record, which the address keeps so that a link or a reload shows the same.

const SHOWN = {
  value: "value",
  error: "error",
  z: "z: (simulation − theory)/error",
  seeds: "number of seeds",
};

// Return the boundaries that are off at first: those at half of the age, and, of a map, those along its abscissa
// where another lies along its ordinate.
function hiddenAtFirst(study) {
  const { across, second, map } = study.view;
  const twice = map && study.ends.some((end) => end.along === second);
  const hidden = study.ends.filter((end) => end.name.endsWith("_early") || (twice && end.along === across));
  const sizes = d3.range(study.dim.size?.values.length ?? 0);
  return hidden.map((end) => end.name.replaceAll("_", "-"))
    .flatMap((key) => [key, ...sizes.map((index) => `${key}-size-${index}`)]);
}

// Return what the page shows at first.
function openingState(study) {
  const { across, second, map, at } = study.view;
  return {
    quantity: study.quantities[0].name,
    shown: "value",
    across,
    second: second ?? "",
    form: map ? "map" : "curves",
    at: { ...at },
    off: hiddenAtFirst(study),
    theme: "",
    follow: "yes",
  };
}

// Return the address of a state: words as they are, and one position for each axis.
function addressOf(state) {
  const words = new URLSearchParams();
  for (const key of ["quantity", "shown", "across", "second", "form", "theme", "follow"]) {
    words.set(key, state[key]);
  }
  for (const [name, index] of Object.entries(state.at)) words.set(`at.${name}`, index);
  words.set("off", state.off.join(","));
  return `#${words}`;
}

// Return the state of an address; what does not fit the study stays as it is at first.
function stateOf(address, study) {
  const words = new URLSearchParams(address.replace(/^#/, ""));
  const state = openingState(study);
  const axes = Object.keys(study.dim);
  const fits = {
    quantity: (word) => word in study.quantity,
    shown: (word) => word in SHOWN,
    across: (word) => axes.includes(word),
    second: (word) => word === "" || axes.includes(word),
    form: (word) => word === "map" || word === "curves",
    theme: (word) => ["", "light", "dark"].includes(word),
    follow: (word) => word === "yes" || word === "no",
  };
  for (const [key, fit] of Object.entries(fits)) {
    if (words.has(key) && fit(words.get(key))) state[key] = words.get(key);
  }
  for (const name of axes) {
    const index = Number(words.get(`at.${name}`) ?? -1);
    if (Number.isInteger(index) && index >= 0 && index < study.dim[name].values.length) {
      state.at[name] = index;
    }
  }
  if (words.has("off")) state.off = words.get("off").split(",").filter((key) => key);
  return settled(state, study);
}

// Return a state that can be drawn: two different axes, a map only of two, z only where there is theory.
function settled(state, study) {
  const second = state.second === state.across ? "" : state.second;
  const form = second === "" ? "curves" : state.form;
  const shown = state.shown === "z" && !study.quantity[state.quantity].z ? "value" : state.shown;
  return { ...state, second, form, shown };
}

// Keep the state in the address, where the page has one: in a frame of a notebook it has none.
function remember(state) {
  try {
    history.replaceState(null, "", addressOf(state));
  } catch {
    // shown in `srcdoc`
  }
}
