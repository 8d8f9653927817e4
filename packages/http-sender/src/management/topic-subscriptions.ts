import type { AcceptedOutcome, SendReport } from "@cloud-messaging/core";
import { failureOutcome } from "@cloud-messaging/core/transport";
import { mapBatches } from "../common/batches.ts";
import { answerOf, statusOf } from "../common/error-body.ts";
import { readFailure } from "../fcm-v1/failure.ts";
import type { HttpAnswer } from "../http/http-client.ts";
import {
  type CallOptions,
  checkPathSegment,
  checkTokens,
  checkTopic,
  type FailedCall,
  type FailedOutcome,
  forTokens,
  type ManagementClient,
  pathTokenProblem,
} from "./client.ts";
import type { InstanceInfoResult, TopicSubscription, Topics } from "./topics.ts";

/** Maximum number of requests in flight, as in Google's own SDK. */
const MAX_PARALLEL = 100;
/** Maximum number of pages read of one list: an app instance has at most 2000 topics. */
const MAX_PAGES = 100;

/**
 * Creates the topic backend over the topic-subscription service: one token and one topic per request.
 *
 * Source: docs/protocol/gcm-http.md#topic-subscriptions
 */
export function createTopicSubscriptionsBackend(
  client: ManagementClient,
  projectId: string,
  maxConnections: number,
): Topics {
  const pathOf = (token: string): string =>
    `/v1/projects/${encodeURIComponent(projectId)}/registrations/${encodeURIComponent(token)}/topicSubscriptions`;

  async function eachToken(
    tokens: readonly string[],
    options: CallOptions,
    request: (token: string) => { method: "POST" | "DELETE"; path: string; body?: object },
  ): Promise<SendReport> {
    const deadline = client.deadlineOf(options);
    const changeOne = (one: readonly string[]) =>
      client.retries.run<AcceptedOutcome>(one, { signal: options.signal, deadline }, async ([token = ""], bounds) => {
        const asked = request(token);
        const result = await client.call({ ...asked, recipients: 1, ...bounds });
        const accepted = ({ sentAt, ...answer }: HttpAnswer): AcceptedOutcome[] => [
          { kind: "accepted", recipient: token, attempts: 1, sentAt, service: statusOf(answer) },
        ];
        if (result.kind === "ok") return accepted(result.answer);
        // 409 to a subscription: it is subscribed already
        if (asked.method === "POST" && result.answer?.status === 409) return accepted(result.answer);
        return [failureOf(result, token)];
      });
    const changeAll = (good: readonly string[]) =>
      mapBatches(good, 1, Math.min(MAX_PARALLEL, maxConnections), changeOne);
    return { outcomes: await forTokens<AcceptedOutcome>(tokens, "tokens", changeAll, pathTokenProblem) };
  }

  const nameOf = (topic: string): string => {
    const name = checkTopic(topic);
    checkPathSegment(name, "topic");
    return encodeURIComponent(name);
  };

  return {
    subscribe: async (topic, tokens, options = {}) => {
      const name = nameOf(topic);
      return eachToken(tokens, options, (token) => ({
        method: "POST",
        path: `${pathOf(token)}?topic_name=${name}`,
        body: {},
      }));
    },
    unsubscribe: async (topic, tokens, options = {}) => {
      const name = nameOf(topic);
      return eachToken(tokens, options, (token) => ({
        method: "DELETE",
        path: `${pathOf(token)}/${name}?allow_missing=true`,
      }));
    },
    async info(token, options = {}): Promise<InstanceInfoResult> {
      checkTokens([token], "token");
      checkPathSegment(token, "token");
      const deadline = client.deadlineOf(options);
      const topics: TopicSubscription[] = [];
      let page = "";
      for (let pages = 0; pages < MAX_PAGES; pages++) {
        const path = page === "" ? pathOf(token) : `${pathOf(token)}?page_token=${encodeURIComponent(page)}`;
        const found = await client.look<Page>(token, { signal: options.signal, deadline }, async (bounds) => {
          const result = await client.call({ method: "GET", path, recipients: 1, ...bounds });
          return result.kind === "ok" ? { kind: "page", body: result.body } : failureOf(result, token);
        });
        if (found.kind !== "page") return found;
        const { body } = found;
        topics.push(...readList(body["topicSubscriptions"] ?? body["topic_subscriptions"]));
        const next = body["nextPageToken"] ?? body["next_page_token"];
        if (typeof next !== "string" || next === "") break;
        page = next;
      }
      return { kind: "ok", info: { topics } };
    },
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** One page of a list. */
interface Page {
  readonly kind: "page";
  readonly body: Readonly<Record<string, unknown>>;
}

/** Reads a failure, in the format of FCM v1. */
function failureOf(result: FailedCall, recipient: string): FailedOutcome {
  const { answer, secret } = result;
  const outcome = result.outcomeFor(recipient);
  if (answer === undefined || (answer.status >= 200 && answer.status < 300)) return outcome;
  const failure = readFailure(answer.status, answer.body, "device", () => false, secret);
  const { code, detail } = failure;
  const service = { ...answerOf(answer, secret), ...failure.service };
  const retryAfterMs = outcome.kind === "retryable" ? outcome.retryAfterMs : undefined;
  return failureOutcome(code, { recipient, sentAt: answer.sentAt, service, detail, retryAfterMs }) as FailedOutcome;
}

function readList(list: unknown): TopicSubscription[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const { topic_name, topicName, create_time, createTime } = (entry ?? {}) as Record<string, unknown>;
    const topic = topic_name ?? topicName;
    const addedAt = create_time ?? createTime;
    if (typeof topic !== "string") return [];
    return [typeof addedAt === "string" ? { topic, addedAt } : { topic }];
  });
}
