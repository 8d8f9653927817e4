import { describe, expectTypeOf, it } from "vitest";
import type { AttemptOptions } from "../sending/downstream-transport.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type MonotonicInstant, monotonicInstant, msBetween, plusMs } from "./monotonic.ts";

const instant = systemClock.monotonic();

describe("a monotonic instant", () => {
  it("is neither taken for a number nor made from one without saying so", () => {
    expectTypeOf<MonotonicInstant>().not.toExtend<number>();
    expectTypeOf<number>().not.toExtend<MonotonicInstant>();
    // @ts-expect-error a date is no instant
    const fromDate: MonotonicInstant = Date.now();
    // @ts-expect-error an instant is no date
    const date: number = instant;
    // @ts-expect-error nor the material of one
    const shown = new Date(instant);
    // @ts-expect-error nor a delay
    systemClock.schedule(instant, () => undefined);
    expectTypeOf([fromDate, date, shown]).toBeArray();
  });

  it("is not reckoned or compared with numbers", () => {
    // @ts-expect-error the wall clock's reading is of another kind
    expectTypeOf(instant < systemClock.now()).toBeBoolean();
    // @ts-expect-error a difference is asked for with msBetween()
    expectTypeOf(instant - instant).toBeNumber();
    // @ts-expect-error a later one is asked for with plusMs()
    expectTypeOf(instant + 1).toBeNumber();
    // @ts-expect-error a mixture of both
    expectTypeOf(msBetween(instant, systemClock.now())).toBeNumber();
    // @ts-expect-error a date is not moved with plusMs()
    expectTypeOf(plusMs(systemClock.now(), 1)).toExtend<MonotonicInstant>();
  });

  it("compares with its kind, and is reckoned with by functions", () => {
    expectTypeOf(instant < plusMs(instant, 1)).toBeBoolean();
    expectTypeOf(msBetween(instant, plusMs(instant, 1))).toEqualTypeOf<number>();
    expectTypeOf(monotonicInstant(performance.now())).toEqualTypeOf<MonotonicInstant>();
  });

  it("is what a deadline is, and every clock gives", () => {
    expectTypeOf<AttemptOptions["deadline"]>().toEqualTypeOf<MonotonicInstant | undefined>();
    expectTypeOf<AttemptOptions["sendId"]>().toEqualTypeOf<string | undefined>();
    // @ts-expect-error a clock with one reading is none
    const clock: Clock = { now: () => Date.now(), schedule: systemClock.schedule };
    // @ts-expect-error nor one whose second reading is a number
    const other: Clock = { ...systemClock, monotonic: () => performance.now() };
    expectTypeOf([clock, other]).toBeArray();
  });
});
