import { getEventListeners } from "node:events";
import { type CloudMessagingEvents, createManualClock, type ManualClock, subscribe } from "@cloud-messaging/core";
import { msBetween, plusMs } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { joinQuota, type Quota, type QuotaParty } from "./quota.ts";

function join(clock: ManualClock, options: Partial<QuotaParty> = {}): Quota {
  return joinQuota({ transport: "fcm-v1", project: "demo", origin: "https://fcm.googleapis.com", clock, ...options });
}

/** Sends as fast as it may for so long; the times of the grants. */
async function grantsOf(quota: Quota, clock: ManualClock, forMs: number): Promise<number[]> {
  const startedAt = clock.now();
  const grants: number[] = [];
  const over = new AbortController();
  const sending = (async () => {
    while (!over.signal.aborted) {
      if (!quota.take() && (await quota.wait({ signal: over.signal })) !== "granted") return;
      grants.push(clock.now() - startedAt);
    }
  })();
  for (let ms = 0; ms < forMs; ms += 500) await clock.advance(500);
  over.abort();
  await sending;
  return grants;
}

describe("the quota of a project", () => {
  it.each([60, 600, 1_500])("of %i a minute is kept in any minute, and used up", async (perMinute) => {
    const clock = createManualClock();
    const grants = await grantsOf(join(clock, { perMinute }), clock, 150_000);
    for (const from of grants) {
      expect(grants.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(perMinute);
    }
    const lastMinute = grants.filter((at) => at >= 90_000).length;
    expect(lastMinute).toBeGreaterThanOrEqual(Math.floor(perMinute * 0.95) - 1);
  });

  it("is granted at the same moments wherever the wall clock is set meanwhile, in the ramp-up, in a pause and at full rate", async () => {
    const course = async (at?: number, byMs = 0): Promise<number[]> => {
      const clock = createManualClock();
      const start = clock.monotonic();
      const quota = join(clock, { perMinute: 120, rampUpMs: 30_000 });
      const grants: number[] = [];
      const over = new AbortController();
      const send = async (): Promise<void> => {
        while (!over.signal.aborted) {
          if (!quota.take() && (await quota.wait({ signal: over.signal })) !== "granted") return;
          grants.push(msBetween(start, clock.monotonic()));
        }
      };
      const pass = async (steps: number, from: number): Promise<void> => {
        for (let step = 0; step < steps; step++) {
          if (from + step === at) clock.setWallClock(clock.now() + byMs);
          await clock.advance(1_000);
        }
      };
      let sending = send();
      await pass(50, 0);
      over.abort();
      await sending;
      // nothing is sent for more than a minute: the ramp-up begins again
      await pass(70, 50);
      const again = new AbortController();
      sending = (async () => {
        while (!quota.take()) if ((await quota.wait({ signal: again.signal })) !== "granted") return;
        grants.push(msBetween(start, clock.monotonic()));
      })();
      await pass(30, 120);
      again.abort();
      await sending;
      return grants;
    };
    const undisturbed = await course();
    expect(undisturbed.length).toBeGreaterThan(40);
    for (const at of [0, 1, 7, 15, 29, 31, 49, 50, 80, 119, 120, 121, 140]) {
      for (const byMs of [-3_600_000, 3_600_000]) expect(await course(at, byMs), `${at} s`).toEqual(undisturbed);
    }
  });

  it("of a fraction of a message a minute still lets one through, and then waits", async () => {
    const clock = createManualClock();
    const grants = await grantsOf(join(clock, { perMinute: 0.5 }), clock, 300_000);
    expect(grants[0]).toBe(0);
    expect(grants.length).toBeLessThanOrEqual(3);
  });

  it("is one for all senders of the project at one address; the slowest pace holds while it is there", async () => {
    const clock = createManualClock();
    const slow = join(clock, { perMinute: 60 });
    const fast = join(clock, { perMinute: 6_000 });
    const elsewhere = join(clock, { perMinute: 60, origin: "https://127.0.0.1:1" });
    const other = join(clock, { perMinute: 60, project: "other" });
    expect(slow.take()).toBe(true);
    expect(fast.take()).toBe(false);
    expect(elsewhere.take()).toBe(true);
    expect(other.take()).toBe(true);
    slow.release();
    await clock.advance(1_000);
    expect(Array.from({ length: 50 }, () => fast.take())).toEqual(Array(50).fill(true));
  });

  it("rises from nothing where it is asked to", async () => {
    const clock = createManualClock();
    const grants = await grantsOf(join(clock, { perMinute: 6_000, rampUpMs: 60_000 }), clock, 90_000);
    const inSecond = (second: number) => grants.filter((at) => Math.floor(at / 1000) === second).length;
    expect(inSecond(0)).toBeLessThan(5);
    expect(inSecond(30)).toBeGreaterThan(40);
    expect(inSecond(30)).toBeLessThan(60);
    expect(inSecond(75)).toBeGreaterThan(90);
    expect(grants.filter((at) => at < 60_000).length).toBeLessThanOrEqual(3_000);
  });

  it("rises again after a minute without a message", async () => {
    const clock = createManualClock();
    const quota = join(clock, { perMinute: 6_000, rampUpMs: 1_000 });
    await grantsOf(quota, clock, 5_000);
    await clock.advance(60_000);
    expect([quota.take(), quota.take()]).toEqual([true, false]);
  });

  it("is waited for in order, and by nobody who gave up", async () => {
    const clock = createManualClock();
    const quota = join(clock, { perMinute: 60 });
    quota.take();
    const order: string[] = [];
    const abort = new AbortController();
    const waits = [
      quota.wait({}).then((result) => order.push(`first ${result}`)),
      quota.wait({ signal: abort.signal }).then((result) => order.push(`second ${result}`)),
      quota.wait({ deadline: plusMs(clock.monotonic(), 500) }).then((result) => order.push(`third ${result}`)),
      quota.wait({}).then((result) => order.push(`fourth ${result}`)),
    ];
    expect(quota.take()).toBe(false);
    abort.abort();
    expect(await quota.wait({ signal: abort.signal })).toBe("aborted");
    await clock.advance(500);
    expect(order).toEqual(["second aborted", "third timeout"]);
    await clock.advance(2_500);
    expect(order.slice(2)).toEqual(["first granted", "fourth granted"]);
    await Promise.all(waits);
    expect(clock.scheduled).toBe(0);
  });

  it("ends the waits of a sender that closes, and of no other", async () => {
    const clock = createManualClock();
    const one = join(clock, { perMinute: 60 });
    const two = join(clock, { perMinute: 60 });
    one.take();
    const closed = one.wait({});
    const granted = two.wait({});
    one.release();
    expect(await closed).toBe("closed");
    await clock.advance(2_000);
    expect(await granted).toBe("granted");
    expect(clock.scheduled).toBe(0);
  });

  it("makes a sender that is closing wait no more, not even for what comes to wait after", async () => {
    const clock = createManualClock();
    const quota = join(clock, { perMinute: 60 });
    quota.take();
    const first = quota.wait({});
    quota.endWaits();
    expect(await first).toBe("closed");
    expect(await quota.wait({})).toBe("closed");
    expect(clock.scheduled).toBe(0);
  });

  it("outlives its senders: one sender after another gets no more than one alone", async () => {
    const clock = createManualClock();
    let granted = 0;
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 20; i++) {
        const quota = join(clock, { perMinute: 600 });
        if (quota.take()) granted++;
        quota.release();
      }
      await clock.advance(1_000);
    }
    expect(granted).toBeLessThanOrEqual(600);
    expect(granted).toBeGreaterThan(550);
  });

  it("is not refilled by another sender's coming", () => {
    const clock = createManualClock();
    const one = join(clock, { perMinute: 60 });
    expect(one.take()).toBe(true);
    const two = join(clock, { perMinute: 60 });
    expect(two.take()).toBe(false);
    one.release();
    two.release();
    expect(join(clock, { perMinute: 60_000 }).take()).toBe(false);
  });

  it("adds one listener to a signal that any number of sends share", async () => {
    const clock = createManualClock();
    const quota = join(clock, { perMinute: 60 });
    quota.take();
    const abort = new AbortController();
    const waits = Array.from({ length: 50 }, () => quota.wait({ signal: abort.signal }));
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(1);
    abort.abort();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(["aborted"]));
  });

  it("tells in events when sends begin to wait and when none does any more", async () => {
    const clock = createManualClock();
    const events: CloudMessagingEvents["cloud-messaging:quota"][] = [];
    const stop = subscribe("cloud-messaging:quota", (event) => events.push(event));
    const quota = join(clock, { perMinute: 60, project: "told" });
    quota.take();
    const waits = [quota.wait({}), quota.wait({})];
    await clock.advance(5_000);
    await Promise.all(waits);
    stop();
    const base = { transport: "fcm-v1", project: "told", perMinute: 60 };
    expect(events).toEqual([
      { ...base, state: "waiting" },
      { ...base, state: "flowing" },
    ]);
  });
});
