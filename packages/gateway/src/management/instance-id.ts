import { type HttpAnswer, type HttpRequest, jsonAnswer } from "@cloud-messaging/connection-server";
import type { RecipientOutcome } from "@cloud-messaging/core";
import { type FailedOutcome, isTopicName, tokenProblem } from "@cloud-messaging/core/transport";
import { instanceIdStatus, readTopicBatch, wireStringFor } from "@cloud-messaging/core/wire";
import type { InstanceInfo, Topics } from "@cloud-messaging/http-sender";
import { isOwnFault } from "../translate.ts";
import { failedCall } from "./answer.ts";

/** Change of subscriptions. */
export type TopicChange = "subscribe" | "unsubscribe";

/** Passes a batch on: `iid/v1:batchAdd` and `:batchRemove`. */
export async function changeTopics(
  topics: Topics,
  change: TopicChange,
  { body }: HttpRequest,
  timeoutMs: number,
): Promise<HttpAnswer> {
  const batch = readTopicBatch(body);
  if ("error" in batch) return refusal(batch.error);
  const { outcomes } = await topics[change](batch.topic, batch.tokens, { timeoutMs });
  const errors = outcomes.map(errorOf);
  return (
    wholeFailure(outcomes) ??
    jsonAnswer(200, { results: errors.map((error) => (error === undefined ? {} : { error })) })
  );
}

/** Passes the subscription of one token on: `/iid/v1/TOKEN/rel/topics/NAME`. */
export async function changeTopic(
  topics: Topics,
  change: TopicChange,
  { params }: HttpRequest,
  timeoutMs: number,
): Promise<HttpAnswer> {
  const { token = "", topic = "" } = params;
  if (!isTopicName(topic)) return refusal("Topic name format is invalid");
  const { outcomes } = await topics[change](topic, [token], { timeoutMs });
  const error = outcomes.map(errorOf)[0];
  if (error === undefined) return jsonAnswer(200, {});
  return wholeFailure(outcomes) ?? jsonAnswer(instanceIdStatus(error), { error });
}

/** Passes a look-up on: `/iid/info/TOKEN`. */
export async function lookUp(topics: Topics, { params, query }: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
  const { token = "" } = params;
  if (token === "." || token === ".." || tokenProblem(token) !== undefined) return refusal("InvalidToken");
  const found = await topics.info(token, { timeoutMs });
  if (found.kind === "ok") return jsonAnswer(200, infoOf(found.info, query.get("details") === "true"));
  switch (found.code) {
    case "not-registered":
      return jsonAnswer(404, { error: "No information found about this instance id." });
    case "invalid-registration":
      return refusal("InvalidToken");
    default:
      return failedCall(found) ?? refusal(found.service?.error ?? "INVALID_ARGUMENT");
  }
}

function infoOf({ topics, ...rest }: InstanceInfo, details: boolean): object {
  if (!details || topics.length === 0) return rest;
  const entries = topics.map(({ topic, addedAt }) => [topic, addedAt === undefined ? {} : { addDate: addedAt }]);
  return { ...rest, rel: { topics: Object.fromEntries(entries) } };
}

/** Word about one token; `undefined` for success. */
function errorOf(outcome: RecipientOutcome): string | undefined {
  if (outcome.kind === "accepted") return undefined;
  if (isAboutToken(outcome)) return outcome.service?.error ?? "INVALID_ARGUMENT";
  return outcome.kind === "retryable" ? (wireStringFor("instanceId", outcome.code) ?? "UNAVAILABLE") : "INTERNAL";
}

/** True if the service, or the check of the token, has said it about this one token, not about the call. */
function isAboutToken(outcome: FailedOutcome): boolean {
  const { kind, service } = outcome;
  return service === undefined ? kind === "rejected" && !isOwnFault(outcome) : service.status === 200;
}

/** Answer where no token has one of its own: the call has failed. */
function wholeFailure(outcomes: readonly RecipientOutcome[]): HttpAnswer | undefined {
  const failed = outcomes.filter((outcome) => outcome.kind !== "accepted");
  const [first] = failed;
  if (first === undefined || failed.length < outcomes.length || failed.some(isAboutToken)) return undefined;
  return failedCall(first) ?? refusal(first.service?.error ?? "INVALID_ARGUMENT");
}

function refusal(error: string): HttpAnswer {
  return jsonAnswer(400, { error });
}
