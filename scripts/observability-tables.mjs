// Tables of docs/observability.md, from the code of @cloud-messaging/opentelemetry. With --write, writes them into the page.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ATTRIBUTES, GAUGES, METRICS } from "@cloud-messaging/opentelemetry";

const PAGE = join(dirname(fileURLToPath(import.meta.url)), "../docs/observability.md");

const row = (...cells) => `| ${cells.join(" | ")} |`;
const table = (heads, rows) => [row(...heads), row(...heads.map(() => "---")), ...rows].join("\n");
const codes = (names) => names.map((name) => `\`${name}\``).join(", ");

/** The tables by the name of their place in the page. */
export const tables = {
  metrics: table(
    ["Metric", "Kind, unit", "", "Attributes"],
    Object.entries({ ...METRICS, ...GAUGES }).map(([name, { kind, unit, description, attributes }]) =>
      row(`\`${name}\``, `${kind}, ${unit}`, description, codes(attributes)),
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
    text = text.replace(
      new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(\n<!-- end -->)`),
      (_, before, after) => before + rows + after,
    );
  }
  return text;
}

if (process.argv.includes("--write")) writeFileSync(PAGE, pageWithTables());
