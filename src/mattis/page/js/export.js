// Pictures of the diagram: its charts in one SVG that stands by itself, and the same as PNG.

const NAMESPACE = "http://www.w3.org/2000/svg";

// Return the charts of the diagram, one below the other, as the text of one SVG.
function pictureOf(charts) {
  const boxes = charts.map((chart) => ({
    chart: chart.cloneNode(true),
    width: Number(chart.getAttribute("width")),
    height: Number(chart.getAttribute("height")),
  }));
  const [width, height] = [d3.max(boxes, (box) => box.width), d3.sum(boxes, (box) => box.height)];
  const out = d3.create("svg:svg").attr("xmlns", NAMESPACE).attr("width", width).attr("height", height)
    .attr("viewBox", `0 0 ${width} ${height}`).attr("color", colourOf("--ink"))
    .attr("font-family", "system-ui, DejaVu Sans, sans-serif").attr("font-size", 12);
  out.append("rect").attr("width", width).attr("height", height).attr("fill", colourOf("--paper"));
  let top = 0;
  for (const box of boxes) {
    d3.select(box.chart).attr("y", top).attr("overflow", "visible");
    box.chart.querySelectorAll("style, [aria-label='tip']").forEach((part) => part.remove());
    out.node().append(box.chart);
    top += box.height;
  }
  return { text: new XMLSerializer().serializeToString(out.node()), width, height };
}

// Return a picture as PNG, at twice its size.
async function paintedPng({ text, width, height }) {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  image.src = address;
  await image.decode();
  URL.revokeObjectURL(address);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
}
