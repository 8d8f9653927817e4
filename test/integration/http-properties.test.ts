import type { AmbiguousPolicy, RecipientOutcome } from "@cloud-messaging/core";
import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { createGcmSender } from "@cloud-messaging/http-sender";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  answer,
  type FaultServer,
  json,
  rawThenReset,
  type Step,
  startFaultServer,
  type WireRequest,
} from "../support/fault-server.ts";

const MAX_ATTEMPTS = 4;
/** Tries again at once, so that nothing waits. */
const RETRY = { minMs: 0, initialMs: 0, maxMs: 0, rateLimitedMinMs: 0, maxAttempts: MAX_ATTEMPTS };

/** Answers of the service about a token, by letter. */
const RESULTS = {
  A: { result: { message_id: "0:1" }, kind: "accepted" },
  C: { result: { message_id: "0:1", registration_id: "canonical" }, kind: "accepted" },
  N: { result: { error: "NotRegistered" }, kind: "unregistered" },
  I: { result: { error: "InvalidRegistration" }, kind: "unregistered" },
  M: { result: { error: "MismatchSenderId" }, kind: "rejected" },
  B: { result: { error: "MessageTooBig" }, kind: "rejected" },
  U: { result: { error: "Unavailable" }, kind: "retryable" },
  S: { result: { error: "InternalServerError" }, kind: "retryable" },
  R: { result: { error: "DeviceMessageRateExceeded" }, kind: "retryable" },
} as const;
type Letter = keyof typeof RESULTS;
const letter = fc.constantFrom(...(Object.keys(RESULTS) as Letter[]));
const retryLetter = fc.constantFrom<Letter>("U", "S", "R");

/** A token carries its own script: `t3~USA` is unavailable, then an error, then accepted; the last letter goes on for ever. */
const script = fc
  .tuple(fc.array(retryLetter, { maxLength: MAX_ATTEMPTS }), letter)
  .map(([first, last]) => [...first, last].join(""));
const scriptOf = (token: string): string => token.slice(token.indexOf("~") + 1);
const letterAt = (token: string, attempt: number): Letter => {
  const letters = scriptOf(token);
  return letters[Math.min(attempt, letters.length) - 1] as Letter;
};
/** Tokens that each occur once, and some of one letter that occur several times. */
const audience = fc
  .tuple(fc.array(script, { maxLength: 25 }), fc.array(fc.tuple(fc.nat(3), letter), { maxLength: 12 }))
  .chain(([scripts, repeated]) =>
    fc.shuffledSubarray(
      [...scripts.map((letters, n) => `t${n}~${letters}`), ...repeated.map(([n, one]) => `d${n}~${one}`)],
      { minLength: scripts.length + repeated.length },
    ),
  )
  .filter((tokens) => tokens.length > 0);

const idsIn = (request: WireRequest): string[] => JSON.parse(request.body).registration_ids;
const results = (request: WireRequest, each: (token: string) => object): Step =>
  json({ multicast_id: 1, results: idsIn(request).map(each) });

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.close());

describe("for any audience, any behaviour of each token and any size of request", () => {
  it("the report is what a simple model says, and no token is sent again after its last word", async () => {
    await fc.assert(
      fc.asyncProperty(audience, fc.integer({ min: 1, max: 12 }), async (tokens, maxTokensPerRequest) => {
        const seen = new Map<string, number>();
        server.otherwise = (request, socket) =>
          results(request, (token) => {
            const sightings = (seen.get(token) ?? 0) + 1;
            seen.set(token, sightings);
            return RESULTS[letterAt(token, sightings)].result;
          })(request, socket);
        const registrations = createMemoryRegistrationStore();
        const sender = createGcmSender({
          apiKey: "k",
          endpoint: server.origin,
          retry: RETRY,
          maxTokensPerRequest,
          registrations,
        });
        const { outcomes } = await sender.send({ target: { tokens } });
        await sender.close();

        const attemptsOf = (token: string): number => {
          let attempt = 1;
          while (attempt < MAX_ATTEMPTS && RESULTS[letterAt(token, attempt)].kind === "retryable") attempt++;
          return attempt;
        };
        const model = tokens.map((recipient) => {
          const attempts = attemptsOf(recipient);
          return { recipient, attempts, kind: RESULTS[letterAt(recipient, attempts)].kind };
        });
        expect(outcomes.map(({ recipient, attempts, kind }) => ({ recipient, attempts, kind }))).toEqual(model);
        // once per device, however often the list names it
        for (const token of tokens) expect(seen.get(token)).toBe(attemptsOf(token));
        for (const [position, outcome] of outcomes.entries()) {
          const said = RESULTS[letterAt(tokens[position] as string, outcome.attempts)].result;
          if ("registration_id" in said) expect(outcome).toHaveProperty("canonicalRegistrationId", "canonical");
          if ("error" in said) expect(outcome.service?.error).toBe(said.error);
        }
        const superseded = new Set(tokens.filter((token) => letterAt(token, attemptsOf(token)) === "C"));
        const { tokens: resolved } = await registrations.resolve(tokens as never);
        expect(resolved).toEqual(tokens.map((token) => (superseded.has(token) ? "canonical" : token)));
      }),
      { numRuns: 150 },
    );
  });

  it("and any faults of whole requests: every token ends with the last thing known of it", async () => {
    const fault = fc.constantFrom("none", "none", "503", "reset", "garbage", "cut", "400");
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(script, { minLength: 1, maxLength: 20 }),
        fc.array(fault, { maxLength: 15 }),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom<AmbiguousPolicy>("resend", "report"),
        async (scripts, faults, maxTokensPerRequest, ambiguous) => {
          const tokens = scripts.map((letters, n) => `t${n}~${letters}`);
          const events = new Map<string, string[]>(tokens.map((token) => [token, []]));
          let request = 0;
          server.otherwise = (wire, socket) => {
            const kind = faults[request++] ?? "none";
            const log = (token: string, event: string) => events.get(token)?.push(event);
            if (kind === "none") {
              return results(wire, (token) => {
                const one = letterAt(token, (events.get(token)?.length ?? 0) + 1);
                log(token, one);
                return RESULTS[one].result;
              })(wire, socket);
            }
            for (const token of idsIn(wire)) log(token, kind);
            const step: Step = {
              "503": answer(503, ""),
              "400": answer(400, "no"),
              reset: rawThenReset(""),
              garbage: answer(200, "<html>"),
              cut: rawThenReset("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"),
            }[kind] as Step;
            return step(wire, socket);
          };
          const sender = createGcmSender({
            apiKey: "k",
            endpoint: server.origin,
            retry: RETRY,
            maxTokensPerRequest,
            ambiguous,
          });
          const { outcomes } = await sender.send({ target: { tokens } });
          await sender.close();
          expect(outcomes.map(({ recipient }) => recipient)).toEqual(tokens);
          for (const [position, outcome] of outcomes.entries()) {
            checkAgainst(events.get(tokens[position] as string) ?? [], outcome, ambiguous);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

const IN_DOUBT = new Set(["reset", "garbage", "cut"]);

/** Holds an outcome against what the server did each time it saw the token. */
function checkAgainst(events: readonly string[], outcome: RecipientOutcome, ambiguous: AmbiguousPolicy): void {
  const kinds = events.map((event) => {
    if (IN_DOUBT.has(event)) return "ambiguous";
    if (event === "503") return "retryable";
    return event === "400" ? "rejected" : RESULTS[event as Letter].kind;
  });
  const last = kinds.at(-1);
  // a whole answer that cannot be read is reported; what was not answered is sent again once, where the caller wants it
  const mayResend = (position: number): boolean =>
    ambiguous === "resend" && events[position] !== "garbage" && !kinds.slice(0, position).includes("ambiguous");
  kinds.slice(0, -1).forEach((kind, position) => {
    expect(kind === "retryable" || (kind === "ambiguous" && mayResend(position))).toBe(true);
  });
  const final =
    last === "accepted" ||
    last === "unregistered" ||
    last === "rejected" ||
    (last === "ambiguous" && !mayResend(kinds.length - 1));
  expect(events.length).toBe(final ? outcome.attempts : MAX_ATTEMPTS);
  expect(outcome.attempts).toBe(events.length);
  // what was in doubt once stays in doubt until it is accepted or refused
  const doubtful = last === "retryable" && kinds.includes("ambiguous");
  expect(outcome.kind).toBe(doubtful ? "ambiguous" : last);
  expect(outcome.unansweredCopies ?? 0).toBe(kinds.slice(0, -1).filter((kind) => kind === "ambiguous").length);
}
