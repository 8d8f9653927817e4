import type { AcceptedOutcome, SendReport } from "@cloud-messaging/core";
import { ambiguousOutcome, failureOutcome, type ServiceAnswer } from "@cloud-messaging/core/transport";
import { type ApnsImportRequest, errorCodeFor, type TopicBatchRequest } from "@cloud-messaging/core/wire";
import { mapBatches } from "../common/batches.ts";
import { isWord, statusOf } from "../common/error-body.ts";
import type { HttpAnswer } from "../http/http-client.ts";
import {
  type CallOptions,
  type CallResult,
  checkPathSegment,
  checkTokens,
  checkTopic,
  type FailedOutcome,
  forTokens,
  invalidArgument,
  type ManagementClient,
} from "./client.ts";
import type {
  ApnsImported,
  ApnsImportOutcome,
  InstanceIdTopics,
  InstanceInfo,
  InstanceInfoFound,
  InstanceInfoResult,
  TopicSubscription,
} from "./topics.ts";

/** Maximum number of tokens per batch call. Source: docs/protocol/gcm-http.md#instance-id */
const MAX_BATCH = 1000;
/** Maximum number of APNs tokens per import. Source: docs/protocol/gcm-http.md#instance-id */
const MAX_IMPORT = 100;
/** Maximum number of batches of one call in flight. Subscription changes are limited to 3000 per second and project. */
const PARALLEL = 4;

/**
 * Creates the topic backend over the Instance ID service.
 *
 * Source: docs/protocol/gcm-http.md#instance-id
 */
export function createInstanceIdBackend(client: ManagementClient): InstanceIdTopics {
  async function change(
    operation: "batchAdd" | "batchRemove",
    topic: string,
    tokens: readonly string[],
    options: CallOptions,
  ): Promise<SendReport> {
    const to = `/topics/${checkTopic(topic)}`;
    const deadline = client.deadlineOf(options);
    const changeBatch = (batch: readonly string[]) =>
      // subscribing twice does no harm
      client.retries.run<AcceptedOutcome>(batch, { signal: options.signal, deadline }, async (tokens, bounds) => {
        const result = await client.call({
          method: "POST",
          path: `/iid/v1:${operation}`,
          body: { to, registration_tokens: tokens } satisfies TopicBatchRequest,
          recipients: tokens.length,
          ...bounds,
        });
        if (result.kind === "failed") return tokens.map(result.outcomeFor);
        return eachResult<AcceptedOutcome>(tokens, result, (token, entry, base) =>
          typeof entry["error"] === "string"
            ? wordOutcome(token, entry["error"], base, result)
            : { kind: "accepted", recipient: token, attempts: 1, ...base },
        );
      });
    const outcomes = await forTokens<AcceptedOutcome>(tokens, "tokens", (good) =>
      mapBatches(good, MAX_BATCH, PARALLEL, changeBatch),
    );
    return { outcomes };
  }

  return {
    subscribe: async (topic, tokens, options = {}) => change("batchAdd", topic, tokens, options),
    unsubscribe: async (topic, tokens, options = {}) => change("batchRemove", topic, tokens, options),

    async info(token, options = {}): Promise<InstanceInfoResult> {
      checkTokens([token], "token");
      checkPathSegment(token, "token");
      const deadline = client.deadlineOf(options);
      const path = `/iid/info/${encodeURIComponent(token)}?details=true`;
      return client.look<InstanceInfoFound>(token, { signal: options.signal, deadline }, async (bounds) => {
        const result = await client.call({ method: "GET", path, recipients: 1, ...bounds });
        if (result.kind === "ok") return { kind: "ok", info: readInfo(result.body) };
        return infoRefusal(result.outcomeFor(token), result.answer);
      });
    },

    async importApns({ application, sandbox, apnsTokens }, options = {}): Promise<readonly ApnsImportOutcome[]> {
      if (typeof application !== "string" || application === "")
        throw invalidArgument("application", "must be a bundle ID");
      // anything but true would import tokens of the sandbox as tokens of production
      if (typeof sandbox !== "boolean") throw invalidArgument("sandbox", "must be true or false");
      const deadline = client.deadlineOf(options);
      const importBatch = (batch: readonly string[]) =>
        client.retries.run<ApnsImported>(batch, { signal: options.signal, deadline }, async (tokens, bounds) => {
          const result = await client.call({
            method: "POST",
            path: "/iid/v1:batchImport",
            body: { application, sandbox, apns_tokens: tokens } satisfies ApnsImportRequest,
            recipients: tokens.length,
            ...bounds,
          });
          if (result.kind === "failed") return tokens.map(result.outcomeFor);
          return eachResult<ApnsImported>(tokens, result, (token, entry, base) => {
            const { registration_token: registrationToken, status } = entry;
            if (status === "OK" && typeof registrationToken === "string") {
              return { kind: "ok", recipient: token, registrationToken };
            }
            return wordOutcome(token, typeof status === "string" ? status : "", base, result);
          });
        });
      return forTokens<ApnsImported>(apnsTokens, "apnsTokens", (good) =>
        mapBatches(good, MAX_IMPORT, PARALLEL, importBatch),
      );
    },

    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

type Answered = Extract<CallResult, { kind: "ok" }>;

interface Base {
  readonly sentAt: number;
  readonly service: ServiceAnswer;
}

/** One outcome per position; the whole batch is in doubt when the answer does not have as many results as there are tokens. */
function eachResult<T>(
  tokens: readonly string[],
  { body, answer }: Answered,
  read: (token: string, entry: Partial<Record<string, unknown>>, base: Base) => T | FailedOutcome,
): (T | FailedOutcome)[] {
  const results = body["results"];
  const base = { sentAt: answer.sentAt, service: statusOf(answer) };
  if (!Array.isArray(results) || results.length !== tokens.length) {
    const detail = `the answer has ${Array.isArray(results) ? results.length : "no"} results for ${tokens.length} tokens`;
    return tokens.map((recipient) => ambiguousOutcome("invalid-response", { recipient, detail, ...base }));
  }
  return tokens.map((token, position) => {
    const entry: unknown = results[position];
    if (typeof entry === "object" && entry !== null) return read(token, entry, base);
    const detail = "the result is not a JSON object";
    return ambiguousOutcome("invalid-response", { recipient: token, detail, ...base });
  });
}

/** Outcome of one token by its error word; an unknown word leaves it ambiguous. */
function wordOutcome(recipient: string, word: string, base: Base, { textOf, retryAfterMs }: Answered): FailedOutcome {
  if (!isWord(word)) {
    return ambiguousOutcome("invalid-response", {
      recipient,
      ...base,
      detail: "the result does not say what became of it",
    });
  }
  const service = { ...base.service, error: textOf(word) };
  const facts = { recipient, sentAt: base.sentAt, service, retryAfterMs };
  return failureOutcome(errorCodeFor("instanceId", word), facts) as FailedOutcome;
}

function readInfo(body: Readonly<Record<string, unknown>>): InstanceInfo {
  const { application, applicationVersion, authorizedEntity, platform, rel } = body;
  const topics = (rel as { topics?: unknown } | undefined)?.topics;
  return {
    topics: Object.entries(typeof topics === "object" && topics !== null ? topics : {}).map(
      ([topic, about]): TopicSubscription => {
        const addDate = (about as { addDate?: unknown } | null)?.addDate;
        return typeof addDate === "string" ? { topic, addedAt: addDate } : { topic };
      },
    ),
    ...(typeof application === "string" ? { application } : {}),
    ...(typeof applicationVersion === "string" ? { applicationVersion } : {}),
    ...(typeof authorizedEntity === "string" ? { authorizedEntity } : {}),
    ...(typeof platform === "string" ? { platform } : {}),
  };
}

/** A refusal of a look-up is about the one token it named: 404 with its own text, and 400 `InvalidToken`. */
function infoRefusal(outcome: FailedOutcome, answer: HttpAnswer | undefined): FailedOutcome {
  const word = outcome.service?.error;
  const { recipient, sentAt, service } = outcome;
  if (answer?.status === 404 && word?.startsWith("No information found")) {
    return failureOutcome("not-registered", { recipient, sentAt, service }) as FailedOutcome;
  }
  if (answer?.status === 400 && word === "InvalidToken") {
    return failureOutcome("invalid-registration", { recipient, sentAt, service }) as FailedOutcome;
  }
  return outcome;
}
