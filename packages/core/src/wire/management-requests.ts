import { isTopicName } from "../message/condition.ts";
import { parseBoundedJson } from "./bounded-json.ts";
import { type DeviceGroupRequest, DeviceGroupRequestSchema, TopicBatchRequestSchema } from "./management.ts";

/** Maximum number of tokens in a batch. Source: docs/protocol/gcm-http.md#instance-id */
const MAX_TOPIC_BATCH = 1000;

/** A request that cannot be read, and the `error` of its answer 400. */
export interface UnreadRequest {
  readonly error: string;
}

/** Reads the body of a change of a device group, as the service did. */
export function readDeviceGroupRequest(body: string): { readonly request: DeviceGroupRequest } | UnreadRequest {
  const json = readJson(body);
  if (json === undefined) return { error: "the body is not JSON" };
  const parsed = DeviceGroupRequestSchema.safeParse(json.value);
  if (parsed.success) return { request: parsed.data };
  const path = parsed.error.issues[0]?.path ?? [];
  return { error: path.length === 0 ? "the body is no object" : `${path.join(".")} is missing or of the wrong type` };
}

/** Tokens to add to a topic or to remove from it. */
export interface TopicBatch {
  /** The bare name. */
  readonly topic: string;
  readonly tokens: readonly string[];
}

/** Reads the body of `iid/v1:batchAdd` and `:batchRemove`, as the service did. */
export function readTopicBatch(body: string): TopicBatch | UnreadRequest {
  const parsed = TopicBatchRequestSchema.safeParse(readJson(body)?.value);
  if (!parsed.success) return { error: "INVALID_ARGUMENT" };
  const { to, registration_tokens: tokens = [] } = parsed.data;
  const topic = to.startsWith("/topics/") ? to.slice("/topics/".length) : "";
  if (!isTopicName(topic)) return { error: "Topic name format is invalid" };
  if (tokens.length === 0) return { error: "MissingIIdToken" };
  return tokens.length > MAX_TOPIC_BATCH ? { error: "INVALID_ARGUMENT" } : { topic, tokens };
}

const STATUS_BY_ERROR: ReadonlyMap<string, number> = new Map([
  ["NOT_FOUND", 404],
  ["PERMISSION_DENIED", 403],
  ["RESOURCE_EXHAUSTED", 429],
  ["INTERNAL", 500],
  ["UNAVAILABLE", 503],
  ["DEADLINE_EXCEEDED", 504],
]);

/** HTTP status of an Instance ID answer about one token, by its error. Source: docs/emulator-fidelity.md#instance-id */
export function instanceIdStatus(error: string): number {
  return STATUS_BY_ERROR.get(error) ?? 400;
}

function readJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: parseBoundedJson(text) };
  } catch {
    return undefined;
  }
}
