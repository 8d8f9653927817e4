import { type FieldProblem, InvalidOptionsError, pathOf } from "./errors.ts";
import { describeType } from "./message/token.ts";
import type { CreateSenderOptions, SendAllOptions, SendOptions } from "./sender.ts";

const SENDER_OPTIONS: (keyof CreateSenderOptions)[] = [
  "transport",
  "registrations",
  "retry",
  "maxWaiting",
  "ambiguous",
  "clock",
  "random",
];
const SEND_OPTIONS: (keyof SendOptions)[] = ["signal", "timeoutMs", "ambiguous"];
const SEND_ALL_OPTIONS: (keyof SendAllOptions)[] = [...SEND_OPTIONS, "concurrency", "batchSize", "onProgress"];
const STORE_METHODS = ["register", "registrationsOf", "resolve", "replace", "remove", "suspect"] as const;

/** @throws {InvalidOptionsError} naming everything wrong with what `createSender` was given. */
export function checkSenderOptions({
  transport,
  maxWaiting,
  retry,
  registrations,
  ambiguous,
  clock,
  random,
  ...unknown
}: CreateSenderOptions): void {
  const problems = unknownOptions(unknown, SENDER_OPTIONS);
  const demand = (path: string, holds: boolean, problem: string): void => {
    if (!holds) problems.push({ path, problem });
  };
  demand("transport", typeof transport?.send === "function", "must be a transport: an object with send()");
  demand(
    "transport",
    !transport?.retries,
    "already has retries: give the bare one, and say how to try again with the option retry",
  );
  demand(
    "maxWaiting",
    maxWaiting === undefined ||
      maxWaiting === Number.POSITIVE_INFINITY ||
      (Number.isInteger(maxWaiting) && maxWaiting >= 1),
    `must be a whole number of at least 1, not ${String(maxWaiting)}`,
  );
  demand(
    "retry",
    retry === undefined || retry === false || (typeof retry === "object" && retry !== null),
    "must be an object with parts of the retry policy, or false for one attempt only",
  );
  const missing = STORE_METHODS.filter((name) => typeof registrations?.[name] !== "function");
  demand(
    "registrations",
    registrations === undefined || missing.length === 0,
    `must be a registration store; ${missing.join(", ")} missing`,
  );
  checkAmbiguous(ambiguous, demand);
  demand(
    "clock",
    clock === undefined || (typeof clock?.now === "function" && typeof clock.schedule === "function"),
    "must be a clock: an object with now() and schedule()",
  );
  demand("random", random === undefined || typeof random === "function", "must be a function, as Math.random is");
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

function checkAmbiguous(value: unknown, demand: (path: string, holds: boolean, problem: string) => void): void {
  demand("ambiguous", value === undefined || value === "resend" || value === "report", 'must be "resend" or "report"');
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of one send. */
export function checkSendOptions(options: SendOptions): void {
  check(options, SEND_OPTIONS);
}

/** @throws {InvalidOptionsError} naming everything wrong with the options of `sendAll` that it has in common with `send`, and what is none. */
export function checkSendAllOptions(options: SendAllOptions): void {
  check(options, SEND_ALL_OPTIONS);
}

function check(options: SendOptions, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionsError([{ path: "", problem: `must be an object, not ${describeType(options)}` }]);
  }
  if (Object.keys(options).length === 0) return; // as with nearly every send
  const problems = unknownOptions(options, known);
  const { signal, timeoutMs, ambiguous } = options;
  const demand = (path: string, holds: boolean, problem: string): void => {
    if (!holds) problems.push({ path, problem });
  };
  demand("signal", signal === undefined || signal instanceof AbortSignal, "must be an AbortSignal");
  demand(
    "timeoutMs",
    timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs > 0),
    `must be a number above 0, not ${String(timeoutMs)}`,
  );
  checkAmbiguous(ambiguous, demand);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** What was given and means nothing: a misspelt option must not read as the default. */
function unknownOptions(options: object, known: readonly string[]): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || known.includes(key)) continue;
    problems.push({ path: pathOf([key]), problem: `is not an option here; use ${known.join(", ")}` });
  }
  return problems;
}
