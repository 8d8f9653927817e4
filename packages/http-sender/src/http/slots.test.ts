import { describe, expect, it } from "vitest";
import { createSlots } from "./slots.ts";

function setup(max: number) {
  const slots = createSlots(max);
  const ran: number[] = [];
  const holders = new Map(Array.from({ length: 20 }, (_, n) => [n, { run: () => ran.push(n) }]));
  const holder = (n: number) => holders.get(n) ?? { run: () => {} };
  return {
    slots,
    ran,
    acquire: (n: number) => slots.acquire(holder(n)),
    withdraw: (n: number) => slots.withdraw(holder(n)),
  };
}

describe("slots", () => {
  it("run as many as there are, and the others in order as slots come back", () => {
    const { slots, ran, acquire } = setup(2);
    for (let n = 0; n < 5; n++) acquire(n);
    expect(ran).toEqual([0, 1]);
    slots.release();
    expect(ran).toEqual([0, 1, 2]);
    slots.release();
    slots.release();
    expect(ran).toEqual([0, 1, 2, 3, 4]);
  });

  it("forget who has withdrawn", () => {
    const { slots, ran, acquire, withdraw } = setup(1);
    for (let n = 0; n < 3; n++) acquire(n);
    expect(withdraw(1)).toBe(true);
    expect(withdraw(0)).toBe(false);
    slots.release();
    expect(ran).toEqual([0, 2]);
  });

  it("halve once per overload, however many requests of that time report it, and never below one", () => {
    const { slots } = setup(8);
    const seen = slots.epoch;
    slots.overloaded(seen);
    slots.overloaded(seen);
    expect(slots.limit).toBe(4);
    for (let n = 0; n < 5; n++) slots.overloaded(slots.epoch);
    expect(slots.limit).toBe(1);
  });

  it("hold back new requests while there are fewer, and come back one by one", () => {
    const { slots, ran, acquire } = setup(4);
    for (let n = 0; n < 4; n++) acquire(n);
    slots.overloaded(slots.epoch);
    expect(slots.limit).toBe(2);
    acquire(4);
    slots.release();
    slots.release();
    expect(ran).toEqual([0, 1, 2, 3]);
    slots.release();
    expect(ran).toEqual([0, 1, 2, 3, 4]);
    slots.healthy();
    expect(slots.limit).toBe(2);
    slots.healthy();
    expect(slots.limit).toBe(3);
    for (let n = 0; n < 50; n++) slots.healthy();
    expect(slots.limit).toBe(4);
  });
});
