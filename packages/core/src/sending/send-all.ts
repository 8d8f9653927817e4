import { InvalidMessageError, InvalidOptionsError } from "../errors.ts";
import type { DownstreamMessage, MessageContent } from "../message/downstream.ts";
import { isPlainObject } from "../message/json.ts";
import { type RegistrationToken, tokenProblem } from "../message/token.ts";
import { Fanout } from "../outcome/fanout.ts";
import type { RecipientOutcome, SendReport } from "../outcome/outcome.ts";
import type { Clock } from "../time/clock.ts";
import { type AddressedMessage, readAddressedMessage, recipientsGiven, refusedRecipient } from "./addressed-message.ts";
import type { OutcomeListener } from "./downstream-transport.ts";
import { changesProblem, merged } from "./merged.ts";
import type { SendAllOptions, SendAllOutcome, SendEachOptions, SendEachOutcome } from "./sender.ts";

/** The parts of a sender that a fanout sends with. */
export interface FanoutParts {
  /** Name of the transport, for notices. */
  readonly transport: string;
  readonly clock: Clock;
  /** Batches under way at once, and tokens per batch, where the caller says nothing. */
  readonly concurrency: number;
  readonly batchSize: number;
  /** @throws {InvalidMessageError} the service cannot carry the message. */
  check(message: DownstreamMessage): void;
  send(message: AddressedMessage, retryUntil: AbortSignal, tell: OutcomeListener): Promise<SendReport>;
}

type Source<T> = Iterable<T> | AsyncIterable<T>;

/** Sends one content to many tokens, in batches. @throws {InvalidOptionsError} at once, where the tokens are no iterable. */
export function sendToTokens(
  content: MessageContent,
  tokens: Source<unknown>,
  options: SendAllOptions<never>,
  parts: FanoutParts,
): AsyncGenerator<SendAllOutcome, void, undefined> {
  checkSource("recipients", tokens);
  return new Fanout<RegistrationToken, SendAllOutcome>(tokens, {
    ...limitsOf(options, parts),
    batchSize: options.batchSize ?? parts.batchSize,
    read(given) {
      const token = tokenOf(given);
      const problem = tokenProblem(token);
      return problem === undefined
        ? { unit: token as RegistrationToken, recipients: [token as string], key: token as string }
        : [refusedRecipient(token, `The token ${problem}`)];
    },
    sendBatch: (units, retryUntil, tell) =>
      parts.send({ message: { ...content, target: { tokens: units } } }, retryUntil, tell).then(outcomesOf),
    // the position first: on Node 20 a field that is set behind a spread costs five times as much
    place: (outcome, position) => ({ position, ...outcome }),
  }).run();
}

/** Sends one content to many recipients, each with changes of its own. @throws {InvalidOptionsError} likewise. */
export function sendPersonalized<R>(
  content: MessageContent,
  recipients: Source<R>,
  personalize: (recipient: R, position: number) => MessageContent | undefined,
  options: SendEachOptions,
  parts: FanoutParts,
): AsyncGenerator<SendAllOutcome, void, undefined> {
  checkSource("recipients", recipients);
  return new Fanout<AddressedMessage, SendAllOutcome>(recipients, {
    ...limitsOf(options, parts),
    batchSize: 1,
    read(given, position) {
      const token = tokenOf(given);
      const problem = tokenProblem(token);
      if (problem !== undefined) return [refusedRecipient(token, `The token ${problem}`)];
      const changes: unknown = personalize(given as R, position);
      const wrong = changesProblem(changes);
      if (wrong !== undefined) return [refusedRecipient(token, `The changes of the content ${wrong}`)];
      const personal = changes == null ? content : merged(content, changes);
      return readMessage({ ...(personal as object), target: { tokens: [token] } }, parts);
    },
    sendBatch: ([message], retryUntil, tell) =>
      parts.send(message as AddressedMessage, retryUntil, tell).then(outcomesOf),
    place: (outcome, position) => ({ position, ...outcome }),
  }).run();
}

/** Sends many different messages. @throws {InvalidOptionsError} likewise. */
export function sendMessages(
  messages: Source<unknown>,
  options: SendEachOptions,
  parts: FanoutParts,
): AsyncGenerator<SendEachOutcome, void, undefined> {
  checkSource("messages", messages);
  return new Fanout<AddressedMessage, SendEachOutcome>(messages, {
    ...limitsOf(options, parts),
    batchSize: 1,
    read: (given) => readMessage(given, parts),
    sendBatch: ([message], retryUntil, tell) =>
      parts.send(message as AddressedMessage, retryUntil, tell).then(outcomesOf),
    place: (outcome, position, index) => ({ position, index, ...outcome }),
  }).run();
}

/** A message that can be sent, or the outcomes of one that cannot be sent or has no recipient. */
function readMessage(input: unknown, parts: FanoutParts) {
  try {
    const addressed = readAddressedMessage(input);
    parts.check(addressed.message);
    const { target } = addressed.message;
    if ("tokens" in target && target.tokens.length === 0) return [...(addressed.refused?.values() ?? [])];
    return { unit: addressed, recipients: recipientsGiven(addressed) };
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    return [refusedRecipient(recipientNamed(input), error.message)];
  }
}

/** The recipient of a message that cannot be read, as far as it names one. */
function recipientNamed(input: unknown): unknown {
  if (!isPlainObject(input) || !isPlainObject(input["target"])) return input;
  const { token, tokens, fid, topic, condition, notificationKey } = input["target"];
  const [first] = Array.isArray(tokens) ? (tokens as unknown[]) : [];
  return token ?? first ?? fid ?? topic ?? condition ?? notificationKey;
}

function tokenOf(given: unknown): unknown {
  return typeof given === "object" && given !== null && "token" in given ? given.token : given;
}

function limitsOf({ signal, onProgress, concurrency }: SendEachOptions, parts: FanoutParts) {
  const { transport, clock } = parts;
  return { transport, clock, signal, onProgress, concurrency: concurrency ?? parts.concurrency };
}

function outcomesOf({ outcomes }: SendReport): readonly RecipientOutcome[] {
  return outcomes;
}

function checkSource(path: string, source: unknown): void {
  if (typeof source !== "string" && (Symbol.iterator in Object(source) || Symbol.asyncIterator in Object(source))) {
    return;
  }
  throw new InvalidOptionsError([{ path, problem: "must be an array, an iterable or an async iterable" }]);
}
