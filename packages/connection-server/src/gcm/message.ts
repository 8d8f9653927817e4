import { ConditionSyntaxError, MAX_TIME_TO_LIVE_SEC, parseCondition } from "@cloud-messaging/core/transport";
import type { Address, IncomingMessage, Protocol, ProtocolRules } from "../service.ts";

/** The fields that GCM HTTP and CCS share, once their types are known to be right. */
export interface GcmFields {
  readonly condition?: string | undefined;
  readonly collapse_key?: string | undefined;
  readonly priority?: string | undefined;
  readonly delay_while_idle?: boolean | undefined;
  readonly time_to_live?: number | undefined;
  readonly dry_run?: boolean | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly notification?: Readonly<Record<string, unknown>> | undefined;
  readonly restricted_package_name?: string | undefined;
  readonly delivery_receipt_requested?: boolean | undefined;
}

/** Parts of a message that are not in its fields. */
export interface GcmEnvelope {
  readonly protocol: Protocol;
  readonly senderId: string | undefined;
  readonly client?: string | undefined;
  readonly wire: string;
  readonly messageId?: string | undefined;
  readonly connectionId?: number | undefined;
}

/** Makes the message to one address. */
export function toIncoming(
  fields: GcmFields,
  data: Readonly<Record<string, string>>,
  to: string,
  address: Address,
  envelope: GcmEnvelope,
  rules: ProtocolRules,
): IncomingMessage {
  // field by field: this runs once per message, and spreading is slow
  return {
    protocol: envelope.protocol,
    senderId: envelope.senderId,
    client: envelope.client,
    fields: fields as Readonly<Record<string, unknown>>,
    wire: envelope.wire,
    messageId: envelope.messageId,
    connectionId: envelope.connectionId,
    // HTTP does not know it
    receiptRequested: envelope.protocol === "ccs" ? fields.delivery_receipt_requested : undefined,
    address,
    to,
    data,
    notification: rules.notifications ? fields.notification : undefined,
    collapseKey: fields.collapse_key,
    timeToLiveSec: fields.time_to_live ?? MAX_TIME_TO_LIVE_SEC,
    priority: fields.priority,
    delayWhileIdle: fields.delay_while_idle,
    dryRun: fields.dry_run,
    // CCS does not know it
    restrictedPackageName: envelope.protocol === "ccs" ? undefined : fields.restricted_package_name,
  };
}

/** The address that a condition makes, or why it cannot be read. */
export function conditionAddress(condition: string): Address | { readonly problem: string } {
  try {
    return { kind: "condition", condition, node: parseCondition(condition) };
  } catch (error) {
    if (!(error instanceof ConditionSyntaxError)) throw error;
    return { problem: `Invalid condition: ${error.message}` };
  }
}

/** True if a priority is one that the service knows; 5 and 10 are the words of APNs. */
export function isPriority(priority: string | undefined): boolean {
  return priority === undefined || /^(normal|high|5|10)$/i.test(priority);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly code?: string | undefined;
  readonly expected?: unknown;
}

const JAVA_TYPES: Readonly<Record<string, string>> = {
  string: "java.lang.String",
  number: "java.lang.Number",
  int: "java.lang.Number",
  boolean: "java.lang.Boolean",
  array: "array",
  record: "object",
  object: "object",
};

/** The service's sentence for a field of the wrong type, for example `Field "time_to_live" must be a JSON java.lang.Number: abc`. */
export function typeProblem(issue: Issue | undefined, value: unknown): string {
  if (issue === undefined || issue.path.length === 0) return "The request must be a JSON object";
  const name = issue.path.map(String).join(".");
  let found: unknown = value;
  for (const key of issue.path) found = (found as Record<PropertyKey, unknown> | undefined)?.[key];
  const text = typeof found === "string" ? found : (JSON.stringify(found) ?? "undefined");
  const type = JAVA_TYPES[String(issue.expected)] ?? "java.lang.String";
  return `Field "${name}" must be a JSON ${type}: ${text.slice(0, 100)}`;
}

/** The request with `time_to_live` as a number, where it was digits in a string. */
export function withNumericTtl(value: unknown): unknown {
  const ttl = (value as { time_to_live?: unknown } | null)?.time_to_live;
  return typeof ttl === "string" && /^\d+$/.test(ttl) ? { ...(value as object), time_to_live: Number(ttl) } : value;
}
