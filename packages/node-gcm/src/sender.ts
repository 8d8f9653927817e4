import type { BackoffPolicy, MessageContent, RecipientOutcome } from "@cloud-messaging/core";
import {
  type DownstreamTransport,
  failureOutcome,
  isErrorLike,
  nextTurn,
  parseDownstreamMessage,
  parseMessageContent,
  requireOptions,
  withRetry,
} from "@cloud-messaging/core/transport";
import { decodeGcmOptions } from "@cloud-messaging/core/wire";
import type { FcmCredential } from "@cloud-messaging/http-sender";
import { Constants } from "./constants.ts";
import { type Address, addressOf, isMalformed, type Target } from "./convert.ts";
import type { Message } from "./message.ts";
import {
  type Credential,
  connect,
  isServerKey,
  type RetryOptions,
  retryOptions,
  type SenderOptions,
  speaksV1,
  understoodOptions,
} from "./options.ts";
import { sendOverridden } from "./overridden.ts";
import { reportRateLimits } from "./rate-limits.ts";
import { type Failure, type Response, responseOf, type Settled } from "./response.ts";
import { SendError } from "./send-error.ts";
import { type SharedTransport, shareTransport } from "./shared-transport.ts";
import type { Callback, IResponseBody, Recipient } from "./typings.ts";

/** Sender with the methods of node-gcm. */
export interface Sender {
  /** Read at each send. */
  options: SenderOptions;
  /** Credential of the sender: text, an object or a function. Read at each send; may be set. */
  get key(): string;
  set key(credential: FcmCredential | string | undefined);
  /**
   * Sends with retries, through `sendNoRetry` if that is overridden. Calls the callback, and returns a promise of the response; its
   * rejection is never reported as unhandled, since programs with callbacks ignore the promise.
   */
  send(message: Message, recipient: Recipient, callback?: Callback): Promise<Response>;
  send(message: Message, recipient: Recipient, options: RetryOptions | number, callback?: Callback): Promise<Response>;
  /** Makes one attempt. */
  sendNoRetry(message: Message, recipient: Recipient, callback?: Callback): Promise<Response>;
  /**
   * Closes its connections, shared with senders of equal options, once the last of those is closed. Optional: idle connections do not keep
   * the process alive.
   */
  close(): Promise<void>;
}

/** Constructor of `Sender`, with `new` and without. */
export interface SenderConstructor {
  /**
   * @param credential A service account (the content of its key file, as an object or text, or its path, with a `/` or `\\` in it or
   * ending in `.json`): FCM HTTP v1. A server key
   * together with `options.uri`: the legacy protocol, there. A server key alone, or nothing: v1 with application default credentials.
   */
  new (credential?: FcmCredential | string, options?: SenderOptions): Sender;
  (credential?: FcmCredential | string, options?: SenderOptions): Sender;
  readonly prototype: Sender;
}

/** Holder of the credential: a property, for copies and proxies, and a function, hidden from inspection. */
const CREDENTIAL = Symbol("credential");

/** Connections of one sender. */
interface Connections {
  closed: boolean;
  /** Values that `shared` was created from. */
  settings: readonly unknown[];
  shared: SharedTransport | undefined;
}

const connectionsOf = new WeakMap<object, Connections>();

class SenderMethods implements Sender {
  declare options: SenderOptions;
  declare [CREDENTIAL]: (() => unknown) | undefined;

  get key(): string {
    return this[CREDENTIAL]?.() as string;
  }

  set key(credential: FcmCredential | string | undefined) {
    this[CREDENTIAL] = () => credential;
  }

  send(
    message: Message,
    recipient: Recipient,
    options?: RetryOptions | number | Callback,
    callback?: Callback,
  ): Promise<Response> {
    const done = typeof options === "function" ? options : callback;
    const retries = retryOptions(options);
    if (this.sendNoRetry === ownSendNoRetry) return settle(sendOnce(this, message, recipient, retries), done);
    const attempt = (to: unknown, called: Callback) => this.sendNoRetry(message, to as Recipient, called);
    const backoff = retries.backoff ?? (isServerKey(this.key) ? Constants.BACKOFF_INITIAL_DELAY : V1_FIRST_WAIT_MS);
    return settle(sendOverridden(attempt, recipient, { ...retries, backoff }), done);
  }

  sendNoRetry(message: Message, recipient: Recipient, callback?: Callback): Promise<Response> {
    return settle(sendOnce(this, message, recipient, { retries: 0, backoff: undefined }), callback);
  }

  async close(): Promise<void> {
    const connections = connectionsFor(this);
    connections.closed = true;
    await connections.shared?.release();
  }
}

const ownSendNoRetry = SenderMethods.prototype.sendNoRetry;

/** First wait over v1, as FCM asks. Unit: milliseconds. Source: docs/retries.md */
const V1_FIRST_WAIT_MS = 10_000;

type Retries = ReturnType<typeof retryOptions>;

async function sendOnce(sender: Sender, message: Message, recipient: unknown, retries: Retries): Promise<Settled> {
  try {
    const credential: unknown = sender.key;
    const address = addressOf(recipient);
    if ("error" in address) return { failure: address.error };
    if (typeof message !== "object" || message === null) {
      return { failure: new SendError(400, "there is no message: give one made with new Message(…), or an object") };
    }
    const json = typeof message.toJson === "function" ? message.toJson() : { ...(message as object) };
    const content = decodeGcmOptions(json);
    const isV1 = speaksV1(credential, optionsOf(sender));
    const tokens = tokensOf(address);
    const outcomes =
      tokens?.some(isMalformed) === true
        ? await sendToWellFormed(sender, content, tokens, retries)
        : await sendTo(sender, content, targetOf(address, isV1), retries, tokens?.length ?? 1);
    const result = responseOf(outcomes, tokens !== undefined, isV1);
    if ("failure" in result) return { failure: explained(result.failure, credential) };
    return { response: result.response, tokens: outcomes.map(({ recipient }) => recipient) };
  } catch (error) {
    // any error reaches the callback: data that is not serialisable, an overridden toJson() that throws …
    return { failure: isErrorLike(error) ? error : new Error(String(error)) };
  }
}

function tokensOf(address: Address): readonly string[] | undefined {
  if ("to" in address) return [address.to];
  return "tokens" in address ? address.tokens : undefined;
}

/** Target of an address. One recipient is `to` over the legacy protocol and `token` over v1; both accept a token or a group's key. */
function targetOf(address: Address, isV1: boolean): Target {
  if ("to" in address) return isV1 ? { token: address.to } : { notificationKey: address.to };
  return "tokens" in address ? { tokens: address.tokens } : address.target;
}

async function sendTo(
  sender: Sender,
  content: MessageContent,
  target: Target,
  { retries, backoff }: Retries,
  recipients: number,
): Promise<readonly RecipientOutcome[]> {
  const parsed = parseDownstreamMessage({ ...content, target });
  return sharedFor(sender).use(async (transport) => {
    transport.check?.(parsed);
    if (retries <= 0) return (await transport.send(parsed)).outcomes;
    const retrying = withRetry(reportRateLimits(transport, recipients), policyOf(transport, retries, backoff));
    return (await retrying.send(parsed)).outcomes;
  });
}

/** Sends to the well-formed tokens; a malformed one gets its error by position, as from the service, and affects no other. */
async function sendToWellFormed(
  sender: Sender,
  content: MessageContent,
  tokens: readonly string[],
  retries: Retries,
): Promise<readonly RecipientOutcome[]> {
  const good = tokens.filter((token) => !isMalformed(token));
  if (good.length === 0) parseMessageContent(content);
  const sent = good.length === 0 ? [] : await sendTo(sender, content, { tokens: good }, retries, tokens.length);
  let next = 0;
  return tokens.map((recipient) =>
    isMalformed(recipient)
      ? failureOutcome("invalid-registration", { recipient, attempts: 0, service: { status: 200 } })
      : (sent[next++] as RecipientOutcome),
  );
}

function connectionsFor(sender: Sender): Connections {
  const known = connectionsOf.get(sender);
  if (known !== undefined) return known;
  const connections: Connections = { closed: false, settings: [], shared: undefined };
  connectionsOf.set(sender, connections);
  return connections;
}

/** @throws {InvalidOptionsError} they are no object. */
function optionsOf({ options }: Sender): SenderOptions {
  return requireOptions(options ?? undefined);
}

/** Returns the transport of a sender, replaced after its key or an option was set. */
function sharedFor(sender: Sender): SharedTransport {
  const connections = connectionsFor(sender);
  if (connections.closed) throw new SendError("closed", "the sender is closed");
  const options = optionsOf(sender);
  const settings = [sender.key, ...understoodOptions(options)];
  const { shared } = connections;
  if (shared !== undefined && settings.every((value, index) => Object.is(value, connections.settings[index]))) {
    return shared;
  }
  connections.shared = shareTransport(settings, () => connect(sender.key as Credential, options));
  connections.settings = settings;
  void shared?.release();
  return connections.shared;
}

function policyOf(
  transport: DownstreamTransport,
  retries: number,
  backoff: number | undefined,
): Partial<BackoffPolicy> {
  const policy = { maxAttempts: retries + 1, totalMs: Number.POSITIVE_INFINITY };
  if (backoff === undefined) return policy;
  const initialMs = Math.min(backoff, Constants.MAX_BACKOFF_DELAY);
  const { rateLimitedMinMs } = transport.retryPolicy;
  return {
    ...policy,
    minMs: initialMs,
    initialMs,
    maxMs: Constants.MAX_BACKOFF_DELAY,
    rateLimitedMinMs: Math.max(rateLimitedMinMs, initialMs),
  };
}

/** Explains a failure with a server key without an endpoint, where there are no default credentials. */
function explained(failure: Failure, credential: unknown): Failure {
  if (!(failure instanceof SendError) || failure.code !== 401 || !isServerKey(credential)) return failure;
  return new SendError(
    401,
    `Server keys have not been accepted since Google ended GCM and the legacy FCM API: pass a service account, new Sender(require("./service-account.json")), or provide default credentials. ${failure.message}`,
  );
}

function settle(attempt: Promise<Settled>, callback: Callback | undefined): Promise<Response> {
  const promise = attempt
    .catch((failure: unknown): Settled => ({ failure }))
    .then((settled) => {
      const failed = "failure" in settled;
      if (typeof callback === "function") {
        // in a turn of its own: an error thrown by the callback is the program's
        nextTurn(() => {
          if (failed) (callback as (error: unknown) => void)(settled.failure);
          else callback(null, settled.response as IResponseBody, settled.tokens);
        });
      }
      if (!failed) return settled.response;
      const { failure } = settled;
      throw isErrorLike(failure)
        ? failure
        : new SendError(typeof failure === "number" ? failure : 400, String(failure));
    });
  promise.catch(() => {});
  return promise;
}

// a function, not a class: programs construct and extend it by `Sender()` and `Sender.call(this, …)`, for which the compiler has no type
function SenderFunction(this: unknown, credential?: FcmCredential | string, options?: SenderOptions): unknown {
  if (!(this instanceof SenderFunction)) return new Sender(credential, options);
  const sender = this as SenderMethods;
  sender.key = credential;
  sender.options = options ?? {};
  return undefined;
}
SenderFunction.prototype = SenderMethods.prototype;
Object.defineProperty(SenderFunction, "name", { value: "Sender" });
Object.defineProperty(SenderMethods.prototype, "constructor", { value: SenderFunction, writable: true });

/**
 * Creates a sender over FCM HTTP v1, or, with a server key and `uri`, over the legacy protocol.
 *
 * @example
 * ```ts
 * import { Message, Sender } from "@cloud-messaging/node-gcm";
 *
 * const sender = new Sender("./service-account.json");
 * sender.send(new Message({ data: { score: "5x1" } }), ["token-of-a-phone"], (error, response) => {
 *   console.log(error ?? response.results);
 * });
 * ```
 */
export const Sender = SenderFunction as unknown as SenderConstructor;
