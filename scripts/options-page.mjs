// Writes docs/options.md: the options of senders, servers, stores and outboxes with their defaults, from the declarations of the packages.
//
//   npm run docs:options
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { membersOf, readDoc } from "./interface-members.mjs";
import { publicSurface } from "./public-surface.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const PAGE = join(ROOT, "docs/options.md");

/** Interfaces of the page, in its order. */
const PARTS = [
  ["Every sender", "core", ["SenderOptions", "BackoffPolicy", "SuspectRemoval"]],
  ["One send", "core", ["SendOptions", "SendEachOptions", "SendAllOptions"]],
  ["FCM HTTP v1", "http-sender", ["FcmSenderOptions", "FcmV1TransportOptions", "QuotaOptions"]],
  ["GCM HTTP", "http-sender", ["GcmSenderOptions", "GcmHttpTransportOptions"]],
  ["Connections over HTTP", "http-sender", ["ConnectionOptions"]],
  ["TLS", "core", ["TlsOptions"]],
  ["CCS", "ccs-client", ["CcsClientOptions", "CcsTransportOptions", "ReconnectPolicy", "CcsSendOptions"]],
  [
    "Topics and device groups",
    "http-sender",
    ["TopicSubscriptionsOptions", "InstanceIdOptions", "DeviceGroupsOptions"],
  ],
  ["Registrations in memory", "core", ["MemoryRegistrationStoreOptions", "RegisterOptions"]],
  ["Registrations in LMDB", "store-lmdb", ["LmdbRegistrationStoreOptions"]],
  ["Registrations in PostgreSQL", "store-postgres", ["PostgresRegistrationStoreOptions"]],
  ["Registrations in Redis", "store-redis", ["RedisRegistrationStoreOptions"]],
  ["Outbox", "outbox", ["EmbeddedOutboxOptions"]],
  ["Outbox over any engine", "core", ["OutboxOptions", "EnqueueOptions", "EnqueueAllOptions", "WorkOptions"]],
  ["Gateway", "gateway", ["GatewayOptions", "GatewayClient"]],
  ["Emulator", "emulator", ["EmulatorOptions", "CcsOptions", "ThrottlingOptions", "DeviceOptions"]],
];

const cell = (text) => text.replace(/(?<!\\)\|/g, "\\|");
const code = (text) => (text === "" ? "" : `\`${text}\``);

/** A default as it stands in the docstring, as code where it is a value and not words. */
function defaultOf({ optional, defaultValue }) {
  if (!optional) return "required";
  if (defaultValue === undefined) return "";
  return /^("[^"]*"|\d[\d_]*|true|false|Infinity)$/.test(defaultValue) ? code(defaultValue) : defaultValue;
}

function section({ name, doc, text }, documented) {
  const [, heritage = ""] = /^export interface .*? extends (.*) \{/.exec(text) ?? [];
  const inherited = [...heritage.matchAll(/\b[A-Z]\w+Options\b/g)].map(([parent]) =>
    documented.has(parent) ? `[\`${parent}\`](#${parent.toLowerCase()})` : code(parent),
  );
  const members = membersOf(text).map((member) =>
    [code(member.name), code(cell(member.type)), cell(defaultOf(member)), cell(member.text)].join(" | "),
  );
  const parts = [`### ${name}`, readDoc(doc).text];
  if (inherited.length > 0) parts.push(`Besides those of ${inherited.join(" and ")}:`);
  parts.push(
    ["| Option | Type | Default | Meaning |", "|---|---|---|---|", ...members.map((row) => `| ${row} |`)].join("\n"),
  );
  return parts.join("\n\n");
}

/** The page as the declarations have it. */
export function optionsPage() {
  const documented = new Set(PARTS.flatMap(([, , names]) => names));
  const parts = [
    `# Options

Options with their defaults, from the declarations of the packages. Generated: edit the docstrings, and run \`npm run docs:options\`. A name that is no option is refused, with the one
that was meant (\`ERR_INVALID_OPTIONS\`). All other types: the [public surface](../packages/core/api.md) of each package.`,
  ];
  for (const [title, folder, names] of PARTS) {
    const surface = publicSurface(join(ROOT, "packages", folder)).flatMap((entry) => entry.names);
    const found = names.map((name) => surface.find((declared) => declared.name === name));
    const missing = names.filter((_, position) => found[position] === undefined);
    if (missing.length > 0) throw new Error(`@cloud-messaging/${folder} exports no ${missing.join(", ")}`);
    parts.push(`## ${title}`, ...found.map((declared) => section(declared, documented)));
  }
  return `${parts.join("\n\n")}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(PAGE, optionsPage());
