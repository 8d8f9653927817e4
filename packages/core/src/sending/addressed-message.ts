import { type DownstreamMessage, parseByMessageSchema } from "../message/downstream.ts";
import { isPlainObject } from "../message/json.ts";
import { readPlainMessage } from "../message/plain-message.ts";
import { recipientsOf } from "../message/target.ts";
import { describeType, type RegistrationToken, tokenProblem } from "../message/token.ts";
import { failureOutcome, type RecipientOutcome, type SendReport } from "../outcome/outcome.ts";
import type { OutcomeListener } from "./downstream-transport.ts";

/** A message that can be sent, and the way back to what the caller gave. */
export interface AddressedMessage {
  /** The message to the well-formed recipients; its list of tokens is empty where none is. */
  readonly message: DownstreamMessage;
  /** Outcomes of malformed tokens, by their position in the caller's list. */
  readonly refused?: ReadonlyMap<number, RecipientOutcome>;
  /** The topic as the caller wrote it, where the message has its bare name. */
  readonly topic?: string;
}

const PLACEHOLDER = "placeholder" as RegistrationToken;

/**
 * Reads a message of the caller's. A malformed token in a list is taken out of it and has an outcome of its own, so that it keeps the
 * message from no other; everything else that is wrong is refused.
 *
 * @throws {InvalidMessageError} naming every bad field by its path.
 */
export function readAddressedMessage(input: unknown): AddressedMessage {
  const plain = readPlainMessage(input);
  if (plain !== undefined) return { message: plain };
  if (isPlainObject(input) && isPlainObject(input["target"])) {
    const { target } = input;
    const { tokens, topic } = target;
    if (Array.isArray(tokens)) {
      const { good, refused } = screen(tokens);
      if (good.length === 0) {
        // whatever else is wrong is said all the same
        const message = parseByMessageSchema({ ...input, target: { ...target, tokens: [PLACEHOLDER] } });
        return { message: { ...message, target: { tokens: [] } }, refused };
      }
      if (refused.size > 0) {
        return { message: parseByMessageSchema({ ...input, target: { ...target, tokens: good } }), refused };
      }
    }
    const message = parseByMessageSchema(input);
    return typeof topic === "string" && "topic" in message.target && message.target.topic !== topic
      ? { message, topic }
      : { message };
  }
  return { message: parseByMessageSchema(input) };
}

function screen(tokens: readonly unknown[]) {
  const good: RegistrationToken[] = [];
  const refused = new Map<number, RecipientOutcome>();
  // by index, since holes are not to be skipped
  for (let position = 0; position < tokens.length; position++) {
    const problem = tokenProblem(tokens[position]);
    if (problem === undefined) good.push(tokens[position] as RegistrationToken);
    else refused.set(position, refusedRecipient(tokens[position], `The token ${problem}`));
  }
  return { good, refused };
}

/** The outcome of a recipient that nothing can be sent to. */
export function refusedRecipient(recipient: unknown, detail: string): RecipientOutcome {
  const name = typeof recipient === "string" ? recipient : describeType(recipient);
  return failureOutcome("invalid-argument", { recipient: name, attempts: 0, detail });
}

/** True if a message has no recipient that it can be sent to. */
export function hasNoRecipients({ target }: DownstreamMessage): boolean {
  return "tokens" in target && target.tokens.length === 0;
}

/** The recipients as the caller gave them, by position. */
export function recipientsGiven({ message, refused, topic }: AddressedMessage): readonly string[] {
  if (topic !== undefined) return [topic];
  const sendable = recipientsOf(message.target);
  if (refused === undefined) return sendable;
  return byPosition(sendable, refused, ({ recipient }) => recipient);
}

/** The report by the caller's positions, naming the recipients as the caller did. */
export function restoreReport({ refused, topic }: AddressedMessage, report: SendReport): SendReport {
  if (topic !== undefined) {
    return { ...report, outcomes: report.outcomes.map((outcome) => ({ ...outcome, recipient: topic })) };
  }
  return refused === undefined
    ? report
    : { ...report, outcomes: byPosition(report.outcomes, refused, (outcome) => outcome) };
}

/**
 * Passes outcomes on by the caller's positions, naming the recipients as the caller did. The outcomes of malformed tokens go with the
 * first.
 */
export function restoreTo({ refused, topic }: AddressedMessage, listener: OutcomeListener): OutcomeListener {
  if (topic !== undefined) return (position, outcome) => listener(position, { ...outcome, recipient: topic });
  if (refused === undefined) return listener;
  const positions: number[] = [];
  let told = false;
  return (index, outcome) => {
    if (!told) for (const [position, refusal] of refused) listener(position, refusal);
    told = true;
    // places of the well-formed tokens in the caller's list, as far as they are needed
    for (let position = (positions.at(-1) ?? -1) + 1; positions.length <= index; position++) {
      if (!refused.has(position)) positions.push(position);
    }
    listener(positions[index] as number, outcome);
  };
}

/** Puts what belongs to malformed tokens between what belongs to the others. */
function byPosition<T>(
  sendable: readonly T[],
  refused: ReadonlyMap<number, RecipientOutcome>,
  of: (outcome: RecipientOutcome) => T,
): T[] {
  let next = 0;
  return Array.from({ length: sendable.length + refused.size }, (_, position) => {
    const outcome = refused.get(position);
    return outcome === undefined ? (sendable[next++] as T) : of(outcome);
  });
}
