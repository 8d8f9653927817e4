import { setImmediate } from "node:timers";
import {
  type BackoffPolicy,
  type MessageContent,
  parseDownstreamMessage,
  parseMessageContent,
  type RecipientOutcome,
} from "@cloud-messaging/core";
import { type DownstreamTransport, failureOutcome, isErrorLike, withRetry } from "@cloud-messaging/core/transport";
import type { FcmCredential } from "@cloud-messaging/http-sender";
import { Constants } from "./constants.ts";
import { type Address, addressOf, contentOf, isMalformed, type Target } from "./convert.ts";
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
import { type Failure, type Response, responseOf, SendError, type Settled } from "./response.ts";
import { type SharedTransport, shareTransport } from "./shared-transport.ts";
import type { Callback, IResponseBody, Recipient } from "./typings.ts";

/** Sends messages, with node-gcm's calls. */
export interface Sender {
  /** Read at each send. */
  options: SenderOptions;
  /** Credential of the sender: text, or the object or function that it was made with. Read at each send; may be set. */
  get key(): string;
  set key(credential: FcmCredential | string | undefined);
  /**
   * Sends, and tries again what can be; calls `sendNoRetry` for it where that is a program's own. Calls back, and gives a promise of the
   * response besides; a rejection nobody listens to is not reported, since programs written for callbacks do not listen.
   */
  send(message: Message, recipient: Recipient, callback?: Callback): Promise<Response>;
  send(message: Message, recipient: Recipient, options: RetryOptions | number, callback?: Callback): Promise<Response>;
  /** Makes one attempt. */
  sendNoRetry(message: Message, recipient: Recipient, callback?: Callback): Promise<Response>;
  /**
   * Ends its connections, which it shares with senders made alike, once the last of those is closed. Programs written for node-gcm need
   * not: unused connections keep no process alive.
   */
  close(): Promise<void>;
}

/** Makes a sender, with `new` and without. */
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

/** Holder of the credential: a property, so that copies and proxies have it, and a function, so that no inspection shows it. */
const CREDENTIAL = Symbol("credential");

/** Connections of one sender. */
interface Connections {
  closed: boolean;
  /** Values that `shared` was made of. */
  likeness: readonly unknown[];
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
    const content = contentOf(json);
    const isV1 = speaksV1(credential, sender.options ?? {});
    const tokens = tokensOf(address);
    const outcomes =
      tokens?.some(isMalformed) === true
        ? await sendToGood(sender, content, tokens, retries)
        : await sendTo(sender, content, targetOf(address, isV1), retries, tokens?.length ?? 1);
    const result = responseOf(outcomes, tokens !== undefined, isV1);
    if ("failure" in result) return { failure: explained(result.failure, credential) };
    return { response: result.response, tokens: outcomes.map(({ recipient }) => recipient) };
  } catch (error) {
    // the callback is called whatever it is: data that cannot be written as JSON, a toJson() of the program's that throws …
    return { failure: isErrorLike(error) ? error : new Error(String(error)) };
  }
}

function tokensOf(address: Address): readonly string[] | undefined {
  if ("to" in address) return [address.to];
  return "tokens" in address ? address.tokens : undefined;
}

/** One recipient goes out as `to` over the legacy protocol, which takes a token and a group's key there, and as `token` over v1, likewise. */
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

/** One token that cannot be one is told by its position, as the service told it, and keeps the message from no other. */
async function sendToGood(
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
  const connections: Connections = { closed: false, likeness: [], shared: undefined };
  connectionsOf.set(sender, connections);
  return connections;
}

/** The transport of a sender: another one after its key or an option was set. */
function sharedFor(sender: Sender): SharedTransport {
  const connections = connectionsFor(sender);
  if (connections.closed) throw new SendError("closed", "the sender is closed");
  const options = sender.options ?? {};
  const likeness = [sender.key, ...understoodOptions(options)];
  const { shared } = connections;
  if (shared !== undefined && likeness.every((value, index) => Object.is(value, connections.likeness[index]))) {
    return shared;
  }
  connections.shared = shareTransport(likeness, () => connect(sender.key as Credential, options));
  connections.likeness = likeness;
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

/** A server key without an address ends here when there are no default credentials: says what has happened to such keys. */
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
      if (callback !== undefined) {
        // on a turn of its own: what a callback throws is the program's, and must not come back here
        setImmediate(() => {
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

// a function and no class: `Sender()` and `Sender.call(this, …)` are how programs of node-gcm's years make and extend one
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

/** A sender: `new Sender(serviceAccount)`, or `new Sender(key, { uri })` for the legacy protocol. */
export const Sender = SenderFunction as unknown as SenderConstructor;
