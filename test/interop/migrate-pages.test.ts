import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const require = createRequire(import.meta.url);
type Names = Readonly<Record<string, unknown>>;

/** Text of a file of a published library. */
const read = (library: string, file: string): string =>
  readFileSync(join(import.meta.dirname, "node_modules", library, file), "utf8");
/** Methods of a class that are meant for its users. */
const methods = (type: { prototype: object }): string[] =>
  Object.getOwnPropertyNames(type.prototype).filter((name) => name !== "constructor" && !name.startsWith("_"));
const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = ""]) => name);

/** Names of each library's public calls and options, as published. */
const NAMES: Readonly<Record<string, () => readonly string[]>> = {
  "node-gcm": () => gcmNames("node-gcm"),
  "fcm-node": () => Object.keys(new (require("fcm-node") as new (key: string) => Names)("key")),
  "firebase-admin": () => [
    ...all(read("firebase-admin", "lib/messaging/messaging.d.ts"), /^ {4}(?:get )?(\w+)\(/gm),
    ...all(read("firebase-admin", "lib/messaging/messaging-api.d.ts"), /^ {4}(\w+)\??:/gm),
  ],
  "node-pushnotifications": () => {
    const source = (file: string) => read("node-pushnotifications", `lib/${file}`);
    const { DEFAULT_SETTINGS } = require("node-pushnotifications/lib/constants.js") as { DEFAULT_SETTINGS: Names };
    const [, optional = ""] = /optionalProps = \[(.*)\]/.exec(source("sendFCM.js")) ?? [];
    return [
      ...methods(require("node-pushnotifications") as never),
      ...Object.keys(DEFAULT_SETTINGS),
      ...all(optional, /'(\w+)'/g),
      ...all(source("sendFCM.js"), /settings\.fcm\.(\w+)/g),
      ...all(source("utils/tools.js"), /\b(?:data|data\?|options)\.(\w+)/g),
    ];
  },
  "googleapis-fcm": () =>
    all(read("@googleapis/fcm", "build/v1.d.ts"), /^ {8}'?([\w$.]+)'?\??:/gm).filter((name) => name !== "context"),
  "node-xcs": () => {
    const { Sender, Message, Notification, Result } = require("node-xcs") as Record<string, { prototype: object }>;
    const setters = [Message, Notification].flatMap((type) => methods(type as never));
    return [
      ...methods(Sender as never),
      ...setters.filter((name) => !/^(get|is)[A-Z]/.test(name)),
      ...methods((Result ?? require("node-xcs/google/Result")) as never).filter((name) => name.startsWith("get")),
    ];
  },
};

function gcmNames(library: string): string[] {
  const { Sender, Message } = require(library) as Record<string, { prototype: object }>;
  const options = require(`${library}/lib/message-options`) as Names;
  return [
    ...Object.keys(require(library)),
    ...methods(Sender as never),
    ...methods(Message as never),
    ...Object.keys(options),
  ];
}

describe.each(Object.entries(NAMES))("the page about moving over from %s", (library, names) => {
  const page = readFileSync(join(import.meta.dirname, `../../docs/migrate/${library}.md`), "utf8");
  const code = all(page.replace(/^```[\s\S]*?^```/gm, ""), /`([^`\n]+)`/g).join(" ");
  const words = new Set(code.split(/[^\w$.]+|\.(?=\w)/));

  it("names every call and option of it", () => {
    expect([...new Set(names())].filter((name) => !words.has(name) && !words.has(name.replace(/^.*\./, "")))).toEqual(
      [],
    );
  });
});

it("@parse/node-gcm has the calls and options of node-gcm", () => {
  expect(gcmNames("@parse/node-gcm").filter((name) => !gcmNames("node-gcm").includes(name))).toEqual([]);
});
