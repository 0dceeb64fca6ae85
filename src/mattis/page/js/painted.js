// The cells of a large map, painted: elements for each of them would take a browser seconds.

const MOST_ELEMENTS = 10000;
const PIXELS = 2;

// Return a mark of Plot that paints all cells into one picture.
function paintedCells(cells, colour) {
  const scale = Plot.scale({ color: colour });
  const missing = colourOf("--missing");
  return (_index, { x, y }) => {
    const [left, right] = d3.extent(cells.flatMap((cell) => [x(cell.x1), x(cell.x2)]));
    const [top, bottom] = d3.extent(cells.flatMap((cell) => [y(cell.y1), y(cell.y2)]));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.ceil((right - left) * PIXELS), Math.ceil((bottom - top) * PIXELS)];
    const paper = canvas.getContext("2d");
    const across = (place) => Math.round((x(place) - left) * PIXELS);
    const down = (place) => Math.round((y(place) - top) * PIXELS);
    for (const cell of cells) {
      const [x1, x2] = d3.extent([across(cell.x1), across(cell.x2)]);
      const [y1, y2] = d3.extent([down(cell.y1), down(cell.y2)]);
      paper.fillStyle = Number.isFinite(cell.value) ? scale.apply(cell.value) : missing;
      paper.fillRect(x1, y1, x2 - x1, y2 - y1);
    }
    return d3.create("svg:image").attr("x", left).attr("y", top).attr("width", right - left)
      .attr("height", bottom - top).attr("preserveAspectRatio", "none").attr("class", "painted")
      .attr("href", canvas.toDataURL()).node();
  };
}

// Return a mark of Plot that hatches cells by one path.
function paintedHatches(cells) {
  return (_index, { x, y }) => {
    const boxes = cells.map((cell) => `M${x(cell.x1)},${y(cell.y1)}H${x(cell.x2)}V${y(cell.y2)}H${x(cell.x1)}Z`);
    return d3.create("svg:path").attr("d", boxes.join("") || null).attr("fill", "url(#hatched)").node();
  };
}
