import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix, relative } from "node:path";
import { describe, expect, it } from "vitest";

const packagesFolder = join(import.meta.dirname, "../../packages");
const packages = readdirSync(packagesFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** Our packages that a package may import. Transports and the emulator know core only; a façade stands on top of the transports. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  "http-sender": ["core"],
  "ccs-client": ["core"],
  "connection-server": ["core"],
  postgres: ["core"],
  lmdb: ["core"],
  "store-postgres": ["core", "postgres"],
  "store-redis": ["core"],
  emulator: ["core", "connection-server", "gateway"],
  "node-gcm": ["core", "http-sender"],
  "store-lmdb": ["core", "lmdb"],
  outbox: ["core", "lmdb"],
  "outbox-bullmq": ["core"],
  "outbox-postgres": ["core", "postgres"],
  gateway: ["core", "connection-server", "http-sender", "outbox"],
  cli: [
    "core",
    "http-sender",
    "ccs-client",
    "emulator",
    "store-lmdb",
    "store-postgres",
    "store-redis",
    "outbox",
    "outbox-bullmq",
    "outbox-postgres",
  ],
  opentelemetry: ["core"],
};

/** Folders that import nothing of their package but what is listed: the device model is below everything else. */
const CLOSED_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  "emulator/src/model": ["emulator/src/model"],
  "connection-server/src/http": ["connection-server/src/http", "connection-server/src/options"],
};

/** Folders that know a package by its types alone: the device model knows nothing of protocols and their servers. */
const TYPES_ONLY: Readonly<Record<string, string>> = { "emulator/src/model": "@cloud-messaging/connection-server" };

/** Home of a well-known library. Any other library has one home per package too, wherever that is. */
const HOMES: Readonly<Record<string, string>> = {
  "p-retry": "core/src/retry/attempts.ts",
  undici: "http-sender/src/http/http.ts",
  "@xmpp/client": "ccs-client/src/xmpp/library-client.ts",
  lmdb: "lmdb/src/environment.ts",
};

/** Node's modules that core may import: it names channels and checks certificates, and does no I/O. Empty: anywhere in core. */
const CORE_BUILTINS: Readonly<Record<string, readonly string[]>> = {
  "node:diagnostics_channel": [],
  "node:timers": [],
  "node:crypto": ["core/src/environment/tls.ts", "core/src/outbox/sealing.ts"],
  // types alone: the caller gives the functions that connect
  "node:http": ["core/src/environment/tunnel.ts"],
  "node:https": ["core/src/environment/tunnel.ts"],
  "node:net": ["core/src/environment/tls.ts", "core/src/environment/tunnel.ts"],
  "node:tls": ["core/src/environment/tls.ts"],
};

interface Source {
  readonly package: string;
  /** Below the packages folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

function sourcesOf(name: string): Source[] {
  const folder = join(packagesFolder, name, "src");
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name) && !/\.(test(-d|-support)?|d)\./.test(entry.name),
    )
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return {
        package: name,
        path: relative(packagesFolder, file).replaceAll("\\", "/"),
        text: readFileSync(file, "utf8"),
      };
    });
}

/** Strings are kept as they are, so that what looks like a comment in one is none. */
const withoutComments = (text: string) =>
  text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, literal?: string) => literal ?? " ",
  );

/** Everything a file imports, in any way. */
function importsOf(text: string): string[] {
  const pattern =
    /(?:^|[\n;])\s*(?:import|export)\s[^"';]*?from\s*["']([^"']+)["']|(?:^|[\n;])\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']|\brequire(?:\.resolve)?\(\s*["']([^"']+)["']/g;
  return [...withoutComments(text).matchAll(pattern)].map(
    (match) => match.slice(1).find((part) => part !== undefined) as string,
  );
}

/** True if a file imports types alone from a package. */
const isTypeImport = (text: string, specifier: string): boolean =>
  [...withoutComments(text).matchAll(/(?:import|export)\s+(type\s)?[^"';]*?from\s*["']([^"']+)["']/g)].every(
    ([, type, from]) => from !== specifier || type !== undefined,
  );

const isBuiltin = (specifier: string) => specifier.startsWith("node:") || builtinModules.includes(specifier);
const libraryOf = (specifier: string) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Every breach of the rule in these sources, in words. */
function breaches(sources: readonly Source[]): string[] {
  const found: string[] = [];
  const homes = new Map<string, Set<string>>();
  for (const source of sources) {
    for (const specifier of importsOf(source.text)) {
      if (specifier.startsWith(".")) {
        const [target] = posix.join(posix.dirname(source.path), specifier).split("/");
        if (target !== source.package) found.push(`${source.path} reaches into ${specifier}`);
        else found.push(...upward(source.path, posix.join(posix.dirname(source.path), specifier)));
        continue;
      }
      if (isBuiltin(specifier)) {
        const places = CORE_BUILTINS[specifier];
        if (source.package === "core" && (places === undefined || (places.length > 0 && !places.includes(source.path))))
          found.push(`${source.path} does I/O: ${specifier}`);
        continue;
      }
      const library = libraryOf(specifier);
      for (const [folder, types] of Object.entries(TYPES_ONLY)) {
        if (library === types && source.path.startsWith(`${folder}/`) && !isTypeImport(source.text, specifier)) {
          found.push(`${source.path} imports more than types of ${library}`);
        }
      }
      if (library.startsWith("@cloud-messaging/")) {
        const sibling = library.slice("@cloud-messaging/".length);
        if (sibling !== source.package && !(MAY_IMPORT[source.package] ?? []).includes(sibling)) {
          found.push(`${source.path} imports ${library}`);
        }
        continue;
      }
      // a schema stands beside the type that it checks, and a package about OpenTelemetry speaks its words everywhere
      if (library === "zod" || (source.package === "opentelemetry" && library === "@opentelemetry/api")) continue;
      const key = `${source.package}: ${library}`;
      homes.set(key, (homes.get(key) ?? new Set()).add(source.path));
    }
    if (source.package === "core") found.push(...worldly(source));
  }
  for (const [key, files] of homes) {
    const library = key.split(": ")[1] as string;
    const home = HOMES[library];
    if (files.size > 1) found.push(`${key} is imported from ${[...files].sort().join(" and ")}`);
    else if (home !== undefined && !files.has(home))
      found.push(`${key} is imported from ${[...files][0]}, its home is ${home}`);
  }
  return found;
}

/** A breach of a closed folder, in words. */
function upward(from: string, to: string): string[] {
  return Object.entries(CLOSED_FOLDERS)
    .filter(([folder, allowed]) => from.startsWith(`${folder}/`) && !allowed.some((name) => to.startsWith(`${name}/`)))
    .map(([folder]) => `${from} imports ${to} from outside ${folder}`);
}

/** Parts of the world that core may not name, except in the file that stands for them. */
const WORLDLY: readonly (readonly [string, readonly string[]])[] = [
  // a parameter there, and a warning here
  ["process.", ["core/src/environment/emulator-environment.ts", "core/src/outcome/reachability.ts"]],
  ["fetch(", []],
  ["WebSocket(", []],
  ["Date.now(", ["core/src/time/clock.ts"]],
  ["new Date(", []],
  ["performance.", ["core/src/time/clock.ts"]],
  ["setTimeout(", ["core/src/time/clock.ts"]],
  ["setInterval(", []],
  // the event loop's turn, which is no time: what capacity() promises lasts for one, what is stored in one is stored together
  [
    "setImmediate(",
    ["core/src/time/clock.ts", "core/src/sending/gate.ts", "core/src/outbox/submitter.ts", "core/src/outbox/writer.ts"],
  ],
  // as the default of an option it is fine; called, it is chance that nobody can set
  ["Math.random(", []],
];

/** Time and chance reach core as parameters. */
function worldly({ path, text }: Source): string[] {
  const code = withoutComments(text);
  return WORLDLY.filter(([name, homes]) => code.includes(name) && !homes.includes(path)).map(
    ([name]) => `${path} uses ${name}`,
  );
}

describe("who may import whom", () => {
  it("holds in every package", () => {
    expect(packages).toEqual(expect.arrayContaining(["core", "http-sender", "ccs-client", "emulator"]));
    expect(packages.flatMap((name) => breaches(sourcesOf(name)))).toEqual([]);
  });

  it("is written down for every package there is", () => {
    expect(packages.filter((name) => !(name in MAY_IMPORT))).toEqual([]);
  });

  it("gives each well-known library the home it is documented to have", () => {
    for (const [library, home] of Object.entries(HOMES)) {
      const text = readFileSync(join(packagesFolder, home), "utf8");
      expect(importsOf(text).map(libraryOf), home).toContain(library);
    }
  });

  it.each([
    ["core/src/a.ts", 'import { x } from "@cloud-messaging/http-sender";', /imports @cloud-messaging/],
    ["core/src/a.ts", 'import { readFile } from "node:fs";', /does I\/O/],
    ["core/src/a.ts", 'import net from "net";', /does I\/O/],
    ["core/src/a.ts", "const key = process.env.KEY;", /uses process/],
    ["core/src/a.ts", "setTimeout(() => {}, 5);", /uses setTimeout/],
    ["core/src/a.ts", 'const path = "x//y"; process.exit();', /uses process/],
    ["core/src/a.ts", "const id = Math.random();", /uses Math.random/],
    ["core/src/a.ts", 'import { x } from "../../http-sender/src/index.ts";', /reaches into/],
    ["core/src/a.ts", 'import pRetry from "p-retry";', /its home is/],
    ["http-sender/src/a.ts", 'export type { X } from "@cloud-messaging/ccs-client";', /imports @cloud-messaging/],
    ["http-sender/src/a.ts", 'const { Pool } = await import("undici");', /its home is/],
    ["ccs-client/src/a.ts", 'import "@xmpp/client/lib/x.js";', /its home is/],
    ["emulator/src/a.ts", 'const http = require("@cloud-messaging/http-sender");', /imports @cloud-messaging/],
    ["http-sender/src/a.ts", 'import { x } from "@cloud-messaging/connection-server";', /imports @cloud-messaging/],
    ["ccs-client/src/a.ts", 'import type { X } from "@cloud-messaging/connection-server";', /imports @cloud-messaging/],
    ["connection-server/src/a.ts", 'import { x } from "@cloud-messaging/emulator";', /imports @cloud-messaging/],
    ["outbox/src/a.ts", 'import { x } from "@cloud-messaging/store-lmdb";', /imports @cloud-messaging/],
    ["store-lmdb/src/a.ts", 'import { open } from "lmdb";', /its home is/],
    ["node-gcm/src/a.ts", 'import { x } from "@cloud-messaging/connection-server";', /imports @cloud-messaging/],
    ["core/src/a.ts", 'import type { X } from "@cloud-messaging/connection-server";', /imports @cloud-messaging/],
    [
      "emulator/src/model/a.ts",
      'import type { InboxStore } from "../inbox/store.ts";',
      /from outside emulator\/src\/model/,
    ],
    ["emulator/src/model/a.ts", 'import { x } from "../stats.ts";', /from outside emulator\/src\/model/],
    ["emulator/src/model/a.ts", 'import { x } from "../control/call.ts";', /from outside emulator\/src\/model/],
    ["emulator/src/model/a.ts", 'import { x } from "../servers/ccs.ts";', /from outside emulator\/src\/model/],
    [
      "emulator/src/model/a.ts",
      'import { type X, startCcsServer } from "@cloud-messaging/connection-server";',
      /imports more than types/,
    ],
  ])("would be broken by %s with %j", (path, text, breach) => {
    expect(breaches([{ package: path.split("/")[0] as string, path, text }]).join()).toMatch(breach);
  });

  it("would be broken by a second home of a library", () => {
    const text = 'import { parse } from "anything/sub";';
    const sources = ["emulator/src/a.ts", "emulator/src/b.ts"].map((path) => ({ package: "emulator", path, text }));
    expect(breaches(sources)).toEqual(["emulator: anything is imported from emulator/src/a.ts and emulator/src/b.ts"]);
  });

  it("is not broken by a comment", () => {
    const text = '// import "node:fs"\n/* import { z } from "zod"; process.env */\nimport { a } from "./a.ts";';
    expect(breaches([{ package: "core", path: "core/src/a.ts", text }])).toEqual([]);
  });
});
