import { describe, expect, it } from "vitest";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { scriptedTransport } from "../scripted-transport.test-support.ts";
import { createManualClock } from "../time/clock.ts";
import { createSender } from "./create-sender.ts";

describe("sendAll", () => {
  it.each(["not-sent", "closed"])(
    "gives a token whose batch has not filled yet its outcome when the batch before it ends %s",
    async (code) => {
      let failStore: (error: Error) => void = () => {};
      const answers = [new Promise<never>((_, reject) => (failStore = reject))];
      const registrations = {
        ...createMemoryRegistrationStore(),
        resolve: () => answers.shift() ?? Promise.reject(new Error("no database")),
      };
      const clock = createManualClock();
      const sender = createSender({ transport: scriptedTransport({}, { clock }), registrations, clock });
      async function* source() {
        yield* ["a", "b", "c"];
        // the store is being asked for "a" and "b", and "c" waits for a fourth
        if (code === "closed") void sender.close();
        else failStore(new Error("no database"));
        await new Promise(() => {});
      }
      const told: string[] = [];
      const loop = (async () => {
        for await (const outcome of sender.sendAll({}, source(), { batchSize: 2 })) {
          told.push(`${outcome.recipient} ${"code" in outcome ? outcome.code : outcome.kind}`);
        }
      })();
      if (code === "closed") await loop;
      else await expect(loop).rejects.toMatchObject({ code: "ERR_REGISTRATION_STORE" });
      expect(told).toEqual([`a ${code}`, `b ${code}`, `c ${code}`]);
      expect(clock.scheduled).toBe(0);
    },
  );

  it("gives a token that its source gives after the signal has aborted an outcome while others have none", async () => {
    const abort = new AbortController();
    let give: (token: string) => void = () => {};
    let open: () => void = () => {};
    const transport = scriptedTransport({}, { gate: () => new Promise((resolve) => (open = resolve)) });
    const sender = createSender({ transport });
    async function* source() {
      yield "a";
      yield await new Promise<string>((resolve) => (give = resolve));
    }
    const told: string[] = [];
    const loop = (async () => {
      for await (const outcome of sender.sendAll({}, source(), { batchSize: 1, signal: abort.signal })) {
        told.push(`${outcome.recipient} ${"code" in outcome ? outcome.code : outcome.kind}`);
      }
    })();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    give("b");
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    open();
    await loop;
    expect(told).toEqual(["b aborted", "a accepted"]);
  });
});
