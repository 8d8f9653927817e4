// Tables of docs/observability.md, from the code of @cloud-messaging/opentelemetry and the events of core. With --write, writes them into the page.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ATTRIBUTES, GAUGES, METRICS } from "@cloud-messaging/opentelemetry";
import { membersOf } from "./interface-members.mjs";
import { publicSurface } from "./public-surface.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const PAGE = join(ROOT, "docs/observability.md");

const row = (...cells) => `| ${cells.join(" | ")} |`;
const table = (heads, rows) => [row(...heads), row(...heads.map(() => "---")), ...rows].join("\n");
const codes = (names) => names.map((name) => `\`${name}\``).join(", ");

/** Events of core, as its declaration has them. */
function events() {
  const names = publicSurface(join(ROOT, "packages/core")).flatMap((entry) => entry.names);
  const { text } = names.find(({ name }) => name === "CloudMessagingEvents");
  return membersOf(text);
}

/** The tables by the name of their place in the page. */
export const tables = {
  metrics: table(
    ["Metric", "Kind, unit", "", "Attributes"],
    Object.entries({ ...METRICS, ...GAUGES }).map(([name, { kind, unit, description, attributes }]) =>
      row(`\`${name}\``, `${kind}, ${unit}`, description, codes(attributes)),
    ),
  ),
  events: table(
    ["Channel", "Fields", "Published"],
    events().map(({ name, type, text }) =>
      row(`\`${name}\``, codes([...type.matchAll(/(\w+)\??: /g)].map(([, field]) => field)), text),
    ),
  ),
  attributes: table(
    ["Attribute", ""],
    Object.entries(ATTRIBUTES).map(([name, text]) => row(`\`${name}\``, text)),
  ),
};

/** The page with its tables as the code has them. */
export function pageWithTables(page = readFileSync(PAGE, "utf8")) {
  let text = page;
  for (const [name, rows] of Object.entries(tables)) {
    const place = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(?=<!-- end -->)`);
    if (!place.test(text)) throw new Error(`the page has no place for ${name}`);
    text = text.replace(place, (_, before) => `${before}${rows}\n`);
  }
  return text;
}

if (process.argv.includes("--write")) writeFileSync(PAGE, pageWithTables());
