// A plot as SVG: both axes logarithmic, a line per contestant, a bar for the spread of each point.
const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = { left: 70, right: 150, top: 20, bottom: 75 };
const COLOURS = ["#0b57d0", "#b3261e", "#146c2e", "#7b4397", "#8a5a00"];

const escapeXml = (text) => text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
const text = (x, y, words, more = "") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escapeXml(words)}</text>`;

/** Values 1, 2 and 5 times a power of ten between two values; over more than three powers, these alone. */
function ticks(from, to) {
  const steps = to / from > 1_000 ? [1] : [1, 2, 5];
  const found = [];
  for (let power = 10 ** Math.floor(Math.log10(from)); power <= to; power *= 10) {
    found.push(...steps.map((step) => step * power).filter((value) => value >= from && value <= to));
  }
  return found;
}

/**
 * @param {{x: string, y: string, note: string, series: Map<string, {x: number, y: number, least: number, most: number}[]>}} plot
 *   Names of the axes, what stands below them, and the points by contestant.
 * @returns {string} The SVG.
 */
export function drawPlot({ x, y, note, series }) {
  const points = [...series.values()].flat();
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [xMin, xMax] = range(points.map((point) => point.x));
  const [yMin, yMax] = range(points.flatMap(({ least, most }) => [least / 1.2, most * 1.2]));
  const scale = (value, [min, max], from, to) =>
    from + ((Math.log(value) - Math.log(min)) / (Math.log(max) - Math.log(min) || 1)) * (to - from);
  const px = (value) => scale(value, [xMin, xMax], MARGIN.left, WIDTH - MARGIN.right);
  const py = (value) => scale(value, [yMin, yMax], HEIGHT - MARGIN.bottom, MARGIN.top);

  const parts = [`<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`];
  for (const value of ticks(xMin, xMax)) {
    parts.push(`<path d="M${px(value)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}" stroke="#e0e0e0"/>`);
    parts.push(text(px(value), HEIGHT - MARGIN.bottom + 18, String(value), 'text-anchor="middle"'));
  }
  for (const value of ticks(yMin, yMax)) {
    parts.push(`<path d="M${MARGIN.left} ${py(value)}H${WIDTH - MARGIN.right}" stroke="#e0e0e0"/>`);
    parts.push(text(MARGIN.left - 8, py(value) + 4, String(value), 'text-anchor="end"'));
  }
  for (const [index, [name, line]] of [...series].entries()) {
    const colour = COLOURS[index % COLOURS.length];
    const path = line.map((point, at) => `${at === 0 ? "M" : "L"}${px(point.x).toFixed(1)} ${py(point.y).toFixed(1)}`);
    parts.push(`<path d="${path.join("")}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of line) {
      const at = px(point.x).toFixed(1);
      parts.push(`<path d="M${at} ${py(point.least).toFixed(1)}V${py(point.most).toFixed(1)}" stroke="${colour}"/>`);
      parts.push(`<circle cx="${at}" cy="${py(point.y).toFixed(1)}" r="3" fill="${colour}"/>`);
    }
    parts.push(text(WIDTH - MARGIN.right + 12, MARGIN.top + 16 + index * 20, name, `fill="${colour}"`));
  }
  const middle = (MARGIN.left + WIDTH - MARGIN.right) / 2;
  parts.push(text(middle, HEIGHT - MARGIN.bottom + 40, x, 'text-anchor="middle"'));
  parts.push(text(-HEIGHT / 2 + 20, 16, y, 'text-anchor="middle" transform="rotate(-90)"'));
  parts.push(text(8, HEIGHT - 10, note, 'font-size="10" fill="#5f6368"'));
  const title = `<title>${escapeXml(`${y} by ${x}`)}</title>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">\n${title}\n${parts.join("\n")}\n</svg>\n`;
}
