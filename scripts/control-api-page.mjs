// Writes docs/control-api.md from the OpenAPI document of the emulator.
//
//   npm run docs:control-api
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startEmulator } from "@cloud-messaging/emulator";

const PAGE = join(dirname(fileURLToPath(import.meta.url)), "../docs/control-api.md");
/** First parts of paths that have a heading of their own; all other calls concern the emulator as a whole. */
const GROUPS = ["devices", "messages", "faults", "connections"];
const METHODS = ["get", "post", "put", "patch", "delete"];

const cell = (text) => text.replaceAll("|", "\\|");

/** A schema in a few words: `"a" | "b"`, `integer, 1 to 10`, `{ … }`. */
function typeOf(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeOf))].join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object") {
    const names = Object.keys(schema.properties ?? {});
    return names.length > 0 ? `{ ${names.join(", ")} }` : "object";
  }
  return `${schema.type ?? "any"}${rangeOf(schema)}`;
}

/** Bounds of a number, those of safe integers left out. */
function rangeOf({ minimum, exclusiveMinimum, maximum }) {
  const from = exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`;
  const isReal = (bound) => bound !== undefined && Math.abs(Number(bound)) !== Number.MAX_SAFE_INTEGER;
  const least = typeof from === "string" || isReal(from) ? from : undefined;
  const most = isReal(maximum) ? maximum : undefined;
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
  if (least !== undefined) return typeof least === "string" ? `, ${least}` : `, ${least} or more`;
  return most === undefined ? "" : `, at most ${most}`;
}

function fieldRows({ properties = {}, required = [] }) {
  return Object.entries(properties).map(
    ([name, schema]) =>
      `| \`${name}\` | \`${cell(typeOf(schema))}\` | ${required.includes(name) ? "required" : ""} | ${cell(schema.description ?? "")} |`,
  );
}

const table = (rows) => ["| Field | Type |  |  |", "|---|---|---|---|", ...rows].join("\n");

/** Tables of a body: one for each kind, where there are kinds. */
function bodyOf(schema) {
  const kinds = schema.oneOf ?? schema.anyOf;
  if (kinds === undefined) return table(fieldRows(schema));
  return kinds.map((kind) => table(fieldRows(kind))).join("\n\n");
}

function callOf(method, path, { summary, parameters = [], requestBody }) {
  const parts = [`### \`${method.toUpperCase()} ${path}\``, `${summary}.`];
  const query = parameters.filter((parameter) => parameter.in === "query");
  if (query.length > 0) {
    const rows = query.map(
      ({ name, description = "", schema }) => `| \`${name}\` | \`${cell(typeOf(schema))}\` | ${cell(description)} |`,
    );
    parts.push(["| Parameter | Type | |", "|---|---|---|", ...rows].join("\n"));
  }
  const schema = requestBody?.content["application/json"].schema;
  if (schema !== undefined) parts.push(`Body:\n\n${bodyOf(schema)}`);
  return parts.join("\n\n");
}

/** The page as the document has it. */
export function controlApiPage({ paths }) {
  const calls = Object.entries(paths).flatMap(([path, operations]) =>
    METHODS.filter((method) => operations[method] !== undefined).map((method) => ({
      group: GROUPS.find((group) => path.startsWith(`/${group}`)) ?? "emulator",
      text: callOf(method, path, operations[method]),
    })),
  );
  const parts = [...GROUPS, "emulator"].map((group) => {
    const title = group[0].toUpperCase() + group.slice(1);
    return [`## ${title}`, ...calls.filter((call) => call.group === group).map(({ text }) => text)].join("\n\n");
  });
  return `# Control API of the emulator

Everything that \`startEmulator()\` gives a program, over HTTP for all others: below \`/emulator/v1\`, JSON in and out. Generated from the OpenAPI document, which a running emulator has at
\`/emulator/v1/openapi.json\`; edit the calls, and run \`npm run docs:control-api\`. Use: [the emulator](emulator.md#the-control-api).

An answer of status 4xx is \`{"error": "…"}\`. A field that is not listed is refused by name.

${parts.join("\n\n")}
`;
}

/** The OpenAPI document of an emulator that is started for it. */
export async function openApiDocument() {
  const emulator = await startEmulator({ httpsPort: false, ccsPort: false });
  try {
    const answer = await fetch(`${emulator.httpUrl}/emulator/v1/openapi.json`);
    return await answer.json();
  } finally {
    await emulator.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(PAGE, controlApiPage(await openApiDocument()));
}
