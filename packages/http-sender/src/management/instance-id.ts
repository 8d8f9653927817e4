import {
  ambiguousOutcome,
  errorCodeFor,
  failureOutcome,
  type RecipientOutcome,
  type SendReport,
} from "@cloud-messaging/core";
import { mapBatches } from "../batches.ts";
import { isWord } from "../gcm/answer-text.ts";
import type { HttpAnswer } from "../http.ts";
import {
  type CallOptions,
  checkPathSegment,
  checkTokens,
  checkTopic,
  type FailedOutcome,
  invalidArgument,
  type ManagementClient,
} from "./client.ts";
import type {
  ApnsImportOutcome,
  InstanceIdTopics,
  InstanceInfo,
  InstanceInfoResult,
  TopicSubscription,
} from "./topics.ts";

/** Most tokens of one batch call. Source: docs/protocol/gcm-http.md#instance-id */
const MAX_BATCH = 1000;
/** Most APNs tokens of one import. Source: docs/protocol/gcm-http.md#instance-id */
const MAX_IMPORT = 100;
/** Batches of one call under way at once. Subscription changes are limited to 3000 per second and project. */
const PARALLEL = 4;

/**
 * Topics over the Instance ID service.
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
    checkTokens(tokens, "tokens");
    const deadlineAt = client.deadlineOf(options);
    const outcomes = await mapBatches(tokens, MAX_BATCH, PARALLEL, async (batch): Promise<RecipientOutcome[]> => {
      const result = await client.call({
        method: "POST",
        path: `/iid/v1:${operation}`,
        body: { to, registration_tokens: batch },
        recipients: batch.length,
        signal: options.signal,
        deadlineAt,
      });
      if (result.kind === "failed") return batch.map(result.outcomeFor);
      return eachResult(batch, result.body["results"], result.answer, (token, entry, base) =>
        typeof entry["error"] === "string"
          ? wordOutcome(token, entry["error"], base, result.textOf)
          : { kind: "accepted", recipient: token, attempts: 1, ...base },
      );
    });
    return { outcomes };
  }

  return {
    subscribe: async (topic, tokens, options = {}) => change("batchAdd", topic, tokens, options),
    unsubscribe: async (topic, tokens, options = {}) => change("batchRemove", topic, tokens, options),

    async info(token, options = {}): Promise<InstanceInfoResult> {
      checkTokens([token], "token");
      checkPathSegment(token, "token");
      const deadlineAt = client.deadlineOf(options);
      const result = await client.call({
        method: "GET",
        path: `/iid/info/${encodeURIComponent(token)}?details=true`,
        recipients: 1,
        signal: options.signal,
        deadlineAt,
      });
      if (result.kind === "ok") return { kind: "ok", info: readInfo(result.body) };
      const outcome = result.outcomeFor(token);
      // a GET changes nothing: there is nothing to be in doubt about
      if (outcome.kind === "ambiguous") return { ...outcome, kind: "retryable" };
      return infoRefusal(outcome, result.answer);
    },

    async importApns({ application, sandbox, apnsTokens }, options = {}) {
      if (typeof application !== "string" || application === "")
        throw invalidArgument("application", "must be a bundle ID");
      checkTokens(apnsTokens, "apnsTokens");
      const deadlineAt = client.deadlineOf(options);
      return mapBatches(apnsTokens, MAX_IMPORT, PARALLEL, async (batch): Promise<ApnsImportOutcome[]> => {
        const result = await client.call({
          method: "POST",
          path: "/iid/v1:batchImport",
          body: { application, sandbox: sandbox === true, apns_tokens: batch },
          recipients: batch.length,
          signal: options.signal,
          deadlineAt,
        });
        if (result.kind === "failed") return batch.map(result.outcomeFor);
        return eachResult<ApnsImportOutcome>(batch, result.body["results"], result.answer, (token, entry, base) => {
          const { registration_token: registrationToken, status } = entry;
          if (status === "OK" && typeof registrationToken === "string") {
            return { kind: "imported", recipient: token, registrationToken };
          }
          return wordOutcome(token, typeof status === "string" ? status : "", base, result.textOf);
        });
      });
    },

    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

interface Base {
  readonly sentAt: number;
  readonly service: { readonly status: number };
}

/** One outcome per position; the whole batch is in doubt when the answer does not have as many results as there are tokens. */
function eachResult<T>(
  tokens: readonly string[],
  results: unknown,
  { status, sentAt }: HttpAnswer,
  read: (token: string, entry: Partial<Record<string, unknown>>, base: Base) => T,
): (T | FailedOutcome)[] {
  const base = { sentAt, service: { status } };
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

/** What a word says about one token; one that says nothing leaves it in doubt. */
function wordOutcome(recipient: string, word: string, base: Base, textOf: (word: string) => string): FailedOutcome {
  if (!isWord(word)) {
    return ambiguousOutcome("invalid-response", {
      recipient,
      ...base,
      detail: "the result does not say what became of it",
    });
  }
  const service = { ...base.service, error: textOf(word) };
  return failureOutcome(errorCodeFor("instanceId", word), { recipient, sentAt: base.sentAt, service }) as FailedOutcome;
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
