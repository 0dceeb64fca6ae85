// Tables: of a plane, and of lists of rows.

// Return a table with a caption, a head, and rows whose first cell names them.
function table(head, rows, words) {
  const made = element("table");
  made.append(element("caption", words));
  const top = element("tr");
  top.append(...head.map((word) => element("th", word, { scope: "col" })));
  made.append(top);
  for (const [first, ...rest] of rows) {
    const row = element("tr");
    row.append(element("th", first, { scope: "row" }), ...rest.map((text) => element("td", text)));
    made.append(row);
  }
  return made;
}

// Return the table of the plane that is shown: a row for each value up, a column for each across.
function planeTable(study, state) {
  const [across, second] = [study.dim[state.across], study.dim[state.second]];
  const columns = ordered(across, state.at);
  const rows = second ? ordered(second, state.at).reverse() : [null];
  const quantity = study.quantity[state.quantity];
  const body = rows.map((row) => {
    const place = row === null ? { ...state.at } : { ...state.at, [second.name]: row };
    const cells = columns.map((index) => {
      const here = { ...place, [across.name]: index };
      if (study.seeds.at(here) === 0) return "not there";
      return state.shown === "value"
        ? withError(quantity.mean.at(here), quantity.error.at(here))
        : short(shownAt(study, state, here), 3);
    });
    return [second ? valueText(second, place) : quantity.label, ...cells];
  });
  const head = columns.map((index) => valueText(across, { ...state.at, [across.name]: index }));
  const corner = second ? `${second.label} \\ ${across.label}` : across.label;
  return table([corner, ...head], body, `${quantity.label}: ${SHOWN[state.shown]}`);
}
