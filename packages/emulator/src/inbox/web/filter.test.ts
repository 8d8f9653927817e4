import { describe, expect, it } from "vitest";
import type { MessageSummary } from "../live.ts";
import { compileFilter, filterQuery, freeWords, NO_FILTER, readFilterQuery } from "./filter.ts";

const message = (facts: Partial<MessageSummary>): MessageSummary => ({
  id: 1,
  at: 0,
  protocol: "gcm-http",
  kind: "token",
  to: "tok-a",
  preview: "{}",
  timeToLiveSec: 60,
  delayWhileIdle: false,
  dryRun: false,
  receiptRequested: false,
  state: "delivered",
  devices: 1,
  delivered: 1,
  ...facts,
});

describe("the inbox's filter", () => {
  const all = [
    message({ id: 1, to: "tok-a", preview: '{"Text":"Grüße aus Köln"}' }),
    message({ id: 2, to: "tok-b", protocol: "ccs", state: "stored", collapseKey: "mail", senderId: "42" }),
    message({ id: 3, to: "/topics/news", state: "rejected", code: "not-registered", notification: { title: "Köln" } }),
  ];
  const shown = (filter: Partial<typeof NO_FILTER>) =>
    all.filter(compileFilter({ ...NO_FILTER, ...filter }) ?? (() => true)).map(({ id }) => id);

  it.each([
    ["", [1, 2, 3]],
    ["   ", [1, 2, 3]],
    ["köln", [1, 3]],
    ["KÖLN aus", [1]],
    ["to:tok", [1, 2]],
    ["to:TOK-B state:stored", [2]],
    ["protocol:ccs", [2]],
    ["key:mail", [2]],
    ["from:4", [2]],
    ["code:not-reg", [3]],
    ["to:", []], // a field without a value is a word
    ["http://nowhere", []],
    ['"grüße aus"', [1]],
    ['"aus grüße"', []],
    ["-köln", [2]],
    ["-state:stored köln", [1, 3]],
    ['-"grüße aus" to:tok', [2]],
    ['to:"/topics/news"', [3]],
    ["-", [1, 2, 3]], // a minus alone is a word: tokens have one
    ['"köln', [3]], // so is a quotation mark that is not closed
    ["nothing", []],
  ])("shows for %j the messages %j", (text, ids) => {
    expect(shown({ text })).toEqual(ids);
  });

  it("counts what the server found on the wire", () => {
    const found = new Map([["deep", new Set([2])]]);
    const test = compileFilter({ ...NO_FILTER, text: "deep state:stored" }, found);
    expect(all.filter((each) => test?.(each)).map(({ id }) => id)).toEqual([2]);
    expect(freeWords("Deep state:stored to: http://x")).toEqual(["deep", "to:", "http://x"]);
  });

  it("narrows by tone and by protocol", () => {
    expect(shown({ tone: "bad" })).toEqual([3]);
    expect(shown({ tone: "waiting", protocol: "ccs" })).toEqual([2]);
    expect(shown({ tone: "good", protocol: "ccs" })).toEqual([]);
  });

  it("stands in an address and is read from it again; what an address cannot mean is nothing", () => {
    const filter = { text: 'to:"/topics/a b" -x&y=#', tone: "bad", protocol: "ccs" } as const;
    expect(readFilterQuery(filterQuery(filter))).toEqual(filter);
    expect(filterQuery(NO_FILTER)).toBe("");
    expect(readFilterQuery("show=<b>&z=1")).toEqual(NO_FILTER);
  });

  it("costs nothing when it lets everything through", () => {
    expect(compileFilter(NO_FILTER)).toBeUndefined();
  });
});
