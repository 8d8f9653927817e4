import * as z from "../zod.ts";
import { ConditionSyntaxError, isTopicName, parseCondition } from "./condition.ts";
import { fidProblem, type InstallationId } from "./fid.ts";
import { LONE_SURROGATE } from "./text.ts";
import { describeType, type RegistrationToken, tokenProblem } from "./token.ts";

/** Target of a message, checked: exactly one of these. */
export type Target =
  | { readonly token: RegistrationToken }
  | { readonly tokens: readonly RegistrationToken[] }
  /** A Firebase Installation ID: since 2026 the target of FCM HTTP v1, instead of a token. Nowhere else. */
  | { readonly fid: InstallationId }
  /** The bare name, without `/topics/`. */
  | { readonly topic: string }
  | { readonly condition: string }
  /** A device group's key; `notificationKeyName` guards against using the wrong one where the service checks it. */
  | { readonly notificationKey: string; readonly notificationKeyName?: string };

/** Target of a message, as a caller writes it: exactly one of these. */
export type TargetInput =
  | Only<{ readonly token: string }>
  /** 1 or more. The transports split and fan out as their service needs. Over FCM HTTP v1 installation IDs may be among them. */
  | Only<{ readonly tokens: readonly string[] }>
  /** A Firebase Installation ID, as the app reported it. FCM HTTP v1 only. */
  | Only<{ readonly fid: string }>
  /** With or without the `/topics/` prefix. */
  | Only<{ readonly topic: string }>
  /** `'dogs' in topics && 'cats' in topics`; at most five topics, read from left to right. */
  | Only<{ readonly condition: string }>
  | Only<{ readonly notificationKey: string; readonly notificationKeyName?: string | undefined }>;

/** A target with one outcome: anything but a list of tokens. */
export type SingleTargetInput = Exclude<TargetInput, { readonly tokens: readonly string[] }>;

/** A kind of target with nothing of another beside it: two at once do not compile. */
type Only<Kind> = Kind & { readonly [Other in Exclude<(typeof KNOWN_KEYS)[number], keyof Kind>]?: undefined };

const KINDS = ["token", "tokens", "fid", "topic", "condition", "notificationKey"] as const;
const KNOWN_KEYS = [...KINDS, "notificationKeyName"] as const;
const TOPIC_PREFIX = "/topics/";

/** One checker for all kinds: an error names the field that the caller wrote and not six alternatives. */
export const TargetSchema: z.ZodType<Target, TargetInput> = z
  .custom<TargetInput>(() => true)
  .transform((input: unknown, context): Target => {
    const report = (path: (string | number)[], message: string): void => {
      context.addIssue({ code: "custom", path, message });
    };
    if (typeof input !== "object" || input === null || Array.isArray(input)) {
      report([], `must be an object with one of ${KINDS.join(", ")}, not ${describeType(input)}`);
      return z.NEVER;
    }
    const target = input as Record<string, unknown>;
    for (const key of Object.keys(target)) {
      if (!(KNOWN_KEYS as readonly string[]).includes(key))
        report([key], `is not a kind of target; use one of ${KINDS.join(", ")}`);
    }
    const given = KINDS.filter((kind) => target[kind] !== undefined);
    const kind = given[0];
    if (kind === undefined || given.length > 1) {
      report(
        [],
        `needs exactly one of ${KINDS.join(", ")}, and has ${given.length === 0 ? "none" : given.join(" and ")}`,
      );
      return z.NEVER;
    }
    if (target["notificationKeyName"] !== undefined && kind !== "notificationKey") {
      report(["notificationKeyName"], "goes with notificationKey only");
    }
    return readTarget(kind, target, report) ?? z.NEVER;
  });

function readTarget(
  kind: (typeof KINDS)[number],
  target: Record<string, unknown>,
  report: (path: (string | number)[], message: string) => void,
): Target | undefined {
  const value = target[kind];
  if (kind === "tokens") {
    if (!Array.isArray(value) || value.length === 0) {
      report(
        [kind],
        `must be an array of at least one token, not ${Array.isArray(value) ? "empty" : describeType(value)}`,
      );
      return undefined;
    }
    // a copy: what the caller does with the array afterwards changes no message under way. By index, since holes are not to be skipped
    const tokens = Array.from(value as unknown[]);
    for (let position = 0; position < tokens.length; position++) {
      const problem = tokenProblem(tokens[position]);
      if (problem !== undefined) report([kind, position], problem);
    }
    return { tokens: tokens as RegistrationToken[] };
  }
  if (typeof value !== "string") {
    report([kind], `must be a string, not ${describeType(value)}`);
    return undefined;
  }
  switch (kind) {
    case "token": {
      const problem = tokenProblem(value);
      if (problem !== undefined) report([kind], problem);
      return { token: value as RegistrationToken };
    }
    case "fid": {
      const problem = fidProblem(value);
      if (problem !== undefined) report([kind], problem);
      return { fid: value as InstallationId };
    }
    case "topic": {
      const topic = value.startsWith(TOPIC_PREFIX) ? value.slice(TOPIC_PREFIX.length) : value;
      if (!isTopicName(topic)) report([kind], "must have 1 to 900 of the characters a-z A-Z 0-9 - _ . ~ %");
      return { topic };
    }
    case "condition":
      try {
        parseCondition(value);
      } catch (error) {
        if (!(error instanceof ConditionSyntaxError)) throw error;
        report([kind], error.message);
      }
      return { condition: value };
    case "notificationKey": {
      const problem = tokenProblem(value);
      if (problem !== undefined) report([kind], problem);
      const name = target["notificationKeyName"];
      if (name === undefined) return { notificationKey: value };
      if (typeof name === "string" && !name.isWellFormed()) report(["notificationKeyName"], LONE_SURROGATE);
      if (typeof name === "string" && name !== "") return { notificationKey: value, notificationKeyName: name };
      report(["notificationKeyName"], `must be a non-empty string, not ${name === "" ? "empty" : describeType(name)}`);
      return undefined;
    }
  }
}

/** The recipients of a target, as reports name them: tokens, the topic, the condition or the key, each as it stands there. */
export function recipientsOf(target: Target): readonly string[] {
  if ("tokens" in target) return target.tokens;
  if ("token" in target) return [target.token];
  if ("fid" in target) return [target.fid];
  if ("topic" in target) return [target.topic];
  if ("condition" in target) return [target.condition];
  return [target.notificationKey];
}

/** The tokens or installation ID of a target, or `undefined` when it is a topic, a condition or a group: where a repeat reaches everybody. */
export function tokensOf(target: Target): readonly RegistrationToken[] | undefined {
  if ("tokens" in target) return target.tokens;
  if ("token" in target) return [target.token];
  if ("fid" in target) return [target.fid];
  return undefined;
}
