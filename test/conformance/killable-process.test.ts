import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { startKillable, whileRunning } from "../../scripts/killable-process.mjs";

const program = (text: string) => ["--input-type=module", "-e", text];
const forEver = new Promise<never>(() => undefined);

describe("a process that is to be killed", () => {
  it("that ends by itself ends every wait for it, with its stderr", async () => {
    const failing = startKillable(program('throw new Error("deadlock detected")'));
    await expect(whileRunning([failing], forEver)).rejects.toThrow("deadlock detected");
    await expect(failing.kill()).rejects.toThrow("the process ended by itself: 1");
  });

  it("that is killed has not ended by itself, however often it is killed", async () => {
    const running = startKillable(program('setInterval(() => undefined, 1_000); console.log("up")'));
    await whileRunning([running], once(running.stdout, "data"));
    await running.kill();
    await running.kill();
    await expect(running.ended).resolves.toBeUndefined();
  });
});
