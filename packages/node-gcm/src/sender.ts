import { setImmediate } from "node:timers";
import {
  type BackoffPolicy,
  type DownstreamTransport,
  failureOutcome,
  type MessageContent,
  parseDownstreamMessage,
  parseMessageContent,
  type RecipientOutcome,
  withRetry,
} from "@cloud-messaging/core";
import {
  createFcmV1Transport,
  createGcmHttpTransport,
  type FcmCredential,
  type FcmV1TransportOptions,
} from "@cloud-messaging/http-sender";
import { Constants } from "./constants.ts";
import { contentOf, isMalformed, type Recipient, type Target, targetOf, tokensGiven } from "./convert.ts";
import type { Message } from "./message.ts";
import { type Failure, type Response, responseOf, SendError } from "./response.ts";
import { type SharedTransport, shareTransport } from "./shared-transport.ts";

/** How often, and how patiently, to try again. */
export interface RetryOptions {
  /** Further attempts after the first. @defaultValue 5 */
  readonly retries?: number;
  /** The first wait; it doubles. Unit: milliseconds. @defaultValue 1000; over v1 what FCM asks for, 10 s and more */
  readonly backoff?: number;
}

/** Called once with an error or a response, and never from within the call. `tokens`: the recipients that were attempted. */
export type Callback = (
  error: Failure | string | null | undefined,
  response?: Response,
  tokens?: readonly string[],
) => void;

/** A proxy as node-gcm's HTTP library took it. */
export interface ProxyParts {
  /** @defaultValue "http" */
  readonly protocol?: string;
  readonly host: string;
  readonly port?: number | string;
  readonly auth?: { readonly username: string; readonly password: string };
}

/** What a sender can be told. Other options of node-gcm's HTTP library are ignored. */
export interface SenderOptions
  extends Pick<FcmV1TransportOptions, "projectId" | "endpoint" | "connect" | "httpVersion"> {
  /** Speaks the legacy protocol to this address: an emulator, a relay. */
  readonly uri?: string;
  /** Unit: milliseconds; 0 for none. */
  readonly timeout?: number;
  /** URL of an HTTP proxy, or its parts; `false` for none. */
  readonly proxy?: string | false | ProxyParts;
  /** Most connections. */
  readonly maxSockets?: number;
}

/** Sends messages, with node-gcm's calls. */
export interface Sender {
  readonly options: SenderOptions;
  /**
   * Sends, and tries again what can be. Calls back, and gives a promise of the response besides; a rejection nobody listens to is
   * not reported, since programs written for callbacks do not listen.
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

/** What became of a send, for the callback. */
type Settled =
  | { readonly failure: Failure | string; readonly response?: undefined; readonly tokens?: readonly string[] }
  | { readonly response: Response; readonly failure?: undefined; readonly tokens: readonly string[] };

class GcmSender implements Sender {
  readonly options: SenderOptions;
  readonly #credential: FcmCredential | string | undefined;
  #shared: SharedTransport | undefined;
  #closed = false;

  constructor(credential: FcmCredential | string | undefined, options: SenderOptions) {
    this.#credential = credential;
    this.options = options;
  }

  /** What the sender was made with. On the prototype, so that inspecting a sender does not show it. */
  get key(): unknown {
    return this.#credential;
  }

  send(
    message: Message,
    recipient: Recipient,
    options?: RetryOptions | number | Callback,
    callback?: Callback,
  ): Promise<Response> {
    const done = typeof options === "function" ? options : callback;
    const { retries = 5, backoff } = retryOptions(options);
    return settle(this.#attempt(message, recipient, retries, backoff), done);
  }

  sendNoRetry(message: Message, recipient: Recipient, callback?: Callback): Promise<Response> {
    return settle(this.#attempt(message, recipient, 0, undefined), callback);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#shared?.release();
  }

  async #attempt(
    message: Message,
    recipient: Recipient,
    retries: number,
    backoff: number | undefined,
  ): Promise<Settled> {
    try {
      const to = targetOf(recipient);
      if ("error" in to) return { failure: to.error };
      if (typeof message !== "object" || message === null) {
        return { failure: new SendError(400, "there is no message: give one made with new Message(…), or an object") };
      }
      const json = typeof message.toJson === "function" ? message.toJson() : { ...(message as object) };
      const content = contentOf(json);
      const tokens = tokensGiven(to.target);
      const outcomes =
        tokens?.some(isMalformed) === true
          ? await this.#sendToGood(content, tokens, retries, backoff)
          : await this.#sendTo(content, to.target, retries, backoff);
      const result = responseOf(outcomes, tokens !== undefined, this.#isV1);
      if ("failure" in result) return { failure: this.#explain(result.failure) };
      return { response: result.response, tokens: outcomes.map(({ recipient }) => recipient) };
    } catch (error) {
      // whatever it is, the callback is called: data that cannot be written as JSON, a toJson() of the program's that throws …
      return { failure: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  async #sendTo(
    content: MessageContent,
    target: Target,
    retries: number,
    backoff: number | undefined,
  ): Promise<readonly RecipientOutcome[]> {
    const parsed = parseDownstreamMessage({ ...content, target });
    if (this.#closed) throw new SendError("closed", "the sender is closed");
    this.#shared ??= shareTransport(this.#likeness(), () => this.#connect());
    const { transport } = this.#shared;
    transport.check?.(parsed);
    const way = retries <= 0 ? transport : withRetry(transport, this.#policy(transport, retries, backoff));
    return (await way.send(parsed)).outcomes;
  }

  /** One token that cannot be one is told by its position, as the service told it, and keeps the message from no other. */
  async #sendToGood(
    content: MessageContent,
    tokens: readonly string[],
    retries: number,
    backoff: number | undefined,
  ): Promise<readonly RecipientOutcome[]> {
    const good = tokens.filter((token) => !isMalformed(token));
    if (good.length === 0) parseMessageContent(content);
    const sent = good.length === 0 ? [] : await this.#sendTo(content, { tokens: good }, retries, backoff);
    let next = 0;
    return tokens.map((recipient) =>
      isMalformed(recipient)
        ? failureOutcome("invalid-registration", { recipient, attempts: 0, service: { status: 200 } })
        : (sent[next++] as RecipientOutcome),
    );
  }

  get #isV1(): boolean {
    return this.options.uri === undefined || typeof this.#credential !== "string" || !isServerKey(this.#credential);
  }

  /** What makes two senders alike: of the options those that are understood, since the others may hold anything. */
  #likeness(): unknown[] {
    const { uri, timeout, proxy, maxSockets, projectId, endpoint, connect, httpVersion } = this.options;
    const options = { uri, timeout, proxy, maxSockets, projectId, endpoint, connect, httpVersion };
    return [this.#credential, options];
  }

  #connect(): DownstreamTransport {
    const { uri, timeout, proxy, maxSockets, projectId, endpoint, connect, httpVersion } = this.options;
    const shared = {
      ...(timeout === undefined ? {} : { timeoutMs: timeout === 0 ? LONGEST_TIMEOUT_MS : timeout }),
      ...(proxy === undefined || proxy === null ? {} : { proxy: proxyOf(proxy) }),
      ...(maxSockets === undefined || !Number.isFinite(maxSockets) ? {} : { maxSockets }),
      ...(connect === undefined ? {} : { connect }),
    };
    const credential = this.#credential;
    if (typeof credential === "string" && uri !== undefined && !this.#isV1) {
      return createGcmHttpTransport({ ...shared, apiKey: credential, endpoint: uri });
    }
    if (uri !== undefined) {
      throw new SendError(
        401,
        "options.uri is an address of the legacy protocol, which takes a server key: give one, or leave uri out. Over FCM HTTP v1 the address is options.endpoint.",
      );
    }
    return createFcmV1Transport({
      ...shared,
      credential: isServerKey(credential) ? "application-default" : (credential as FcmCredential),
      ...(projectId === undefined ? {} : { projectId }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(httpVersion === undefined ? {} : { httpVersion }),
    });
  }

  #policy(transport: DownstreamTransport, retries: number, backoff: number | undefined): Partial<BackoffPolicy> {
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

  /** A server key without an address ends here when there are no default credentials: say what has happened to such keys. */
  #explain(failure: Failure): Failure {
    if (!(failure instanceof SendError) || failure.code !== 401 || !isServerKey(this.#credential)) return failure;
    return new SendError(
      401,
      `Server keys have not been accepted since Google ended GCM and the legacy FCM API: pass a service account, new Sender(require("./service-account.json")), or provide default credentials. ${failure.message}`,
    );
  }
}

/** `timeout: 0` means no limit; this is the longest there is, 24 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

function proxyOf(proxy: string | false | ProxyParts): string | false {
  if (typeof proxy !== "object") return proxy;
  const { protocol = "http", host, port, auth } = proxy;
  const user = auth === undefined ? "" : `${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}@`;
  return `${protocol.replace(/:$/, "")}://${user}${host}${port === undefined ? "" : `:${port}`}`;
}

/** Whether a credential is a legacy server key, or nothing at all, and not something v1 can use: a key file's text or path. */
function isServerKey(credential: unknown): boolean {
  if (credential === undefined || credential === null) return true;
  if (typeof credential !== "string" || credential === "application-default") return false;
  return !credential.trimStart().startsWith("{") && !/[/\\]|\.json$/.test(credential);
}

function retryOptions(options: RetryOptions | number | Callback | null | undefined): RetryOptions {
  if (typeof options === "number") return { retries: options };
  if (typeof options !== "object" || options === null) return {};
  const { retries, backoff } = options;
  return {
    ...(typeof retries === "number" ? { retries } : {}),
    ...(typeof backoff === "number" ? { backoff } : {}),
  };
}

function settle(attempt: Promise<Settled>, callback: Callback | undefined): Promise<Response> {
  const promise = attempt.then((settled) => {
    if (callback !== undefined) {
      // on a turn of its own: what a callback throws is the program's, and must not come back here
      setImmediate(() => {
        if (settled.response === undefined) callback(settled.failure);
        else callback(null, settled.response, settled.tokens);
      });
    }
    if (settled.response !== undefined) return settled.response;
    throw settled.failure instanceof Error
      ? settled.failure
      : new SendError(codeOf(settled.failure), String(settled.failure));
  });
  promise.catch(() => {});
  return promise;
}

function codeOf(failure: number | string): number {
  return typeof failure === "number" ? failure : 400;
}

function SenderFunction(this: unknown, credential?: FcmCredential | string, options?: SenderOptions): Sender {
  // what extends it has methods of its own
  return Reflect.construct(GcmSender, [credential, options ?? {}], new.target ?? GcmSender) as Sender;
}
SenderFunction.prototype = GcmSender.prototype;
Object.defineProperty(SenderFunction, "name", { value: "Sender" });

/** A sender: `new Sender(serviceAccount)`, or `new Sender(key, { uri })` for the legacy protocol. */
export const Sender = SenderFunction as unknown as SenderConstructor;
