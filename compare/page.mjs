// docs/compared.md, as the run found it.
import { readFileSync } from "node:fs";
import { betterPeers } from "./better.mjs";
import { ccsFaults } from "./faults/ccs.mjs";
import { httpFaults } from "./faults/http.mjs";
import { LIMIT_MS } from "./lib/limit.mjs";

const features = JSON.parse(readFileSync(new URL("./features.json", import.meta.url), "utf8"));

const PROTOCOLS = { "fcm-v1": "FCM HTTP v1", "gcm-http": "GCM HTTP", ccs: "CCS" };
const CUT = {
  title: "UTF-8 cut at every byte",
  text: "Upstream messages with text of several scripts, one for each byte of the stanza, which arrives in two packets cut there.",
};

const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
const cell = (value) => String(value).replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
const seconds = (value) => (value === undefined ? "–" : `${value.toFixed(1)} s`);

/** The whole page, of what the runs have found; a part that was not run has no tables. */
export function page(parts) {
  const { costs = { rounds: [], starts: [] }, sizes = { versions: [], libraries: [] } } = parts;
  const protocols = Object.entries(PROTOCOLS).filter(([protocol]) => protocol in parts);
  const pairs = protocols.flatMap(([protocol]) => parts[protocol].pairs);
  const minutes = Object.values(parts).reduce((sum, part) => sum + part.minutes, 0);
  return `${[
    "# Compared",
    `Written by \`npm run compare\`, which took ${minutes.toFixed(0)} minutes; do not edit. Every client ran the same scripts against the same servers. The clients are unmodified: \`@cloud-messaging/emulator/redirect\` leads their connections to the servers of the comparison. The packages of this SDK are those of this tree.`,
    table(
      ["Part", "Minutes", "Node", "Processors", "Load average before and after"],
      Object.entries(parts).map(([name, { minutes, node, processors, loads }]) => [
        name,
        minutes.toFixed(1),
        node,
        processors,
        loads.map((value) => value.toFixed(1)).join(", "),
      ]),
    ),
    "Other programs were busy on the machine where the load is above its processors: what clients take is longer then.",
    table(["Peer", "Version"], sizes.versions),
    "## Faults",
    EXPLAINED,
    ...protocols.flatMap(([protocol, name]) => [`### ${name}`, ...faultSections(parts[protocol].pairs)]),
    "## Costs",
    ...costSections(costs, sizes, pairs),
    "## Where a peer is better",
    "Found by the run in the tables of faults and costs: counts, and times where all counts are as good, that are better than those of this SDK with its defaults; costs that are lower.",
    list(betterPeers(pairs, costs, sizes.libraries, titlesOf(pairs))),
    ...featureSections(),
  ].join("\n\n")}\n`;
}

const EXPLAINED = `Each message goes to a token of its own. **Accepted once** and **doubled** are counted at the server, which knows of each message how often it processed it; *same ID* says how many of the doubled ones came again under the message ID of the first copy, by which the far end can tell a repeat. The other columns compare that with what the client told its caller:

- **failed, told**: never processed, and the caller was told of a failure or a doubt: it can send again
- **lost**: never processed, and the caller was told of a success, or nothing
- **in doubt**: the caller was told that the message may have been accepted: the outcome \`ambiguous\` of this SDK; of a peer every error that names a time-out or a lost connection, which a careful caller can read that way
- **hung**: no answer to the caller within ${LIMIT_MS / 1000} seconds. That is twice the longest time that a client here takes to settle by its own rules: node-gcm makes six attempts of 15 seconds with 31 seconds of back-off
- **told wrongly**: told of a success without one, or of a plain failure although the message was processed

**Time** is from the start of the process to the last answer. Clients keep their defaults, apart from time-outs where a client has none: 15 seconds for those of GCM HTTP.`;

function faultSections(pairs) {
  const names = [...new Set(pairs.map(({ fault }) => fault))];
  return names.flatMap((name) => {
    const { title, text } = ccsFaults[name] ?? httpFaults[name] ?? CUT;
    const here = pairs.filter(({ fault }) => fault === name);
    const notes = here.filter(({ ended }) => ended !== undefined).map((pair) => `${pair.title}: ${pair.ended}`);
    return [
      `#### ${title}`,
      text,
      name === "cut" ? upstreamTable(here) : faultTable(here),
      ...(notes.length > 0 ? [`Processes that ended by themselves:`, list(notes.map(code))] : []),
    ];
  });
}

const code = (note) => note.replaceAll(/[`|\n]/g, " ").replace(/: (.*)/, ": `$1`");
const list = (items) => (items.length === 0 ? "Nowhere." : items.map((item) => `- ${item}`).join("\n"));

function faultTable(pairs) {
  const head = ["Client", "Messages", "Accepted once", "Doubled", "Failed, told", "Lost", "In doubt", "Hung"];
  return table(
    [...head, "Told wrongly", "Requests", "Time"],
    pairs.map(({ title, counts, seconds: time }) => [
      title,
      counts.messages,
      counts.once,
      counts.sameId > 0 ? `${counts.doubled} (same ID: ${counts.sameId})` : counts.doubled,
      counts.failed,
      counts.lost,
      counts.doubt,
      counts.hung,
      counts.wrong,
      counts.seen,
      seconds(time),
    ]),
  );
}

function upstreamTable(pairs) {
  return table(
    ["Client", "Messages", "Handled intact", "Handled corrupt", "Handled twice", "Lost", "Acknowledged"],
    pairs.map(({ title, counts }) => [
      title,
      counts.messages,
      counts.intact,
      counts.corrupt,
      counts.doubled,
      counts.lost,
      counts.acked,
    ]),
  );
}

const titlesOf = (pairs) => new Map(pairs.map(({ protocol, client, title }) => [`${protocol} ${client}`, title]));

function costSections({ rounds, starts }, { libraries }, pairs) {
  const titles = titlesOf(pairs);
  const sections = Object.entries(PROTOCOLS).flatMap(([protocol, name]) => {
    const rows = rounds.filter((row) => row.protocol === protocol);
    if (rows.length === 0) return [];
    const ours = rows.find(({ client }) => client === "ours");
    return [
      `### ${name}: per message, and from a cold start`,
      table(
        [
          "Client",
          "CPU per message",
          "Least to most",
          "To this SDK",
          "Messages a second",
          "Peak memory",
          "Start: CPU",
          "Start: time",
        ],
        rows.map((row) => {
          const cold = starts.find((one) => one.protocol === protocol && one.client === row.client);
          return [
            titles.get(`${protocol} ${row.client}`),
            `${row.cpuUs.toFixed(0)} µs`,
            `${row.least.toFixed(0)}–${row.most.toFixed(0)} µs`,
            `${(row.cpuUs / ours.cpuUs).toFixed(2)}×`,
            row.perSecond.toFixed(0),
            `${row.rssMb.toFixed(0)} MB`,
            `${cold.cpuMs.toFixed(0)} ms`,
            `${cold.ms.toFixed(0)} ms`,
          ];
        }),
      ),
    ];
  });
  const explained =
    "Median of seven rounds of 500 messages (CCS: 5000) in which the clients take turns, each in a process of its own; the servers accept everything. CPU time is that of the client's process; after half a round of warm-up, connections and code that is not optimised yet are a part of it, and `bench/results.md` has what messages cost in long runs. FCM HTTP v1: calls of 100 messages, one after the other; GCM HTTP: calls of one message, 32 at a time; CCS: 100 messages unacknowledged. Peak memory is that of the process after all rounds. The start is that of a process until its one message is accepted, the harness and the redirect included, median of three.";
  return [
    ...(rounds.length > 0 ? [explained] : []),
    ...sections,
    "### Installed",
    "Packages that `npm install` puts there, the library itself included, and their bytes on disk.",
    table(
      ["Library", "Packages", "Size"],
      libraries.map(({ name, packages, bytes }) => [name, packages, `${(bytes / 1e6).toFixed(1)} MB`]),
    ),
  ];
}

const PEERS = [
  ["firebase-admin", "firebase-admin 14.5.1"],
  ["node-gcm", "node-gcm 1.1.4, at 6b5b3f9"],
  ["gcm-server (Java)", "google/gcm at 9198287"],
  ["go-gcm", "kikinteractive/go-gcm at 88d91ed"],
  ["node-xcs", "node-xcs 0.1.8, at faa2b41"],
  ["fcmxmppserverv2 (Java)", "carlosCharz/fcmxmppserverv2 at 6949074"],
  ["rpush (Ruby)", "rpush/rpush at a5ea408"],
  ["gorush (Go)", "appleboy/gorush at 891b453"],
];

/** The tables of features, from features.json. */
function featureSections() {
  return [
    "## Features",
    `Peers: read in their source, once, at ${PEERS.map(([, version]) => version).join("; ")}; not run for this table. Y yes, P partly, N no, – not applicable. This SDK: each answer but "no" has a test behind it, by its title; \`test/packaging/compared.test.ts\` fails when one is missing.`,
    ...features.flatMap(({ group, rows }) => [
      `### ${group}`,
      table(
        ["Capability", ...PEERS.map(([name]) => name), "This SDK", "Test"],
        rows.map(({ capability, peers, ours, test }) => [
          capability,
          ...peers,
          ours,
          test === undefined ? "" : `\`${test.file}\`: ${test.title.replaceAll("<", "&lt;")}`,
        ]),
      ),
    ]),
  ];
}
