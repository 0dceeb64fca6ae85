// What the reader turns: the quantity, the axes, a slider for each other axis, a switch for each line.

// Fill a list of choices.
function fillSelect(id, choices, chosen) {
  byId(id).replaceChildren(
    ...choices.map(([value, words]) => {
      const option = element("option", words, { value });
      option.selected = value === chosen;
      return option;
    }),
  );
}

// Show the choices as they are in a state.
function showChoices(study, state) {
  const varied = study.dims.filter((dim) => dim.values.length > 1 || dim.name === state.across);
  const axes = varied.map((dim) => [dim.name, dim.label]);
  fillSelect("quantity", study.quantities.map((one) => [one.name, one.label]), state.quantity);
  const kinds = Object.entries(SHOWN).filter(([kind]) => kind !== "z" || study.quantity[state.quantity].z);
  fillSelect("shown", kinds, state.shown);
  fillSelect("across", axes, state.across);
  const others = axes.filter(([name]) => name !== state.across);
  fillSelect("second", [["", "nothing"], ...others], state.second);
  byId("form").value = state.form;
  byId("form").disabled = state.second === "";
}

// Show a slider for each axis that varies and is not shown.
function showSliders(study, state, change) {
  const rest = study.dims.filter(
    (dim) => dim.values.length > 1 && dim.name !== state.across && dim.name !== state.second,
  );
  const names = rest.map((dim) => dim.name).join(" ");
  const holder = byId("sliders");
  if (holder.dataset.names !== names) {
    holder.dataset.names = names;
    holder.replaceChildren(...rest.map((dim) => slider(study, dim, change)));
  }
  for (const dim of rest) {
    const input = byId(`slider-${dim.name}`);
    const words = valueText(dim, state.at);
    input.value = ordered(dim, state.at).indexOf(state.at[dim.name]);
    input.setAttribute("aria-valuetext", words);
    byId(`value-${dim.name}`).textContent = words;
  }
}

// Return a slider along an axis, in the order of its values.
function slider(study, dim, change) {
  const label = element("label", `${dim.label}: `);
  const words = element("output", "", { id: `value-${dim.name}` });
  const last = dim.values.length - 1;
  const input = element("input", "", {
    type: "range", min: 0, max: last, step: 1, id: `slider-${dim.name}`, "aria-label": dim.label,
  });
  input.addEventListener("input", () => {
    change((state) => {
      const order = ordered(dim, state.at);
      return { at: { ...state.at, [dim.name]: order[Number(input.value)] } };
    });
  });
  const head = element("span");
  head.append(label.textContent, words);
  label.replaceChildren(head, input);
  return label;
}

// Return a small picture of a line, or of the point of a boundary, for its switch.
function sample(style) {
  const made = d3.create("svg:svg").attr("width", 34).attr("height", 12).attr("aria-hidden", "true");
  if (style.dash !== undefined) {
    made.append("line").attr("x1", 0).attr("x2", 34).attr("y1", 6).attr("y2", 6)
      .attr("stroke", style.stroke).attr("stroke-width", 2.5).attr("stroke-dasharray", style.dash || null);
  } else {
    const shape = style.square ? d3.symbolSquare : style.diamond ? d3.symbolDiamond : d3.symbolCircle;
    made.append("path").attr("d", d3.symbol(shape, 40)()).attr("transform", "translate(17,6)")
      .attr("stroke", "currentColor").attr("fill", style.diamond ? "currentColor" : "none");
  }
  return made.node();
}

// Return the lines that can be switched in a state: their keys, words, and looks.
function switchesOf(study, state) {
  const lines = linesOf(study, state).map(({ line, index, key }) => ({
    key, style: lineStyle(index), words: `${line.symbol}: ${line.meaning}`, title: `${line.equation} (${line.source})`,
  }));
  const ends = endsOf(study, state).map(({ end, key }) => ({
    key,
    style: { square: end.name.endsWith("_early"), diamond: end.name.endsWith("_extrapolated") },
    words: `${end.meaning}${end.age === null ? "" : `, after ${short(end.age)} sweeps`}`,
    title: end.criterion,
  }));
  const sizes = endsOfSizes(study, state).map(({ end, key, name, style }) => ({
    key, style, words: `the same at ${name}: ${end.meaning}`, title: end.criterion,
  }));
  const marks = state.form === "map" ? [] : study.marks.filter((mark) => mark.along === state.across);
  const named = new Map(marks.map((mark) => [`mark-${mark.quantity.replace(".", "-")}`, mark]));
  const uprights = [...named].map(([key, mark]) => ({
    key, style: { stroke: colourOf("--grey"), dash: "6,4" }, words: `${mark.symbol}: ${mark.meaning}`,
    title: `${mark.equation} (${mark.source})`,
  }));
  return [...lines, ...ends, ...sizes, ...uprights];
}

// Show a switch for each line of a state.
function showSwitches(study, state, change) {
  const wanted = switchesOf(study, state);
  const holder = byId("switches");
  holder.hidden = wanted.length === 0;
  const boxes = wanted.map(({ key, style, words, title }) => {
    const label = element("label", "", { title });
    const box = element("input", "", { type: "checkbox", "data-line": key });
    box.checked = isOn(state, key);
    box.addEventListener("change", () => {
      change((now) => ({ off: box.checked ? now.off.filter((one) => one !== key) : [...now.off, key] }));
    });
    label.append(box, sample(style), element("span", words));
    return label;
  });
  const focused = document.activeElement?.dataset?.line;
  holder.replaceChildren(element("legend", "lines"), ...boxes);
  if (focused) holder.querySelector(`[data-line="${CSS.escape(focused)}"]`)?.focus();
}

// Show which colour and symbol each curve has.
function showLegend(curves) {
  const named = curves.filter((curve) => curve.name);
  byId("legend").replaceChildren(
    ...named.map((curve) => {
      const item = element("li");
      const made = d3.create("svg:svg").attr("width", 14).attr("height", 12).attr("aria-hidden", "true");
      const shape = { circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle,
        diamond: d3.symbolDiamond, star: d3.symbolStar, wye: d3.symbolWye }[curve.symbol];
      made.append("path").attr("d", d3.symbol(shape, 50)()).attr("transform", "translate(7,6)")
        .attr("fill", curve.colour);
      item.append(made.node(), element("span", curve.name));
      return item;
    }),
  );
}
