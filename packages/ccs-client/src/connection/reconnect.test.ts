import { monotonicInstant as at } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { ConnectRate, reconnectDelayMs } from "./reconnect.ts";

const policy = { initialMs: 1_000, maxMs: 8_000 };

describe("reconnecting", () => {
  it.each([
    ["at once after a connection that had worked", { failures: 0, wasOnline: true }, 0],
    ["at once after the first one that was dropped behind its login", { failures: 1, wasOnline: true }, 0],
    ["with a back-off when that happens again", { failures: 2, wasOnline: true }, 2_000],
    ["with a back-off after an attempt that failed", { failures: 1, wasOnline: false }, 1_000],
    ["with a back-off that doubles", { failures: 3, wasOnline: false }, 4_000],
    ["with a back-off that has a limit", { failures: 30, wasOnline: false }, 8_000],
  ])("is %s", (_, facts, longest) => {
    expect(reconnectDelayMs(policy, facts, () => 0)).toBe(0);
    expect(reconnectDelayMs(policy, facts, () => 0.5)).toBe(longest / 2);
    expect(reconnectDelayMs(policy, facts, () => 0.999999)).toBeLessThanOrEqual(longest);
  });

  it("keeps to maxConnectsPerMinute", () => {
    const rate = new ConnectRate(3);
    expect([0, 10, 20].map((now) => rate.reserve(at(now)))).toEqual([0, 0, 0]);
    expect(rate.reserve(at(30))).toBe(59_970);
    expect(rate.reserve(at(40))).toBe(59_970);
    expect(rate.reserve(at(200_000))).toBe(0);
  });

  it("counts recent attempts also when the next one is planned for much later", () => {
    const rate = new ConnectRate(2);
    expect([rate.reserve(at(0)), rate.reserve(at(1))]).toEqual([0, 0]);
    expect(rate.reserve(at(2), at(70_002))).toBe(70_000);
    expect(rate.reserve(at(3))).toBe(59_997);
  });

  it("never exceeds the limit in any minute, for requests in any order", () => {
    for (const max of [1, 2, 5]) {
      const rate = new ConnectRate(max);
      const taken: number[] = [];
      let seed = max;
      const draw = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      for (let now = 0; taken.length < 300; now += draw(20_000)) {
        const earliest = now + draw(3) * draw(60_000);
        const place = now + rate.reserve(at(now), at(earliest));
        expect(place).toBeGreaterThanOrEqual(earliest);
        taken.push(place);
      }
      taken.sort((a, b) => a - b);
      for (let i = max; i < taken.length; i++) {
        expect((taken[i] as number) - (taken[i - max] as number)).toBeGreaterThanOrEqual(60_000);
      }
    }
  });
});
