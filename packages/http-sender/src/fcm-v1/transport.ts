import {
  type Clock,
  type DownstreamMessage,
  InvalidOptionsError,
  type RecipientOutcome,
  type SendReport,
} from "@cloud-messaging/core";
import {
  type AttemptOptions,
  checkSignalOptions,
  earlier,
  failureOutcome,
  lifeEndsAt,
  NEVER,
  readOptions,
  recipientsOf,
  requireOptions,
  SENDER_OPTION_NAMES,
  systemClock,
  type TransportHealth,
  withLifeLeft,
} from "@cloud-messaging/core/transport";
import { createAccessTokenSource } from "../auth/access-token.ts";
import { createAccessTokenProvider, type FcmCredential } from "../auth/credential.ts";
import type { CredentialCheck } from "../auth/credential-check.ts";
import { ProjectLookup } from "../auth/project.ts";
import { projectOfEnvironment } from "../auth/project-id.ts";
import { atEmulator } from "../common/emulator-environment.ts";
import { type Endpoint, parseEndpoint } from "../common/endpoint.ts";
import { isOverload, type NotSent, notSent, type RequestFacts, WITHOUT_QUOTA } from "./answer.ts";
import { AuthorizedRequests } from "./authorized-requests.ts";
import { addressesOf, createFcmV1Encoder, type FcmV1Address, type FcmV1Encoder } from "./codec.ts";
import { CREDENTIAL_PROBE, readProbe } from "./credential-probe.ts";
import { createClient } from "./http-client.ts";
import { createNotices } from "./notices.ts";
import {
  FCM_V1_OPTION_ALIASES,
  type FcmV1Transport,
  type FcmV1TransportOptions,
  fcmV1OptionsSchema,
} from "./options.ts";
import { joinQuota, type Quota, type QuotaOptions } from "./quota.ts";
import { FCM_V1_RETRY_POLICY } from "./retry-policy.ts";
import { tracedWait } from "./traced-wait.ts";

/** Over HTTP/1.1 each is a connection: 256 carry 3,000 messages a second at 75 ms. Source: docs/protocol/fcm-v1.md#http-versions */
const DEFAULT_REQUESTS = { "2": 500, "1.1": 256 } as const;
const DEFAULT_IDLE_TIMEOUT_MS = { "2": 120_000, "1.1": 30_000 } as const;
/** Batch size of `sendAll`: small, since a token that is retried, after ten seconds or more, holds up its batch. */
const BATCH_SIZE = 10;
/** Tokens of `sendAll` in flight or waiting for their next attempt, per possible request. Bounds memory. */
const TOKENS_PER_REQUEST = 16;
/** Maximum number of batches in flight, unless more are needed to keep the connections busy. */
const MAX_BATCHES = 1_000;

/**
 * Creates a transport over FCM HTTP v1: one request per recipient, over long-lived connections. It makes one attempt per call; wrap it with
 * `withRetry` or pass it to `createSender`. Within an attempt it repeats only what provably was not accepted: a request that the server
 * refused to process, and, once, one whose access token had expired.
 *
 * @example
 * ```ts
 * import { createFcmV1Transport } from "@cloud-messaging/http-sender";
 * import { createSender } from "@cloud-messaging/core/transport";
 *
 * const sender = createSender({ transport: createFcmV1Transport({ credential: "service-account.json" }) });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createFcmV1Transport(options: FcmV1TransportOptions = {}): FcmV1Transport {
  const given = requireOptions(options);
  const settings = readOptions(
    fcmV1OptionsSchema,
    atEmulator({ ...given, credential: given.credential ?? "application-default" }, "", NAME) ?? given,
    "an option of the FCM sender",
    SENDER_OPTION_NAMES,
    FCM_V1_OPTION_ALIASES,
  );
  const endpoint = parseEndpoint(settings.endpoint, settings.allowInsecure);
  const clock = settings.clock ?? systemClock;
  const provider = createAccessTokenProvider((settings.credential ?? "application-default") as FcmCredential, {
    clock,
    timeoutMs: settings.requestTimeoutMs,
    tls: settings.tls,
    proxy: settings.proxy,
    allowInsecure: settings.allowInsecure,
  });
  const asks = provider.findProjectId !== undefined;
  const projectId = settings.projectId ?? provider.projectId ?? (asks ? undefined : projectOfEnvironment());
  if (projectId === undefined && !asks) {
    throw new InvalidOptionsError([
      { path: "projectId", problem: "is missing, and the credential does not say which project it belongs to" },
    ]);
  }
  const { httpVersion } = settings;
  const maxRequests = settings.maxRequests ?? DEFAULT_REQUESTS[httpVersion];
  const http = createClient(httpVersion, {
    origin: endpoint.origin,
    transport: NAME,
    maxRequests,
    maxConnections: settings.maxConnections,
    timeoutMs: settings.requestTimeoutMs,
    idleTimeoutMs: settings.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS[httpVersion],
    maxResponseBytes: settings.maxResponseBytes,
    tls: settings.tls,
    proxy: settings.proxy,
    isOverload,
    clock,
  });
  const timeoutMs = settings.requestTimeoutMs;
  const tokens = createAccessTokenSource({ provider, clock, timeoutMs, transport: NAME });
  return new FcmV1({
    requests: new AuthorizedRequests({ http, tokens, clock, origin: endpoint.origin, transport: NAME }),
    endpoint,
    clock,
    maxRequests,
    projectId,
    lookup: new ProjectLookup({ provider, clock, timeoutMs }),
    quota: settings.quota as FcmV1TransportOptions["quota"],
    closeTimeoutMs: settings.closeTimeoutMs,
    notice: createNotices(NAME, settings.onNotice as FcmV1TransportOptions["onNotice"]),
  });
}

const NAME = "fcm-v1";

interface Parts {
  readonly requests: AuthorizedRequests;
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly lookup: ProjectLookup;
  readonly projectId: string | undefined;
  readonly quota: QuotaOptions | false | undefined;
  readonly maxRequests: number;
  readonly closeTimeoutMs: number;
  readonly notice: (message: DownstreamMessage) => void;
}

/** A known project. */
interface Project {
  readonly path: string;
  readonly quota: Quota | undefined;
}

class FcmV1 implements FcmV1Transport {
  readonly name = NAME;
  /** The project, where it is known from the beginning. */
  readonly sender?: string;
  readonly retryPolicy = FCM_V1_RETRY_POLICY;
  readonly preferredBatchSize = BATCH_SIZE;
  readonly preferredConcurrency: number;
  readonly closeTimeoutMs: number;
  readonly #parts: Parts;
  #project: Project | undefined;
  #pending = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.closeTimeoutMs = parts.closeTimeoutMs;
    // enough batches to keep the connections busy, also while some wait for a retry
    this.preferredConcurrency = Math.max(
      Math.ceil((2 * parts.maxRequests) / BATCH_SIZE),
      Math.min(MAX_BATCHES, Math.ceil((TOKENS_PER_REQUEST * parts.maxRequests) / BATCH_SIZE)),
    );
    if (parts.projectId !== undefined) {
      this.sender = parts.projectId;
      this.#project = this.#join(parts.projectId);
    }
  }

  send(message: DownstreamMessage, options: AttemptOptions = {}): Promise<SendReport> {
    this.#parts.notice(message);
    const recipients = recipientsOf(message.target);
    const addresses = addressesOf(message.target);
    let encoder: FcmV1Encoder | undefined;
    const requestTo = (position: number): RequestFacts => ({
      recipient: recipients[position] as string,
      message,
      endsAt: lifeEndsAt(message, options),
      body: () => {
        // no earlier than the first of them is written: a message that waits is held once
        encoder ??= this.#encoderOf(message, options);
        return encoder.bodyFor(addresses[position] as FcmV1Address);
      },
    });
    return this.#attempt(recipients, options, (project) =>
      recipients.length === 1
        ? this.#sendOne(project, requestTo(0), options)
        : this.#sendAll(project, recipients.length, requestTo, options),
    );
  }

  #encoderOf(message: DownstreamMessage, options: AttemptOptions): FcmV1Encoder {
    const { clock } = this.#parts;
    const alive = (): DownstreamMessage | undefined => withLifeLeft(message, options, clock.monotonic());
    return createFcmV1Encoder(message, () => clock.now(), alive);
  }

  health(): TransportHealth {
    const quota = this.#project?.quota?.health();
    return { ready: true, ...(quota === undefined ? {} : { quota }) };
  }

  async verifyCredentials(options: { readonly signal?: AbortSignal } = {}): Promise<CredentialCheck> {
    checkSignalOptions(options, "an option of verifyCredentials");
    const { outcomes } = await this.#attempt([CREDENTIAL_PROBE.recipient], options, (project) =>
      this.#sendOne(project, CREDENTIAL_PROBE, options),
    );
    return readProbe(outcomes[0] as RecipientOutcome);
  }

  /** Runs an attempt that `close()` waits for. No async function: its frame would be held once per pending message. */
  #attempt(
    recipients: readonly string[],
    options: AttemptOptions,
    run: (project: Project) => Promise<RecipientOutcome | RecipientOutcome[]>,
  ): Promise<SendReport> {
    if (this.#closing !== undefined) return Promise.resolve({ outcomes: allFailed(recipients, CLOSED) });
    this.#pending++;
    const outcomes =
      this.#project !== undefined
        ? run(this.#project)
        : this.#findProject(options).then((found) => ("code" in found ? allFailed(recipients, found) : run(found)));
    return outcomes.then(this.#leaveWith, this.#leaveWithError);
  }

  readonly #leaveWith = (outcomes: RecipientOutcome | RecipientOutcome[]): SendReport => {
    this.#leave();
    return { outcomes: Array.isArray(outcomes) ? outcomes : [outcomes] };
  };

  readonly #leaveWithError = (error: unknown): never => {
    this.#leave();
    throw error;
  };

  #leave(): void {
    this.#pending--;
    if (this.#pending === 0) this.#onIdle?.();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs, requests, lookup } = this.#parts;
    lookup.close();
    // messages that wait for quota have not been sent
    this.#project?.quota?.endWaits();
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(closeTimeoutMs, resolve);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    await requests.close();
    this.#project?.quota?.release();
  }

  #join(projectId: string): Project {
    const { quota, endpoint, clock } = this.#parts;
    return {
      path: `${endpoint.path.replace(/\/$/, "")}/v1/projects/${encodeURIComponent(projectId)}/messages:send`,
      quota:
        quota === false
          ? undefined
          : joinQuota({ ...quota, transport: NAME, project: projectId, origin: endpoint.origin, clock }),
    };
  }

  async #findProject(options: AttemptOptions): Promise<Project | NotSent> {
    const found = await this.#parts.lookup.find(options);
    if (typeof found !== "string") return found;
    this.#project ??= this.#join(found);
    return this.#project;
  }

  /** Sends with bounded concurrency, so that memory does not grow with the number of recipients. */
  async #sendAll(
    project: Project,
    count: number,
    requestTo: (position: number) => RequestFacts,
    options: AttemptOptions,
  ): Promise<RecipientOutcome[]> {
    const outcomes = new Array<RecipientOutcome>(count);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const position = next++;
        const outcome = await this.#sendOne(project, requestTo(position), options);
        outcomes[position] = outcome;
        options.onOutcome?.(position, outcome);
      }
    };
    await Promise.all(Array.from({ length: Math.min(count, this.#parts.maxRequests) }, worker));
    return outcomes;
  }

  #sendOne(project: Project, request: RequestFacts, options: AttemptOptions): Promise<RecipientOutcome> {
    if (options.signal?.aborted) return Promise.resolve(notSent(request, WITHOUT_QUOTA.aborted));
    const { quota } = project;
    return quota === undefined || quota.take()
      ? this.#parts.requests.make(project.path, request, options)
      : this.#sendAfterWait(project, quota, request, options);
  }

  async #sendAfterWait(
    project: Project,
    quota: Quota,
    request: RequestFacts,
    options: AttemptOptions,
  ): Promise<RecipientOutcome> {
    const { endsAt = NEVER } = request;
    const waited = await tracedWait(quota, { ...options, deadline: earlier(options.deadline ?? NEVER, endsAt) }, NAME);
    if (waited === "granted") return this.#parts.requests.make(project.path, request, options);
    const expired = waited === "timeout" && this.#parts.clock.monotonic() >= endsAt;
    return notSent(request, WITHOUT_QUOTA[expired ? "expired" : waited]);
  }
}

function allFailed(recipients: readonly string[], failure: NotSent): RecipientOutcome[] {
  return recipients.map((recipient) => failureOutcome(failure.code, { recipient, ...failure }));
}

const CLOSED: NotSent = { code: "closed", detail: "the sender is closed" };
