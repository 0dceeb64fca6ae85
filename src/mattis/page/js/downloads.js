// What can be taken away: estimates and cells as CSV, the study, pictures.

// Return a field of CSV.
const field = (value) => {
  const text = Number.isNaN(value) ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csv = (rows) => `${rows.map((row) => row.map(field).join(",")).join("\r\n")}\r\n`;

// Return the labels of a cell: the value asked for on each axis, and where that is drawn if it differs.
function labelFields(study, place) {
  return study.dims.flatMap((dim) => [
    dim.words ? dim.words[place[dim.name]] : dim.values[place[dim.name]],
    dim.places.at(place),
  ]);
}

const labelHead = (study) => study.dims.flatMap((dim) => [dim.name, `${dim.name}_drawn`]);

// Return the estimates of all cells: means and errors to the last bit, theory and z where they are.
function estimatesCsv(study) {
  const parts = study.quantities.flatMap((one) => [
    [one.name, one.mean],
    [`${one.name}_error`, one.error],
    ...(one.theory_at ? [[`${one.name}_theory`, one.theory_at]] : []),
    ...(one.z ? [[`${one.name}_z`, one.z]] : []),
  ]);
  const head = [...labelHead(study), "seeds", ...parts.map(([name]) => name), "flags"];
  const rows = [...placesOf(study)].map((place) => [
    ...labelFields(study, place),
    study.seeds.at(place),
    ...parts.map(([, values]) => values.at(place)),
    wordsOf(study.quantities[0].doubts.at(place), study.doubts).join("; "),
  ]);
  return csv([head, ...rows]);
}

// Return the values of all seeds, to seven digits.
function cellsCsv(study) {
  const known = study.quantities.filter((one) => one.samples);
  const rows = [[...labelHead(study), "seed", ...known.map((one) => one.name)]];
  for (const place of placesOf(study)) {
    const labels = labelFields(study, place);
    study.seed.forEach((seed, index) => {
      const values = known.map((one) => one.samples.at({ ...place, seed: index }));
      if (values.some((value) => !Number.isNaN(value))) {
        rows.push([...labels, seed, ...values.map((value) => Number(value.toPrecision(7)))]);
      }
    });
  }
  return csv(rows);
}

// Give a file to the reader.
function give(blob, name) {
  const link = element("a", "", { download: name });
  link.href = URL.createObjectURL(blob);
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Let each button give its file; `charts` returns the charts that are shown.
function offerDownloads(study, charts) {
  const text = (words, kind) => new Blob([words], { type: `${kind};charset=utf-8` });
  const files = {
    estimates: () => [text(estimatesCsv(study), "text/csv"), `${study.name}-estimates.csv`],
    cells: () => [text(cellsCsv(study), "text/csv"), `${study.name}-cells.csv`],
    study: () => [text(study.yaml, "text/yaml"), `${study.name}.yaml`],
    svg: () => [text(pictureOf(charts()).text, "image/svg+xml"), `${study.name}.svg`],
    png: async () => [await paintedPng(pictureOf(charts())), `${study.name}.png`],
  };
  for (const button of byId("downloads").querySelectorAll("button")) {
    button.addEventListener("click", async () => give(...(await files[button.dataset.file]())));
  }
}
