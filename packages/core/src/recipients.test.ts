import { describe, expect, it } from "vitest";
import { createMemoryRegistrationStore } from "./registrations/memory-registration-store.ts";
import type { RegistrationStore } from "./registrations/registration-store.ts";
import { type Answer, scriptedTransport } from "./scripted-transport.test-support.ts";
import { createSender } from "./sending/create-sender.ts";
import type { CreateSenderOptions, SendAllOutcome } from "./sending/sender.ts";
import { createManualClock } from "./time/clock.ts";

function setup(script: Record<string, readonly Answer[]> = {}, options: Partial<CreateSenderOptions> = {}) {
  const clock = createManualClock(1_000);
  const transport = scriptedTransport(script, { clock });
  const sender = createSender({ transport, clock, random: () => 0, ...options });
  const sentTo = () => transport.attempts.map(({ recipients }) => recipients.join(","));
  return { clock, transport, sender, sentTo };
}

/** A store in memory, with some methods replaced. */
function storeWith(methods: Partial<Record<keyof RegistrationStore, unknown>>): RegistrationStore {
  return { ...createMemoryRegistrationStore(), ...methods } as RegistrationStore;
}

describe("a list of tokens", () => {
  const bad: [unknown, string][] = [
    [undefined, "undefined"],
    [null, "null"],
    ["", ""],
    ["tok\n", "tok\n"],
    [7, "a number"],
    [{}, "an object"],
    ["é", "é"],
    ["x".repeat(4_097), "x".repeat(4_097)],
  ];

  it.each(bad)(
    "with %j in it gives that position an outcome of its own, and goes out to the others",
    async (value, recipient) => {
      const { sender, sentTo } = setup({ dead: ["not-registered"] });
      const tokens = ["tok-a", value, "dead", value] as string[];
      const { outcomes } = await sender.send({ target: { tokens }, data: { n: "1" } });
      const refused = {
        kind: "rejected",
        code: "invalid-argument",
        recipient,
        attempts: 0,
        detail: expect.stringMatching(/^The token /),
      };
      expect(outcomes).toMatchObject([
        { kind: "accepted", recipient: "tok-a" },
        refused,
        { kind: "unregistered" },
        refused,
      ]);
      expect(sentTo()).toEqual(["tok-a,dead"]);

      const all: SendAllOutcome[] = [];
      for await (const outcome of sender.sendAll({ data: { n: "1" } }, tokens)) all.push(outcome);
      expect(all.sort((a, b) => a.position - b.position)[1]).toMatchObject(refused);
    },
  );

  it("of nothing but malformed tokens sends nothing", async () => {
    const { sender, sentTo } = setup();
    const { outcomes } = await sender.send({ target: { tokens: [undefined, ""] as string[] } });
    expect(outcomes.map(({ kind }) => kind)).toEqual(["rejected", "rejected"]);
    expect(sentTo()).toEqual([]);
  });

  it("that is empty gives an empty report, from send and from sendAll", async () => {
    const { sender, sentTo } = setup();
    expect(await sender.send({ target: { tokens: [] }, data: { n: "1" } })).toEqual({ outcomes: [] });
    for await (const _ of sender.sendAll({}, [])) throw new Error("an outcome of nobody");
    expect([sentTo(), sender.pending]).toEqual([[], 0]);
  });

  it("with holes in it has an outcome for each hole", async () => {
    const { sender } = setup();
    const tokens = ["tok-a"];
    tokens[2] = "tok-b";
    const { outcomes } = await sender.send({ target: { tokens } });
    expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "rejected", "accepted"]);
  });

  it("does not excuse what else is wrong with the message", async () => {
    const { sender, sentTo } = setup();
    for (const tokens of [[], [undefined], ["tok-a", undefined]] as string[][]) {
      await expect(sender.send({ target: { tokens }, data: { from: "x" } })).rejects.toMatchObject({
        code: "ERR_INVALID_MESSAGE",
        problems: [{ path: "data.from" }],
      });
      await expect(sender.send({ target: { tokens, topic: "x" } as never })).rejects.toMatchObject({
        problems: [{ path: "target" }],
      });
    }
    expect(sentTo()).toEqual([]);
  });

  it("is the one place where a bad token is no error: a single target is", async () => {
    const { sender } = setup();
    await expect(sender.send({ target: { token: "" } })).rejects.toMatchObject({
      problems: [{ path: "target.token" }],
    });
  });
});

describe("the recipient of a topic's outcome", () => {
  it.each(["news", "/topics/news"])("is as the caller gave it: %s", async (topic) => {
    const { sender, sentTo } = setup();
    const told: string[] = [];
    const report = await sender.send({ target: { topic } }, { onOutcome: ({ recipient }) => told.push(recipient) });
    expect(report.outcomes[0]?.recipient).toBe(topic);
    expect([told, sentTo()]).toEqual([[topic], ["news"]]);
  });
});

describe("a registration store that answers with something else", () => {
  const known = { revision: 1 };
  const sentence = (problem: RegExp) => ({
    code: "ERR_REGISTRATION_STORE",
    message: expect.stringMatching(problem) as string,
  });
  it.each([
    [null, /resolve\(\) answered with null and not with the arrays tokens and states: one for each of the 2 tokens/],
    [undefined, /resolve\(\) answered with undefined/],
    [["tok-a", "tok-b"], /answered with an array and not with/],
    [{ tokens: ["tok-a"], states: [known, known] }, /answered with 1 tokens/],
    [{ tokens: ["tok-a", "tok-b"], states: [known] }, /answered with 1 states/],
    [{ tokens: ["tok-a", undefined], states: [known, known] }, /entry 1 of the tokens .* must be a string/],
    [{ tokens: ["tok-a", "b c"], states: [known, known] }, /entry 1 .* white space/],
    [
      { tokens: ["tok-a", "tok-b"], states: [known, {}] },
      /entry 1 of the states that resolve\(\) answered has no revision/,
    ],
    [{ tokens: ["tok-a", "tok-b"], states: [null, known] }, /entry 0 of the states/],
    ["tok", /a string/],
  ])("to resolve, %j, gets a sentence, at once or later", async (answer, problem) => {
    for (const resolve of [() => answer, () => Promise.resolve(answer)]) {
      const { sender, sentTo } = setup({}, { registrations: storeWith({ resolve }) });
      await expect(sender.send({ target: { tokens: ["tok-a", "tok-b"] } })).rejects.toMatchObject(sentence(problem));
      expect([sentTo(), sender.pending]).toEqual([[], 0]);
    }
  });
  it("with a thenable that throws has failed like any other", async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: it is what is tried
      then() {
        throw new Error("broken");
      },
    };
    const { sender, sentTo } = setup({}, { registrations: storeWith({ resolve: () => thenable }) });
    await expect(sender.send({ target: { token: "tok-a" } })).rejects.toMatchObject({ code: "ERR_REGISTRATION_STORE" });
    expect([sentTo(), sender.pending]).toEqual([[], 0]);
  });
  it.each([
    [null, /registrationsOf\(\) answered with null/],
    [undefined, /undefined/],
    [{}, /an object/],
    [[null], /the token of entry 0/],
    [[{ token: "" }], /must not be empty/],
    [[{ token: "tok-a" }], /entry 0 of what registrationsOf\(\) answered has no revision/],
    [["tok-a"], /the token of entry 0/],
  ])("to registrationsOf, %j, gets a sentence", async (answer, problem) => {
    for (const registrationsOf of [() => answer, () => Promise.resolve(answer)]) {
      const { sender, sentTo } = setup({}, { registrations: storeWith({ registrationsOf }) });
      await expect(sender.sendToUser("ada", {})).rejects.toMatchObject(sentence(problem));
      expect([sentTo(), sender.pending]).toEqual([[], 0]);
    }
  });
});

describe("a registration store that hangs", () => {
  const hanging = storeWith({ apply: () => new Promise(() => undefined) });

  it("keeps a send no longer than its timeoutMs", async () => {
    const { clock, sender } = setup({ dead: ["not-registered"] }, { registrations: hanging });
    const sending = sender.send({ target: { token: "dead" } }, { timeoutMs: 500 });
    await clock.advance(499);
    expect(sender.pending).toBe(1);
    await clock.advance(1);
    const report = await sending;
    expect(report.outcomes).toMatchObject([{ kind: "unregistered" }]);
    expect(String(report.storeError)).toMatch(/did not take the report within 500 ms/);
  });

  it("keeps close() no longer than closeTimeoutMs of the transport, and the outcome is not lost", async () => {
    const transport = scriptedTransport({ dead: ["not-registered"] }, { closeTimeoutMs: 300 });
    const { clock, sender } = setup({}, { registrations: hanging, transport });
    const sending = sender.send({ target: { token: "dead" } });
    await clock.advance(0);
    const closing = sender.close();
    await clock.advance(299);
    expect(sender.pending).toBe(1);
    await clock.advance(1);
    await closing;
    const report = await sending;
    expect(report.outcomes).toMatchObject([{ kind: "unregistered" }]);
    expect(String(report.storeError)).toMatch(/before the sender was closed/);
    expect(clock.scheduled).toBe(0);
  });

  it("is waited for 30 s at most", async () => {
    const { clock, sender } = setup({ dead: ["not-registered"] }, { registrations: hanging });
    const sending = sender.send({ target: { token: "dead" } });
    await clock.advance(30_000);
    expect(String((await sending).storeError)).toMatch(/within 30000 ms/);
  });
});

describe("the sender's own timeoutMs", () => {
  it("bounds every send that has none, and gives way to that of a send", async () => {
    const { clock, sender } = setup({ away: ["unavailable"] }, { timeoutMs: 2_500 });
    const begun = clock.now();
    const short = sender.send({ target: { token: "away" } }).then(() => clock.now() - begun);
    const long = sender.send({ target: { token: "away" } }, { timeoutMs: 60_000 }).then(() => clock.now() - begun);
    for (let step = 0; step < 60; step++) await clock.advance(1_000);
    expect(await short).toBeLessThanOrEqual(2_500);
    expect(await long).toBeGreaterThan(2_500);
  });

  it("is checked when the sender is made", () => {
    for (const timeoutMs of [0, -1, Number.NaN, "5"]) {
      expect(() => setup({}, { timeoutMs: timeoutMs as never })).toThrow(/timeoutMs: must be/);
    }
  });
});
