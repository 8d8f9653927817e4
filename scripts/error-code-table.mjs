// Writes docs/protocol/error-codes.md from the one table in core. A test fails when the page is out of date.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES, outcomeKindFor } from "@cloud-messaging/core/transport";

const cell = (words) => (words === undefined ? "" : words.map((word) => `\`${word}\``).join(" "));

export function errorCodeTable() {
  const rows = Object.entries(ERROR_CODES).map(([code, row]) =>
    [
      `\`${code}\``,
      row.meaning,
      row.verdict,
      outcomeKindFor(code),
      [cell(row.gcmHttp), row.gcmHttpStatus === undefined ? "" : `HTTP ${row.gcmHttpStatus.join(", ")}`]
        .filter(Boolean)
        .join(" "),
      cell(row.ccs),
      cell(row.fcmV1),
      cell(row.instanceId),
      cell(row.deviceGroups),
      row.text === undefined ? "" : `\`${row.text.source.replaceAll("|", "\\|")}\``,
      row.action,
    ].join(" | "),
  );
  return `# Error codes

One row per meaning, the same over every transport: \`switch (outcome.code)\`. Generated from \`packages/core/src/outcome/error-code.ts\`; edit it there
and run \`npm run docs:error-codes\`.

Codes of outcomes. What is thrown has codes of its own, \`ERR_…\`: [errors and warnings](../errors.md).

The kind is what a failure becomes when the service (or the network before anything was written) said so. Whatever the code, a message that
was written and never answered is \`ambiguous\`.

| Code | Meaning | Verdict | Kind | GCM HTTP | CCS nack | FCM v1 | Instance ID | Device groups | Told by the explanation | What to do |
|---|---|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join("\n")}
`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(import.meta.dirname, "../docs/protocol/error-codes.md"), errorCodeTable());
}
