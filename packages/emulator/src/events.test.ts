import { expect, it } from "vitest";
import { createEventHub, type EmulatorEvent } from "./events.ts";

it("An event hub calls listeners of some types with these alone, and the others with every event", () => {
  const hub = createEventHub();
  const all: string[] = [];
  const some: EmulatorEvent[] = [];
  const unsubscribe = hub.subscribe(({ type }) => all.push(type));
  hub.subscribe((event) => some.push(event), "clock", "cleared");
  hub.emit({ type: "clock", now: 1 });
  hub.emit({ type: "reset" });
  unsubscribe();
  hub.emit({ type: "cleared", upTo: 2 });
  hub.emit({ type: "reset" });
  expect(all).toEqual(["clock", "reset"]);
  expect(some).toEqual([
    { type: "clock", now: 1 },
    { type: "cleared", upTo: 2 },
  ]);
});

it("An event hub tells the types that are heard", () => {
  const hub = createEventHub();
  const unsubscribe = hub.subscribe(() => undefined, "full");
  expect(hub.isHeard("full")).toBe(true);
  expect(hub.isHeard("message")).toBe(false);
  const unsubscribeAll = hub.subscribe(() => undefined);
  expect(hub.isHeard("message")).toBe(true);
  unsubscribe();
  unsubscribeAll();
  expect(hub.isHeard("full")).toBe(false);
});
