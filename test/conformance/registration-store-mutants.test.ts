import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { registrationStoreCases } from "@cloud-messaging/core/testing";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const SOURCES = join(import.meta.dirname, "../../packages/core/src/registrations");
const RULES = "registration-rules.ts";
const STORE = "memory-registration-store.ts";
const FEED = "memory-feed.ts";

/** Mistake, file, the right text (which is there once) and the wrong one. */
const MUTANTS: readonly (readonly [string, string, string, string])[] = [
  // the seven that the first suite was measured with
  [
    "registering A again does not end A→B",
    RULES,
    "if (tables.rewriteOf(target) !== undefined) tables.setRewrite(target, undefined, now);",
    "",
  ],
  [
    "a rewrite loses registeredAt",
    RULES,
    "tables.putRegistration({ ...each, token: target }, each);",
    "tables.putRegistration({ ...each, token: target, registeredAt: now }, each);",
  ],
  [
    "a token registered after its installation's ID is kept beside it",
    RULES,
    "tables.stateOf(fid) !== undefined ? fid : token;",
    "tables.stateOf(fid) !== undefined ? token : token;",
  ],
  [
    "a rewrite whose target died still leads there",
    RULES,
    "for (const source of tables.rewritesTo(token)) tables.setRewrite(source, undefined, 0);",
    "",
  ],
  [
    "a verdict is applied whatever was registered since",
    RULES,
    "(state?.revision ?? null) !== verdict.revision || ",
    "",
  ],
  [
    "a chain is followed by one link alone",
    RULES,
    "for (const source of tables.rewritesTo(token)) tables.setRewrite(source, target, now);",
    "",
  ],
  [
    "a token stays with its first user",
    RULES,
    "other.order > one.order ? other : one",
    "other.order < one.order ? other : one",
  ],
  // owners
  ["a token stays with everybody who ever had it", RULES, "if (latest.shared) return [];", "return [];"],
  ["a shared token passes to the newest", RULES, "if (latest.shared) return [];", ""],
  ["a merged registration forgets that it was the latest", RULES, "each.order > same.order ? each : same;", "same;"],
  [
    "touching makes a user the owner",
    RULES,
    "tables.putRegistration({ ...known, lastSeenAt: now }, known);",
    "tables.putRegistration({ ...known, lastSeenAt: now, order: tables.nextNumber() }, known);",
  ],
  [
    "who lost a token is not told after a rewrite",
    RULES,
    "if (lost.length > 0) {\n    tables.emit",
    "if (lost.length > 99) {\n    tables.emit",
  ],
  [
    "who lost a token is named among those who have its canonical ID",
    RULES,
    "users.filter((userId) => !lost.includes(userId))",
    "users",
  ],
  // installations
  [
    "an installation ID leaves its stored tokens beside it",
    RULES,
    "token === fid ? tables.tokensOfInstallation(fid, fid) :",
    "token === fid ? [] :",
  ],
  [
    "another token of the installation stays with the other user",
    RULES,
    "for (const other of tables.tokensOfInstallation(fid, target)) {",
    "for (const other of [] as RegistrationToken[]) {",
  ],
  [
    "another token of the installation is taken from its own user too",
    RULES,
    ".filter((each) => each.userId !== userId);\n    for",
    ".slice();\n    for",
  ],
  [
    "signing out leaves the other tokens of the installation",
    RULES,
    "(fid !== undefined && fids.includes(fid))",
    "false",
  ],
  [
    "any token with a colon is one of an installation",
    RULES,
    'const fid = colon < 0 ? "" : token.slice(0, colon);\n  return isFid(fid) &&',
    'const fid = colon < 0 ? "" : token.slice(0, 5);\n  return fid !== "" ||',
  ],
  // registering and signing out
  [
    "registering again keeps the revision",
    RULES,
    "tokenState(number, acceptedAt, undefined)",
    "tokenState(known === undefined ? number : (tables.stateOf(target)?.revision ?? number), acceptedAt, undefined)",
  ],
  ["registering again loses what is left out", RULES, "if (known !== undefined) setDetails(reported, known);", ""],
  ["registering again changes registeredAt", RULES, "registeredAt: known?.registeredAt ?? now", "registeredAt: now"],
  [
    "registering again loses acceptedAt",
    RULES,
    "const acceptedAt = tables.stateOf(target)?.acceptedAt;",
    "const acceptedAt = undefined;",
  ],
  [
    "registering again changes the place on the pages",
    RULES,
    "id: known?.id ?? number",
    "id: (known && tables.deleteRegistration(known), number)",
  ],
  [
    "signing out does not follow a rewrite",
    RULES,
    "const target = tables.rewriteOf(token) ?? token;\n  const fids",
    "const target = token;\n  const fids",
  ],
  [
    "touching does not follow a rewrite",
    RULES,
    "const target = tables.rewriteOf(token) ?? token;\n  const known",
    "const target = token;\n  const known",
  ],
  [
    "signing out of a shared token removes it for all",
    RULES,
    "tables.deleteRegistration(registration);\n  const { token } = registration;",
    "const { token } = registration;\n  for (const each of tables.registrationsOfToken(token)) tables.deleteRegistration(each);",
  ],
  [
    "a token without users keeps its revision",
    RULES,
    "if (tables.registrationsOfToken(token).length === 0) tables.setState(token, undefined);",
    "",
  ],
  // rewrites
  [
    "a rewrite does not change the revision of its target",
    RULES,
    "tokenState(tables.nextNumber(), acceptedAt ===",
    "tokenState(known?.revision ?? tables.nextNumber(), acceptedAt ===",
  ],
  [
    "a verdict on a superseded token is applied",
    RULES,
    "|| tables.rewriteOf(token) !== undefined) return;",
    ") return;",
  ],
  [
    "contrary rewrites end in a circle",
    RULES,
    "if (target === token) {",
    "if (target === canonical && target === token) {",
  ],
  [
    "a rewrite leads to what its target was, not is",
    RULES,
    "let target = tables.rewriteOf(canonical) ?? canonical;",
    "let target = canonical;",
  ],
  [
    "merging takes the later registeredAt",
    RULES,
    "Math.min(each.registeredAt, same.registeredAt)",
    "Math.max(each.registeredAt, same.registeredAt)",
  ],
  ["merging takes the target's lastSeenAt", RULES, "Math.max(each.lastSeenAt, same.lastSeenAt)", "same.lastSeenAt"],
  [
    "merging takes the details of the superseded token",
    RULES,
    "tables.putRegistration({ ...same, order",
    "tables.putRegistration({ ...each, id: same.id, token: target, order",
  ],
  [
    "a rewrite changes the place on the pages",
    RULES,
    "tables.putRegistration({ ...each, token: target }, each);",
    "tables.deleteRegistration(each);\n      tables.putRegistration({ ...each, id: tables.nextNumber(), token: target }, undefined);",
  ],
  [
    "the removal of what is not stored is told",
    RULES,
    'if (registrations.length === 0) return;\n  tables.emit({ type: "removed"',
    'tables.emit({ type: "removed"',
  ],
  // suspects
  [
    "an accepted message does not end suspicion",
    RULES,
    "{ revision: state.revision, acceptedAt: now }",
    "{ ...state, acceptedAt: now }",
  ],
  [
    "refusals of different senders count together",
    RULES,
    "state.suspicion?.sender === sender",
    "state.suspicion !== undefined",
  ],
  [
    "one refusal too many is needed",
    RULES,
    "suspicion.refusals >= removal.refusals",
    "suspicion.refusals > removal.refusals",
  ],
  ["the time between refusals does not count", RULES, "&& now - suspicion.since >= removal.overMs", ""],
  [
    "a suspect is removed without a policy",
    RULES,
    "if (removal !== undefined && suspicion.refusals >= removal.refusals &&",
    "if (suspicion.refusals >= (removal?.refusals ?? 2) &&",
  ],
  [
    "a refusal gives a new revision",
    RULES,
    "tables.setState(token, { ...state, suspicion });",
    "tables.setState(token, { ...state, revision: tables.nextNumber(), suspicion });",
  ],
  // reading
  [
    "the state told is that of the superseded token",
    STORE,
    "states: tokens.map(stateOf)",
    "states: given.map(stateOf)",
  ],
  ["the platform is not looked at", STORE, "if (platform !== undefined && each.platform !== platform) continue;", ""],
  ["seenBefore includes its own moment", STORE, "each.lastSeenAt >= seenBefore", "each.lastSeenAt > seenBefore"],
  [
    "a page of users skips one",
    STORE,
    "return { userIds, next: String(id) }",
    "return { userIds, next: String(id + 1) }",
  ],
  [
    "a page of registrations begins with the last of the one before",
    STORE,
    "return { registrations: found, next: String(id) }",
    "return { registrations: found, next: String(id - 1) }",
  ],
  [
    "what was seen just then is unseen",
    STORE,
    "if (each.lastSeenAt < query.before) unseen.push(each);",
    "if (each.lastSeenAt <= query.before) unseen.push(each);",
  ],
  ["old rewrites are never forgotten", STORE, "tables.forgetRewrites(query.before);", ""],
  [
    "removing the unseen leaves the rest for the next time",
    STORE,
    "more: unseen.length === query.limit",
    "more: false",
  ],
  [
    "the feed skips a change between pages",
    FEED,
    "this.#kept.slice(last + 1 - this.#first,",
    'this.#kept.slice(last + (from === "oldest" ? 1 : 2) - this.#first,',
  ],
  ["the newest place of the feed is the oldest", FEED, "cursor: String(end) }", "cursor: String(this.#first - 1) }"],
];

type Create = typeof createMemoryRegistrationStore;

/** How often the wrong text stands where the right one was: once, or the mistake is not planted. */
const planted: number[] = MUTANTS.map(() => 0);

/** Bundles the store as it is and once with each mistake, which has files of its own where mistakes are: the others are shared. */
async function bundleAll(folder: string): Promise<void> {
  const mutable = [RULES, STORE, FEED];
  const bundle = await rolldown({
    input: Object.fromEntries(
      [-1, ...MUTANTS.keys()].map((index) => [`mutant${index}`, `${join(SOURCES, STORE)}?${index}`]),
    ),
    platform: "node",
    external: [/^[^./]/],
    logLevel: "silent",
    plugins: [
      {
        name: "mutate",
        async resolveId(source: string, importer: string | undefined) {
          const [file = "", own] = source.split("?");
          const index = own ?? importer?.split("?")[1];
          const id = importer === undefined ? file : join(dirname(importer), file);
          return index !== undefined && mutable.includes(basename(file)) ? `${id}?${index}` : undefined;
        },
        async load(id: string) {
          const [file = "", index] = id.split("?");
          if (index === undefined) return undefined;
          const code = await readFile(file, "utf8");
          const [, mutated, right, wrong] = MUTANTS[Number(index)] ?? [];
          if (right === undefined || wrong === undefined || mutated !== basename(file))
            return { code, moduleType: "ts" };
          planted[Number(index)] = code.split(right).length - 1;
          return { code: code.replace(right, () => wrong), moduleType: "ts" };
        },
      },
    ],
  });
  await bundle.write({ dir: folder, format: "es", entryFileNames: "[name].mjs", chunkFileNames: "shared-[hash].mjs" });
  await bundle.close();
}

async function load(folder: string, index: number): Promise<Create> {
  const module = (await import(pathToFileURL(join(folder, `mutant${index}.mjs`)).href)) as {
    createMemoryRegistrationStore: Create;
  };
  return module.createMemoryRegistrationStore;
}

/** The first case that a store fails. */
async function failureOf(create: Create): Promise<string | undefined> {
  const cases = registrationStoreCases({ create: (clock) => ({ stores: [create({ clock })] }), runs: 30 });
  for (const { name, run } of cases) {
    try {
      await run();
    } catch {
      return name;
    }
  }
  return undefined;
}

describe("the contract of a registration store", () => {
  let folder: string;
  beforeAll(async () => {
    // where the dependencies of core are found
    const cache = join(SOURCES, "../../node_modules/.cache");
    await mkdir(cache, { recursive: true });
    folder = await mkdtemp(join(cache, "mutants-"));
    await bundleAll(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is met by the store that the mistakes are planted in", async () => {
    expect(await failureOf(await load(folder, -1))).toBeUndefined();
  });

  it.each(MUTANTS.map(([mistake], index) => [mistake, index] as const))(
    "is not met by a store in which %s",
    async (_, index) => {
      expect(planted[index]).toBe(1);
      expect(await failureOf(await load(folder, index))).toBeDefined();
    },
  );
});
