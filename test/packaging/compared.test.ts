import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const load = (path: string) => import(new URL(`../../compare/${path}`, import.meta.url).href);

type Word = "accepted" | "failed" | "doubt";
interface Accepted {
  add(token: string, id?: string): void;
}
const { Accepted, tally, tallyUpstream } = (await load("lib/tally.mjs")) as {
  Accepted: new () => Accepted;
  tally(tokens: readonly string[], accepted: Accepted, told: ReadonlyMap<string, Word>): Record<string, number>;
  tallyUpstream(
    sent: ReadonlyMap<string, string>,
    handled: readonly { id: string; text: string }[],
    acked: ReadonlySet<string>,
  ): Record<string, number>;
};
const { toldBy } = (await load("lib/told.mjs")) as { toldBy(error: unknown): Word };
const { page: pageOf } = (await load("page.mjs")) as { page(results: unknown): string };
const features = JSON.parse(read("compare/features.json")) as readonly {
  readonly rows: readonly {
    readonly capability: string;
    readonly ours: string;
    readonly test?: { readonly file: string; readonly title: string };
  }[];
}[];
const page = read("docs/compared.md");

describe("a client under a fault", () => {
  it.each<[string, string[], Word | undefined, Record<string, number>]>([
    ["was told right", ["1"], "accepted", { once: 1 }],
    ["was told of a failure that was one", [], "failed", { failed: 1 }],
    ["was told of a failure that was none", ["1"], "failed", { once: 1, wrong: 1 }],
    ["was told of a success that was none", [], "accepted", { lost: 1, wrong: 1 }],
    ["is in doubt of what was accepted", ["1"], "doubt", { once: 1, doubt: 1 }],
    ["is in doubt of what was not", [], "doubt", { failed: 1, doubt: 1 }],
    ["was told nothing of what was accepted", ["1"], undefined, { once: 1, hung: 1 }],
    ["was told nothing of what was not", [], undefined, { lost: 1, hung: 1 }],
    ["had its message accepted twice", ["1", "2"], "accepted", { doubled: 1 }],
    ["had its message accepted twice under one ID", ["1", "1"], "accepted", { doubled: 1, sameId: 1 }],
  ])("%s", (_, ids, told, counts) => {
    const accepted = new Accepted();
    for (const id of ids) accepted.add("t", id);
    const zero = {
      messages: 1,
      once: 0,
      doubled: 0,
      sameId: 0,
      failed: 0,
      lost: 0,
      doubt: 0,
      hung: 0,
      wrong: 0,
      seen: 0,
    };
    expect(tally(["t"], accepted, new Map(told && [["t", told]]))).toEqual({ ...zero, ...counts });
  });

  it("has its upstream messages counted as they were handled", () => {
    const sent = new Map(["a", "b", "c", "d"].map((id) => [id, "ü"]));
    const handled = [
      { id: "a", text: "ü" },
      { id: "b", text: "\ufffd" },
      { id: "c", text: "ü" },
      { id: "c", text: "ü" },
    ];
    expect(tallyUpstream(sent, handled, new Set(["a"]))).toEqual({
      messages: 4,
      intact: 2,
      corrupt: 1,
      doubled: 1,
      lost: 1,
      acked: 1,
    });
  });

  it.each<[Word, unknown]>([
    ["doubt", Object.assign(new Error("x"), { code: "ECONNRESET" })],
    ["doubt", { code: "app/network-timeout", message: "network timeout" }],
    ["doubt", new Error("x", { cause: new Error("The session has been destroyed") })],
    ["failed", Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })],
    ["failed", 503],
  ])("is in '%s' by its error %#", (word, error) => {
    expect(toldBy(error)).toBe(word);
  });
});

describe("a feature of the comparison", () => {
  it.each(features.flatMap(({ rows }) => rows).map((row) => [row.capability, row] as const))(
    "has a test that exists, or is none: %s",
    (_, { ours, test }) => {
      expect(ours).toMatch(/^(yes|partly|no)\b/);
      if (test === undefined) expect(ours).toBe("no");
      else expect(read(test.file).replaceAll('\\"', '"')).toContain(test.title);
    },
  );
});

describe("the page of the comparison", () => {
  const tables = page
    .split("\n\n")
    .filter((part) => part.startsWith("|"))
    .map((part) =>
      part
        .trim()
        .split("\n")
        .map((row) =>
          row
            .split(/(?<!\\)\|/)
            .slice(1, -1)
            .map((text) => text.trim()),
        ),
    );

  it("is what the runs have found: after a change, npm run compare -- page", () => {
    expect(page).toBe(pageOf(JSON.parse(read("compare/results.json"))));
  });

  it("has rows as long as their heads", () => {
    expect(tables.length).toBeGreaterThan(20);
    for (const [head = [], ...rows] of tables) for (const row of rows) expect(row).toHaveLength(head.length);
  });

  it("accounts for every message, for every client under every fault", () => {
    const faults = tables.filter(([head]) => head?.[2] === "Accepted once");
    expect(faults.length).toBeGreaterThan(15);
    for (const [, , ...rows] of faults) {
      for (const [client, messages, once, doubled, failed, lost] of rows) {
        const sum = [once, doubled, failed, lost].map((text) => Number.parseInt(text ?? "", 10));
        expect(
          sum.reduce((a, b) => a + b),
          client,
        ).toBe(Number(messages));
      }
    }
  });

  it.each(["fcm-v1", "gcm-http", "ccs"])("has every client of %s under each of its faults", async (protocol) => {
    const { default: clients } = (await load(`clients/${protocol}.mjs`)) as {
      default: Record<string, { title: string; http?: string }>;
    };
    const { httpFaults } = (await load("faults/http.mjs")) as {
      httpFaults: Record<string, { http?: string; protocols?: readonly string[] }>;
    };
    const { ccsFaults } = (await load("faults/ccs.mjs")) as { ccsFaults: object };
    const ofHttp = Object.entries(httpFaults).filter(([, { protocols }]) => protocols?.includes(protocol) ?? true);
    const faults =
      protocol === "ccs"
        ? [...Object.keys(ccsFaults), "cut"].map((name) => ({ name, http: undefined }))
        : ofHttp.map(([name, { http }]) => ({ name, http }));
    const due = faults.flatMap(({ name, http }) =>
      Object.entries(clients)
        .filter(([, client]) => http === undefined || client.http === http)
        .map(([client]) => `${name} ${client}`),
    );
    const { pairs } = (
      JSON.parse(read("compare/results.json")) as Record<string, { pairs: { fault: string; client: string }[] }>
    )[protocol] as { pairs: { fault: string; client: string }[] };
    expect(pairs.map(({ fault, client }) => `${fault} ${client}`).toSorted()).toEqual(due.toSorted());
    for (const { title } of Object.values(clients)) expect(page).toContain(`\n| ${title} |`);
  });
});

it("the comparison refuses a Node that is too old, and says why", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "compare/node-version.mjs")], {
    encoding: "utf8",
  });
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isOld = major < 22 || (major === 22 && minor < 18);
  expect(status).toBe(isOld ? 1 : 0);
  expect(stderr).toMatch(isOld ? /needs Node 22\.18 or later/ : /^$/);
});
