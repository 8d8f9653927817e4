// Comparisons that a peer wins, found in the results of a run.

/** Counts of which more is better, and of which less is. */
const MORE = { once: "accepted once", intact: "handled intact", acked: "acknowledged" };
const LESS = { doubled: "doubled", lost: "lost", hung: "hung", wrong: "told wrongly", corrupt: "corrupt" };
const COSTS = { cpuUs: ["CPU per message", "µs"], rssMb: ["peak memory", "MB"] };
const STARTS = { cpuMs: ["CPU of a start", "ms"], ms: ["time of a start", "ms"] };
/** A time or a cost counts as better when it is less than this part of ours: smaller differences are noise. */
const MARGIN = 0.9;

const isOurs = (name) => name.startsWith("ours");

/** Sentences, one for each comparison. `titles`: clients by `protocol client`. */
export function betterPeers(pairs, { rounds, starts }, libraries, titles) {
  return [
    ...betterUnderFaults(pairs),
    ...cheaper(rounds, COSTS, titles),
    ...cheaper(starts, STARTS, titles),
    ...smaller(libraries),
  ];
}

function betterUnderFaults(pairs) {
  return pairs
    .filter(({ client }) => !isOurs(client))
    .flatMap((pair) => {
      const ours = pairs.find(
        ({ protocol, fault, client }) => protocol === pair.protocol && fault === pair.fault && isOurs(client),
      );
      const words = differences(pair.counts, ours.counts);
      if (isAsGood(pair.counts, ours.counts) && pair.seconds < ours.seconds * MARGIN)
        words.push(`done after ${pair.seconds.toFixed(1)} s, not ${ours.seconds.toFixed(1)} s`);
      return words.length === 0 ? [] : [`${pair.protocol}, ${pair.fault}: ${pair.title}: ${words.join(", ")}`];
    });
}

function differences(theirs, ours) {
  const word = (name, key) => `${name} ${theirs[key]}, not ${ours[key]}`;
  return [
    ...Object.entries(MORE).flatMap(([key, name]) => (theirs[key] > ours[key] ? [word(name, key)] : [])),
    ...Object.entries(LESS).flatMap(([key, name]) => (theirs[key] < ours[key] ? [word(name, key)] : [])),
  ];
}

const isAsGood = (theirs, ours) =>
  Object.keys(MORE).every((key) => !(theirs[key] < ours[key])) &&
  Object.keys(LESS).every((key) => !(theirs[key] > ours[key]));

function cheaper(rows, costs, titles) {
  return rows
    .filter(({ client }) => !isOurs(client))
    .flatMap((row) => {
      const ours = rows.find(({ protocol, client }) => protocol === row.protocol && client === "ours");
      return Object.entries(costs).flatMap(([key, [name, unit]]) =>
        row[key] < ours[key] * MARGIN
          ? [
              `${row.protocol}: ${titles.get(`${row.protocol} ${row.client}`)}: ${name} ${row[key].toFixed(0)} ${unit}, not ${ours[key].toFixed(0)} ${unit}`,
            ]
          : [],
      );
    });
}

/** Libraries of one protocol against the package of ours for it. */
const OURS = { "@xmpp/client": "ccs-client", "node-xcs": "ccs-client" };

function smaller(libraries) {
  return libraries
    .filter(({ name }) => !name.startsWith("@cloud-messaging/"))
    .flatMap(({ name, bytes }) => {
      const ours = libraries.find((row) => row.name === `@cloud-messaging/${OURS[name] ?? "http-sender"}`);
      const megabytes = (value) => `${(value / 1e6).toFixed(1)} MB`;
      return bytes < ours.bytes
        ? [`${name}: installed ${megabytes(bytes)}, not the ${megabytes(ours.bytes)} of ${ours.name}`]
        : [];
    });
}
