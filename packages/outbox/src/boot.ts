import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/** Difference of two reckonings of one boot that the wall clock may make. Unit: milliseconds. */
const TOLERANCE_MS = 300_000;

/** Clock of a machine that all its processes share, and that nobody sets: it starts with the machine. */
export interface MachineClock {
  /** Unit: milliseconds since the boot. */
  now(): number;
  /** Names the boot. */
  readonly boot: string;
}

/** Clock of this machine: CLOCK_MONOTONIC on Linux and its equals elsewhere. */
export const machineClock: MachineClock = {
  now: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  get boot() {
    try {
      return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    } catch {
      // systems without it are told apart by the time of the boot
      return String(Math.round(Date.now() - uptime() * 1_000));
    }
  },
};

/** True if two names are of one boot. */
export function isSameBoot(one: string, other: string): boolean {
  return one === other || Math.abs(Number(one) - Number(other)) < TOLERANCE_MS;
}
