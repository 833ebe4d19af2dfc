/**
 * The chart library, loaded when the first chart needs it, with colours and patterns from the style sheet.
 * A series can be recognised by its pattern as well as by its colour.
 */

let library = null;
let tries = 0;

/**
 * Return the library's Chart class.
 * @throws {Error} it could not be loaded; the next call tries again.
 */
export async function chartLibrary() {
  library ??= fetchLibrary();
  try {
    return await library;
  } catch (error) {
    library = null;
    throw error;
  }
}

/** A browser does not load a failed module again from the same address, so each attempt uses a new address. */
async function fetchLibrary() {
  const address = document.documentElement.dataset.chartLibrary;
  const again = tries ? `?again=${tries}` : "";
  tries += 1;
  await import(new URL(address + again, document.baseURI)); // A module's own address would be the base otherwise.
  const { Chart } = globalThis;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  return Chart;
}

/** Return the value of a colour of the style sheet, e.g. `--series-1`. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function prefersNoMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Call `action` whenever light and dark change; return the function that ends it. */
export function onThemeChange(action) {
  const theme = matchMedia("(prefers-color-scheme: dark)");
  theme.addEventListener("change", action);
  return () => theme.removeEventListener("change", action);
}

const TILE = 8;
const MARKS = {
  hatch(pen) {
    for (const shift of [-TILE, 0, TILE]) {
      pen.moveTo(shift, TILE);
      pen.lineTo(shift + TILE, 0);
    }
  },
  lines(pen) {
    pen.moveTo(0, TILE / 2);
    pen.lineTo(TILE, TILE / 2);
  },
  dots(pen) {
    pen.arc(TILE / 2, TILE / 2, 1.1, 0, 2 * Math.PI);
  },
  cross(pen) {
    MARKS.lines(pen);
    pen.moveTo(TILE / 2, 0);
    pen.lineTo(TILE / 2, TILE);
  },
};

/** Return the fill of a series: its colour, with the marks of its pattern (`plain`, `hatch`, `lines`, `dots`, `cross`). */
export function fill(colourName, pattern = "plain") {
  const base = colour(colourName);
  if (pattern === "plain") return base;
  const scale = devicePixelRatio || 1;
  const tile = document.createElement("canvas");
  tile.width = tile.height = TILE * scale;
  const pen = tile.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = base;
  pen.fillRect(0, 0, TILE, TILE);
  pen.strokeStyle = colour("--surface");
  pen.lineWidth = 1.6;
  pen.globalAlpha = 0.6;
  pen.beginPath();
  MARKS[pattern](pen);
  pen.stroke();
  const made = pen.createPattern(tile, "repeat");
  made.setTransform(new DOMMatrix().scale(1 / scale));
  return made;
}

/** Return a small square with that fill, for legends. */
export function swatch(colourName, pattern, isLine = false) {
  const square = document.createElement("canvas");
  square.className = "swatch";
  square.width = square.height = 14;
  square.setAttribute("aria-hidden", "true");
  const pen = square.getContext("2d");
  pen.fillStyle = fill(colourName, pattern);
  if (isLine) pen.fillRect(0, 5, 14, 4);
  else pen.fillRect(0, 0, 14, 14);
  return square;
}
