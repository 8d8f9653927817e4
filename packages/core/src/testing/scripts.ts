import type { RegisterOptions } from "../registrations/registration.ts";
import { type Command, TOKENS } from "./commands.ts";

const [A, B, C, FID, OLD, NEW] = TOKENS;
const register = (user: string, token: string, options?: RegisterOptions): Command =>
  options === undefined ? { do: "register", user, token } : { do: "register", user, token, options };
const shared = (user: string, token: string): Command => register(user, token, { owner: "shared" });
const unregister = (user: string, token: string): Command => ({ do: "unregister", user, token });
const resolve = (name: string): Command => ({ do: "resolve", name });
const replaced = (after: string, token: string, canonical: string): Command => ({
  do: "replaced",
  after,
  token,
  canonical,
});
const removed = (after: string, token: string): Command => ({ do: "removed", after, token, reason: "not-registered" });
const accepted = (after: string, token: string): Command => ({ do: "accepted", after, token });
const advance = (ms: number): Command => ({ do: "advance", ms });
const suspect = (
  after: string,
  token: string,
  sender: string,
  removal?: { refusals: number; overMs: number },
): Command =>
  removal === undefined ? { do: "suspect", after, token, sender } : { do: "suspect", after, token, sender, removal };
const details = { platform: "android", appVersion: "1.2", locale: "pt-BR", attributes: { build: "7" } };

/** Runs with a name, whose answers the model gives. */
export const SCRIPTS: Readonly<Record<string, readonly Command[]>> = {
  // owners
  "a token that a second user registers passes to that user": [register("ada", A), register("grace", A)],
  "a token may be shared, and passes to the one who registers it as the newest": [
    register("ada", A),
    shared("grace", A),
    shared("alan", A),
    register("grace", A),
  ],
  "a rewrite leaves a token to the latest of the users of both": [
    register("ada", A),
    register("grace", B),
    resolve("r"),
    replaced("r", A, B),
    register("ada", B),
    register("grace", C),
    register("ada", B),
    resolve("s"),
    replaced("s", B, C),
  ],
  "a rewrite brings sharing users together": [
    shared("ada", A),
    shared("grace", B),
    shared("ada", B),
    resolve("r"),
    replaced("r", A, B),
  ],
  "registering again makes a user the latest, touching does not": [
    register("ada", A),
    register("grace", B),
    { do: "touch", user: "ada", token: A },
    resolve("r"),
    replaced("r", A, B),
    register("ada", C),
    register("grace", B),
    register("ada", C),
    resolve("s"),
    replaced("s", B, C),
  ],
  "signing out removes the user's registration alone, by a superseded token as well": [
    shared("ada", A),
    shared("grace", A),
    resolve("r"),
    replaced("r", A, B),
    unregister("ada", A),
    unregister("ada", B),
    unregister("grace", B),
  ],
  "signing out with one of an installation's tokens signs the device out": [
    register("ada", OLD),
    register("ada", NEW),
    register("ada", A),
    unregister("ada", OLD),
    register("ada", FID),
    unregister("ada", NEW),
  ],
  // details
  "details that are left out keep their values, attributes go as a whole, and a new owner has none of them": [
    register("ada", A, details),
    register("ada", A, { appVersion: "1.3" }),
    register("ada", A, { attributes: {} }),
    register("grace", A),
  ],
  "a rewrite keeps details and times": [
    register("ada", A, details),
    advance(1_000),
    { do: "touch", user: "ada", token: A },
    advance(1_000),
    resolve("r"),
    accepted("r", A),
    replaced("r", A, B),
    advance(1_000),
    { do: "touch", user: "ada", token: A },
  ],
  "a rewrite onto a token that the user has keeps that one's details, the earlier registration and the later sighting":
    [
      register("ada", A, details),
      advance(1_000),
      register("ada", B, { platform: "ios" }),
      advance(1_000),
      { do: "touch", user: "ada", token: A },
      resolve("r"),
      accepted("r", A),
      replaced("r", A, B),
    ],
  // rewrites
  "a token that is registered again after it was rewritten is itself again": [
    register("ada", A),
    resolve("r"),
    replaced("r", A, B),
    register("ada", A),
  ],
  "what led to a token that has died resolves to itself again": [
    register("ada", A),
    resolve("r"),
    replaced("r", A, B),
    resolve("s"),
    replaced("s", B, C),
    resolve("t"),
    removed("t", C),
  ],
  "what led to a token that is not stored and has died resolves to itself again": [
    resolve("r"),
    replaced("r", A, B),
    resolve("s"),
    removed("s", B),
  ],
  "chains are followed in either order of arrival": [
    register("ada", A),
    register("grace", B),
    resolve("r"),
    replaced("r", B, C),
    replaced("r", A, B),
  ],
  "of two contrary rewrites the newer wins": [
    register("ada", A),
    resolve("r"),
    replaced("r", A, B),
    resolve("s"),
    replaced("s", B, A),
    replaced("r", A, B),
  ],
  "contrary rewrites of tokens that are not stored go in no circle": [
    resolve("r"),
    replaced("r", A, B),
    replaced("r", B, C),
    replaced("r", C, A),
    replaced("r", B, A),
  ],
  "a rewrite of a token to itself changes nothing": [register("ada", A), resolve("r"), replaced("r", A, A)],
  "a rewrite is learned once, however many senders bring it": [
    register("ada", A),
    resolve("r"),
    replaced("r", A, B),
    replaced("r", A, B),
    replaced("r", A, C),
  ],
  // races
  "what was registered after the attempt was sent stays": [
    register("ada", A),
    resolve("r"),
    { do: "setClock", byMs: -60_000 },
    register("ada", A),
    removed("r", A),
    replaced("r", A, B),
    resolve("s"),
    removed("s", A),
  ],
  "what was registered while the attempt was under way for the first time stays": [
    resolve("r"),
    register("ada", A),
    removed("r", A),
    replaced("r", A, B),
  ],
  "a token that died and was registered anew is another one": [
    register("ada", A),
    resolve("r"),
    removed("r", A),
    register("ada", A),
    removed("r", A),
    replaced("r", A, B),
  ],
  "a token that was signed out is not brought back by a late answer": [
    register("ada", A),
    resolve("r"),
    unregister("ada", A),
    replaced("r", A, B),
  ],
  "a token that was named canonical since stays": [
    register("ada", A),
    register("ada", B),
    resolve("r"),
    replaced("r", A, B),
    removed("r", B),
    replaced("r", B, C),
  ],
  "a token that passed to another user since stays": [
    register("ada", A),
    resolve("r"),
    register("grace", A),
    removed("r", A),
    suspect("r", A, "s"),
    accepted("r", A),
  ],
  "accepted messages and refusals leave the state of a token as it is": [
    register("ada", A),
    resolve("r"),
    accepted("r", A),
    suspect("r", A, "s"),
    { do: "touch", user: "ada", token: A },
    removed("r", A),
  ],
  // suspects
  "refusals are counted by sender, and end with an accepted message or a registration": [
    register("ada", A),
    resolve("r"),
    suspect("r", A, "s"),
    advance(1_000),
    suspect("r", A, "s"),
    suspect("r", A, "t"),
    accepted("r", A),
    suspect("r", A, "t"),
    register("ada", A),
    resolve("s"),
    suspect("s", A, "t"),
    suspect("s", B, "t"),
  ],
  "a suspect is removed by the policy: so many refusals, over so long, by one sender": [
    register("ada", A),
    resolve("r"),
    replaced("r", B, A),
    resolve("s"),
    suspect("s", A, "s", { refusals: 2, overMs: 1_000 }),
    suspect("s", A, "s", { refusals: 2, overMs: 1_000 }),
    advance(999),
    suspect("s", A, "s", { refusals: 2, overMs: 1_000 }),
    suspect("s", A, "t", { refusals: 2, overMs: 0 }),
    advance(1_000),
    suspect("s", A, "t", { refusals: 2, overMs: 1_000 }),
  ],
  // installations
  "an installation ID supersedes its tokens, of other users too": [
    register("ada", OLD, details),
    shared("grace", OLD),
    register("grace", NEW),
    advance(10),
    register("ada", FID),
    register("grace", OLD),
  ],
  "an installation ID that is shared brings the users of its tokens together": [
    shared("ada", OLD),
    shared("grace", NEW),
    shared("alan", FID),
  ],
  "a token of an installation whose ID is stored leads to the ID, and is registered as the ID": [
    register("ada", FID),
    advance(10),
    register("ada", OLD),
    register("grace", NEW),
  ],
  "an installation's token is itself again once the ID is dead": [
    register("ada", OLD),
    register("ada", FID),
    resolve("r"),
    removed("r", FID),
    register("ada", OLD),
    register("ada", NEW),
  ],
  "a new token of an installation takes the old one from other users, not from its own": [
    register("ada", OLD),
    register("grace", NEW),
    register("grace", OLD),
    shared("ada", OLD),
    shared("alan", NEW),
    register("alan", NEW),
  ],
  "an installation ID whose token was named canonical for it is itself again when registered": [
    register("ada", FID),
    resolve("r"),
    replaced("r", FID, OLD),
    register("ada", FID),
  ],
  // unseen
  "what was seen at the very moment is not unseen": [
    register("ada", A),
    advance(1_000),
    register("ada", B),
    { do: "readPages", limit: 100 },
    { do: "removeUnseen", forMs: 1_000, limit: 1 },
    { do: "removeUnseen", forMs: 999, limit: 1 },
  ],
  "what was not seen for long is removed, registration by registration, with old rewrites": [
    register("ada", A),
    shared("grace", A),
    register("alan", B),
    resolve("r"),
    replaced("r", C, B),
    advance(5_000),
    { do: "touch", user: "grace", token: A },
    { do: "touch", user: "alan", token: C },
    { do: "removeUnseen", forMs: 1_000, limit: 1 },
    { do: "readPages", limit: 1 },
  ],
};
