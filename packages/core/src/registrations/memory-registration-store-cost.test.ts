import { afterEach, describe, expect, it, vi } from "vitest";
import type { RegistrationToken } from "../message/token.ts";
import { createManualClock } from "../time/clock.ts";
import { createMemoryRegistrationStore } from "./memory-registration-store.ts";

afterEach(() => vi.restoreAllMocks());

const token = (name: string): RegistrationToken => name as RegistrationToken;

/** Counts the operations on every `Map` and `Set` while a call runs, each step of an iteration included. */
function operationsOf(run: () => void): number {
  let count = 0;
  const counted = (target: object, name: string | symbol): void => {
    const real = Reflect.get(target, name) as (...given: unknown[]) => unknown;
    const spy = function (this: unknown, ...given: unknown[]): unknown {
      count++;
      return Reflect.apply(real, this, given);
    };
    Object.defineProperty(target, name, { value: spy, configurable: true, writable: true });
    undo.push(() => Object.defineProperty(target, name, { value: real, configurable: true, writable: true }));
  };
  const undo: (() => void)[] = [];
  for (const name of ["get", "set", "has", "delete"]) counted(Map.prototype, name);
  for (const name of ["add", "has", "delete"]) counted(Set.prototype, name);
  counted(Object.getPrototypeOf(new Map().keys()) as object, "next");
  counted(Object.getPrototypeOf(new Set().keys()) as object, "next");
  try {
    run();
  } finally {
    for (const restore of undo) restore();
  }
  return count;
}

/** Operations per removal and per rewrite, over many of them, in a store that remembers as many as it may. */
function costs(maxRewrites: number): { readonly removal: number; readonly rewrite: number } {
  const store = createMemoryRegistrationStore({ maxRewrites, maxChanges: 10, clock: createManualClock() });
  let next = 0;
  const many = 4 * maxRewrites;
  const register = (): RegistrationToken => {
    const name = token(`token-${next++}`);
    store.register(`user-${name}`, name);
    return name;
  };
  const revisionOf = (name: RegistrationToken) => {
    const { revision } = store.registrationsOf(`user-${name}`)[0] ?? {};
    return revision as never;
  };
  const rewrite = (name: RegistrationToken): void =>
    store.apply([
      { type: "replaced", token: name, revision: revisionOf(name), canonicalRegistrationId: token(`${name}-new`) },
    ]);
  const remove = (name: RegistrationToken): void =>
    store.apply([{ type: "removed", token: name, revision: revisionOf(name), reason: "not-registered" }]);
  for (let i = 0; i < 2 * maxRewrites; i++) rewrite(register());
  for (let i = 0; i < 2 * maxRewrites; i++) remove(register());
  const removed = Array.from({ length: many }, register);
  const rewritten = Array.from({ length: many }, register);
  return {
    removal: operationsOf(() => removed.forEach(remove)) / many,
    rewrite: operationsOf(() => rewritten.forEach(rewrite)) / many,
  };
}

describe("the registration store in memory, when it remembers as much as it may", () => {
  it("removes and rewrites a registration in as many operations with 400 remembered as with 10", () => {
    const few = costs(10);
    const many = costs(400);
    for (const kind of ["removal", "rewrite"] as const) {
      expect(few[kind]).toBeGreaterThan(1);
      expect(many[kind]).toBeLessThan(1.2 * few[kind]);
    }
  });
});
