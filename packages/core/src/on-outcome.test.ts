import { describe, expect, it } from "vitest";
import { subscribe } from "./events.ts";
import { recipientsOf } from "./message/target.ts";
import type { RegistrationToken } from "./message/token.ts";
import { failureOutcome, type RecipientOutcome } from "./outcome/outcome.ts";
import { createMemoryRegistrationStore } from "./registrations/memory-registration-store.ts";
import { type Answer, scriptedTransport } from "./scripted-transport.test-support.ts";
import { createSender } from "./sending/create-sender.ts";
import type { CreateSenderOptions, SendAllOutcome } from "./sending/sender.ts";
import { createManualClock } from "./time/clock.ts";

function setup(script: Record<string, readonly Answer[]>, options: Partial<CreateSenderOptions> = {}) {
  const clock = createManualClock(1_000);
  const transport = scriptedTransport(script, { clock });
  const sender = createSender({ transport, clock, random: () => 0, ...options });
  const told: SendAllOutcome[] = [];
  const onOutcome = (outcome: SendAllOutcome) => void told.push(outcome);
  return { clock, transport, sender, told, onOutcome };
}

const accepted = (recipient: string): RecipientOutcome => ({ kind: "accepted", recipient, attempts: 1, sentAt: 1_000 });
const places = (told: readonly SendAllOutcome[]) => told.map(({ position, kind }) => `${position} ${kind}`);

describe("onOutcome", () => {
  it("tells what is known while one recipient is still tried again, each exactly once", async () => {
    const { clock, sender, told, onOutcome } = setup({
      away: ["unavailable", "unavailable", "ok"],
      dead: ["not-registered"],
    });
    const tokens = ["tok-a", "away", "dead", "", "tok-b"];
    const sending = sender.send({ target: { tokens } }, { onOutcome });
    await clock.advance(0);
    expect(places(told).sort()).toEqual(["0 accepted", "2 unregistered", "3 rejected", "4 accepted"]);
    expect(sender.pending).toBe(1);
    await clock.advance(10_000);
    const { outcomes } = await sending;
    expect(told).toHaveLength(5);
    expect(places(told).at(-1)).toBe("1 accepted");
    for (const { position, ...outcome } of told) expect(outcome).toEqual(outcomes[position]);
  });

  it("tells each of several that are tried again when its own last word is known", async () => {
    const { clock, sender, told, onOutcome } = setup({
      soon: ["unavailable", "ok"],
      late: ["unavailable", { code: "unavailable", retryAfterMs: 30_000 }, "ok"],
      never: ["unavailable"],
    });
    const sending = sender.send({ target: { tokens: ["soon", "late", "never"] } }, { onOutcome });
    await clock.advance(2_000);
    expect(places(told)).toEqual(["0 accepted"]);
    await clock.advance(10_000);
    expect(places(told)).toEqual(["0 accepted", "2 retryable"]);
    await clock.advance(120_000);
    const { outcomes } = await sending;
    expect(places(told)).toEqual(["0 accepted", "2 retryable", "1 accepted"]);
    for (const { position, ...outcome } of told) expect(outcome).toEqual(outcomes[position]);
  });

  it("names superseded and repeated tokens as the caller gave them", async () => {
    const registrations = createMemoryRegistrationStore();
    const canonicalRegistrationId = "new" as RegistrationToken;
    registrations.apply([
      { type: "replaced", token: "old" as RegistrationToken, revision: null, canonicalRegistrationId },
    ]);
    const { clock, sender, told, onOutcome } = setup({ away: ["unavailable", "ok"] }, { registrations });
    const sending = sender.send({ target: { tokens: ["old", "new", "away", "old"] } }, { onOutcome });
    await clock.advance(0);
    expect(told.map(({ position, recipient, sentTo }) => [position, recipient, sentTo])).toEqual([
      [0, "old", "new"],
      [1, "new", undefined],
      [3, "old", "new"],
    ]);
    await clock.advance(5_000);
    await sending;
    expect(places(told).at(-1)).toBe("2 accepted");
    expect(told).toHaveLength(4);
  });

  it("tells an outcome that is known before the others of the same attempt, and waits with what is tried again", async () => {
    let answerRest = (): void => undefined;
    const { clock, sender, told, onOutcome } = setup(
      {},
      {
        transport: scriptedTransport(
          {},
          {
            async send(message, { onOutcome: tell } = {}) {
              const [first = "", second = "", third = ""] = recipientsOf(message.target);
              if (first !== "tok-a") return { outcomes: [accepted(first)] };
              tell?.(0, accepted(first));
              tell?.(1, failureOutcome("unavailable", { recipient: second }));
              await new Promise<void>((resolve) => {
                answerRest = resolve;
              });
              return {
                outcomes: [
                  accepted(first),
                  failureOutcome("unavailable", { recipient: second }),
                  failureOutcome("not-registered", { recipient: third }),
                ],
              };
            },
          },
        ),
      },
    );
    const sending = sender.send({ target: { tokens: ["tok-a", "away", "dead"] } }, { onOutcome });
    await clock.advance(0);
    expect(places(told)).toEqual(["0 accepted"]);
    answerRest();
    await clock.advance(0);
    expect(places(told)).toEqual(["0 accepted", "2 unregistered"]);
    await clock.advance(5_000);
    const { outcomes } = await sending;
    expect(places(told)).toEqual(["0 accepted", "2 unregistered", "1 accepted"]);
    for (const { position, ...outcome } of told) expect(outcome).toEqual(outcomes[position]);
  });

  it("is called for sends that need no second attempt, for users and for lists of nobody good", async () => {
    const registrations = createMemoryRegistrationStore();
    registrations.register("ada", "tok-a");
    const { sender, told, onOutcome } = setup({}, { registrations });
    await sender.send({ target: { token: "tok-b" } }, { onOutcome });
    await sender.sendToUser("ada", {}, { onOutcome });
    await sender.send({ target: { tokens: [""] } }, { onOutcome });
    expect(places(told)).toEqual(["0 accepted", "0 accepted", "0 rejected"]);
  });

  it("is never called by a send that rejects", async () => {
    const { sender, told, onOutcome } = setup(
      {},
      { registrations: { ...createMemoryRegistrationStore(), resolve: () => null } as never },
    );
    await expect(sender.send({ target: { tokens: ["tok-a", ""] } }, { onOutcome })).rejects.toThrow();
    const aborted = setup({ "tok-a": ["aborted"] });
    const abort = new AbortController();
    const send = aborted.transport.send.bind(aborted.transport);
    aborted.transport.send = (message, attempt) => {
      abort.abort();
      return send(message, attempt);
    };
    const { signal } = abort;
    await expect(aborted.sender.send({ target: { token: "tok-a" } }, { onOutcome, signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
    });
    expect(told).toEqual([]);
  });

  it("that throws disturbs no send: it is told as a notice", async () => {
    const { sender } = setup({});
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice }) => notices.push(notice));
    const report = await sender.send(
      { target: { tokens: ["a", "b"] } },
      {
        onOutcome() {
          throw new Error("the listener's own");
        },
      },
    );
    stop();
    expect(report.outcomes.map(({ kind }) => kind)).toEqual(["accepted", "accepted"]);
    expect(notices).toEqual(["outcome-listener-failed", "outcome-listener-failed"]);
  });

  it("has its like in sendAll, which yields what is known of a batch before the rest of it", async () => {
    const { clock, sender } = setup({ away: ["unavailable", "ok"] });
    const outcomes = sender.sendAll({}, ["tok-a", "away", "tok-b"], { batchSize: 3 })[Symbol.asyncIterator]();
    const next = async () => (await outcomes.next()).value as SendAllOutcome;
    expect([(await next()).position, (await next()).position]).toEqual([0, 2]);
    const last = next();
    await clock.advance(5_000);
    expect(await last).toMatchObject({ position: 1, kind: "accepted" });
    expect((await outcomes.next()).done).toBe(true);
  });
});
