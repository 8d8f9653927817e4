import type { RegisterOptions, SuspectRemoval } from "../registrations/registration.ts";

/** One step of a run. A verdict names the resolution (`after`) that its attempt was sent with. */
export type Command =
  | { readonly do: "register"; readonly user: string; readonly token: string; readonly options?: RegisterOptions }
  | { readonly do: "unregister"; readonly user: string; readonly token: string }
  | { readonly do: "touch"; readonly user: string; readonly token: string }
  | { readonly do: "resolve"; readonly name: string }
  | { readonly do: "replaced"; readonly after: string; readonly token: string; readonly canonical: string }
  | {
      readonly do: "removed";
      readonly after: string;
      readonly token: string;
      readonly reason: "not-registered" | "invalid-registration";
    }
  | {
      readonly do: "suspect";
      readonly after: string;
      readonly token: string;
      readonly sender: string;
      readonly removal?: SuspectRemoval;
    }
  | { readonly do: "accepted"; readonly after: string; readonly token: string }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "setClock"; readonly byMs: number }
  | { readonly do: "removeUnseen"; readonly forMs: number; readonly limit: number }
  | { readonly do: "readPages"; readonly limit: number }
  | { readonly do: "together"; readonly commands: readonly Command[] };

/** Users of a run. */
export const USERS = ["ada", "grace", "alan"] as const;
const FID = "cTEST0123456789abcdefg";
const OTHER_FID = "dOTHER123456789abcdefg";
/** Tokens of a run: some of no installation, two installations with their tokens. */
export const TOKENS = ["A", "B", "C", FID, `${FID}:1`, `${FID}:2`, OTHER_FID, `${OTHER_FID}:1`] as const;

/** Groups of calls at once in a run at most: the states that the store may be in multiply with each. */
const MAX_GROUPS = 2;

/** Random numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Makes the steps of a run. @param together Makes some of them groups of calls that run at once. */
export function randomCommands(random: () => number, length: number, together: boolean): readonly Command[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  // few names at a time make runs in which steps meet
  const tokens = pick([["A", "B", "C"], TOKENS.slice(3, 6), TOKENS]);
  const users = USERS.slice(0, pick([1, 2, 3]));
  let resolutions = 1;
  let groups = 0;
  const latest = () => `r${resolutions - (random() < 0.3 ? Math.floor(random() * 3) : 0)}`;

  const options = (): RegisterOptions => ({
    ...(random() < 0.35 ? { owner: "shared" } : {}),
    ...(random() < 0.4 ? { platform: pick(["android", "ios", "web"]) } : {}),
    ...(random() < 0.2 ? { appVersion: pick(["1.0", "2.0"]), locale: "pt-BR" } : {}),
    ...(random() < 0.2 ? { attributes: pick<Record<string, string>>([{}, { plan: "free" }, { build: "7" }]) } : {}),
  });

  const call = (): Command => {
    const token = pick(tokens);
    const user = pick(users);
    const after = latest();
    const roll = random();
    if (roll < 0.34) return { do: "register", user, token, options: options() };
    if (roll < 0.42) return { do: "unregister", user, token };
    if (roll < 0.48) return { do: "touch", user, token };
    if (roll < 0.7) return { do: "replaced", after, token, canonical: pick(tokens) };
    if (roll < 0.84) return { do: "removed", after, token, reason: pick(["not-registered", "invalid-registration"]) };
    if (roll < 0.92) {
      const removal = { refusals: 2 + Math.floor(random() * 2), overMs: pick([0, 1_000]) };
      return { do: "suspect", after, token, sender: pick(["s", "t"]), ...(random() < 0.6 ? { removal } : {}) };
    }
    return { do: "accepted", after, token };
  };

  const step = (): Command => {
    const roll = random();
    if (roll < 0.28) return { do: "resolve", name: `r${++resolutions}` };
    if (roll < 0.36) return { do: "advance", ms: 1 + Math.floor(random() * 2_000) };
    if (roll < 0.4) return { do: "setClock", byMs: pick([-60_000, 60_000]) };
    if (roll < 0.43) return { do: "removeUnseen", forMs: pick([500, 2_000, 30_000]), limit: pick([1, 2, 100]) };
    if (roll < 0.47) return { do: "readPages", limit: pick([1, 2, 100]) };
    if (together && roll < 0.7 && groups < MAX_GROUPS) {
      groups++;
      return { do: "together", commands: Array.from({ length: 2 + Math.floor(random() * 2) }, call) };
    }
    return call();
  };
  return [{ do: "resolve", name: "r1" }, ...Array.from({ length }, step)];
}
