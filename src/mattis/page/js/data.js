// The content of the page: its words, and its numbers as arrays that are labelled by their dimensions.

const OCTETS = { f8: 8, f4: 4, u2: 2, u1: 1 };
const KINDS = { f8: Float64Array, f4: Float32Array, u2: Uint16Array, u1: Uint8Array };

const byId = (id) => document.getElementById(id);

// Return the bytes of base64 of a zlib stream.
async function inflated(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Return the numbers of an array, whose bytes of equal weight stand together.
function numbersOf(spec, bytes) {
  const count = spec.shape.reduce((product, length) => product * length, 1);
  const octets = OCTETS[spec.kind];
  const ordered = new Uint8Array(count * octets);
  for (let weight = 0; weight < octets; weight += 1) {
    const from = spec.start + weight * count;
    for (let index = 0; index < count; index += 1) {
      ordered[index * octets + weight] = bytes[from + index];
    }
  }
  return new KINDS[spec.kind](ordered.buffer);
}

// Return an array with `at`, its value at a place {dimension: position}; other dimensions are ignored.
function labelled(spec, bytes) {
  const values = numbersOf(spec, bytes);
  const strides = [];
  spec.shape.reduceRight((stride, length, axis) => {
    strides[axis] = stride;
    return stride * length;
  }, 1);
  const at = (place) =>
    values[spec.dims.reduce((sum, dim, axis) => sum + place[dim] * strides[axis], 0)];
  return { dims: spec.dims, shape: spec.shape, values, at };
}

const isArray = (value) => value !== null && typeof value === "object" && value.kind in OCTETS;

// Return content in which each description of an array has become that array.
function filled(content, bytes) {
  if (isArray(content)) return labelled(content, bytes);
  if (Array.isArray(content)) return content.map((part) => filled(part, bytes));
  if (content === null || typeof content !== "object") return content;
  const parts = Object.entries(content).map(([key, part]) => [key, filled(part, bytes)]);
  return Object.fromEntries(parts);
}

// Return everything that the page knows of its study.
async function loaded() {
  const content = JSON.parse(byId("content").textContent);
  const study = filled(content, await inflated(byId("numbers").textContent));
  study.dim = Object.fromEntries(study.dims.map((dim) => [dim.name, dim]));
  study.quantity = Object.fromEntries(study.quantities.map((one) => [one.name, one]));
  return study;
}

// Yield each place of some dimensions of a study.
function* placesOf(study, names = study.dims.map((dim) => dim.name), place = {}) {
  if (names.length === 0) {
    yield { ...place };
    return;
  }
  const [first, ...rest] = names;
  for (let index = 0; index < study.dim[first].values.length; index += 1) {
    yield* placesOf(study, rest, { ...place, [first]: index });
  }
}
