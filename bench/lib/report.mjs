// From measurements to a table or a line of JSON.
import { LIMIT, median, medianBounds, verdict } from "./statistics.mjs";

const round = (value, digits = 2) => Number(value.toFixed(digits));

function summarise({ definition, contestants }) {
  const rows = contestants.map(({ name, cpuUs, perSecond, rssMb }) => ({
    name,
    us: median(cpuUs),
    least: Math.min(...cpuUs),
    most: Math.max(...cpuUs),
    perSecond: median(perSecond),
    rssMb,
  }));
  const find = (name) => rows.find((row) => row.name === name);
  const cheapest = (some) => some.sort((a, b) => a.us - b.us)[0];
  const isFloor = ({ name }) => name.startsWith("floor");
  const best = cheapest(rows.filter((row) => !isFloor(row) && row.name !== "ours"));
  // where there are several floors, the better one counts
  return { definition, rows, floor: cheapest(rows.filter(isFloor)), ours: find("ours"), best };
}

/** One case as one line of JSON. */
export function jsonLine(result) {
  const { definition, floor, ours, best } = summarise(result);
  const { floor: targetFloor, peer: targetPeer, rate: targetRate } = definition.target ?? {};
  const ratioFloor = floor === undefined ? undefined : ours.us / floor.us;
  const ratioPeer = best === undefined ? undefined : best.us / ours.us;
  const ratioRate = best === undefined ? undefined : ours.perSecond / best.perSecond;
  // a target that is held against a peer which is not there is neither met nor missed
  const compared = best !== undefined || (targetPeer === undefined && targetRate === undefined);
  const met =
    (targetFloor === undefined || ratioFloor <= targetFloor) &&
    (best === undefined || targetPeer === undefined || ratioPeer >= targetPeer) &&
    (best === undefined || targetRate === undefined || ratioRate >= targetRate);
  return JSON.stringify({
    case: definition.name,
    unit: definition.unit,
    ours_us: round(ours.us),
    ...(floor === undefined ? {} : { floor_us: round(floor.us), ratio_floor: round(ratioFloor) }),
    ...(best === undefined
      ? {}
      : { peer: best.name, peer_us: round(best.us), ratio_peer: round(ratioPeer), ratio_rate: round(ratioRate) }),
    target_floor: targetFloor ?? null,
    target_peer: targetPeer ?? null,
    ...(targetRate === undefined ? {} : { target_rate: targetRate }),
    met: met && !compared ? null : met,
    ...(compared ? {} : { not_compared: definition.missing ?? [] }),
  });
}

/** Every case as a table on the terminal. */
export function printTable(results) {
  const table = [["case", "", "CPU µs per", "", "spread", "per second", "peak RSS", "to floor", "best peer", "target"]];
  for (const result of results) {
    const { definition, rows, floor, ours, best } = summarise(result);
    const { met } = JSON.parse(jsonLine(result));
    const answer = met === null ? "not compared" : met ? "met" : "not met";
    for (const [index, row] of rows.entries()) {
      const isOurs = row === ours;
      table.push([
        index === 0 ? definition.name : "",
        row.name,
        row.us.toFixed(1),
        definition.unit,
        `${row.least.toFixed(1)}–${row.most.toFixed(1)}`,
        row.perSecond.toFixed(0),
        `${row.rssMb.toFixed(0)} MB`,
        floor === undefined ? "" : `${(row.us / floor.us).toFixed(2)}×`,
        isOurs && best !== undefined ? `${(best.us / row.us).toFixed(2)}× less than ${best.name}` : "",
        isOurs && definition.target !== undefined ? `${describe(definition.target)}: ${answer}` : "",
      ]);
    }
    for (const name of definition.missing ?? [])
      table.push(["", name, "", "not installed: not compared", "", "", "", "", "", ""]);
  }
  print(table, (column) => column < 2 || column === 3 || column > 7);
  console.log(`\nNode ${process.version}; client CPU time, median over rounds, least and most beside it.`);
}

/** This tree against another, case by case. */
export function printPairs(results, commit) {
  const table = [["case", "pairs", "median", "95 % bounds", ""]];
  for (const { name, ratios, limit } of results) {
    if (ratios === undefined) {
      table.push([name, "", "", "", `not there at ${commit}`]);
      continue;
    }
    const bounds = medianBounds(ratios);
    table.push([
      name,
      String(ratios.length),
      median(ratios).toFixed(3),
      `${bounds.lower.toFixed(3)} – ${bounds.upper.toFixed(3)}`,
      verdict(bounds, limit),
    ]);
  }
  print(table, (column) => column === 0 || column === 4);
  console.log(
    `\nNode ${process.version}; CPU time per message of this tree, divided by that of ${commit}, pair by pair. Dearer is more than ${LIMIT}, or than the target where a case is held against its floor.`,
  );
}

/** One case against another commit as one line of JSON. */
export function pairsLine({ name, ratios, limit }, commit) {
  if (ratios === undefined) return JSON.stringify({ case: name, against: commit, verdict: "not there" });
  const { lower, upper } = medianBounds(ratios);
  const ratio = { median: round(median(ratios), 3), lower: round(lower, 3), upper: round(upper, 3) };
  return JSON.stringify({
    case: name,
    against: commit,
    pairs: ratios.length,
    ...ratio,
    verdict: verdict({ lower, upper }, limit),
  });
}

function print(table, isText) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    const cells = row.map((cell, column) =>
      isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log(cells.join("  ").trimEnd());
  }
}

function describe({ floor, peer, rate }) {
  return [
    floor === undefined ? "" : `≤ ${floor}× floor`,
    peer === undefined ? "" : `≥ ${peer}× less than the best peer`,
    rate === undefined ? "" : `≥ ${rate}× the best peer's messages per second`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}
