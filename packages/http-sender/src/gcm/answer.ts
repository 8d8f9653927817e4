import type { ErrorCode, GroupResult, RecipientOutcome, RegistrationToken } from "@cloud-messaging/core";
import {
  ambiguousOutcome,
  errorRow,
  failureOutcome,
  outcomeAbout,
  outcomeKindFor,
  readRetryAfter,
  serviceText,
  type Target,
  tokenProblem,
} from "@cloud-messaging/core/transport";
import {
  errorCodeFor,
  errorCodeForHttpStatus,
  narrowErrorCode,
  parseBoundedJson,
  parseExactJson,
} from "@cloud-messaging/core/wire";
import { isGoogleHost } from "../common/endpoint.ts";
import { answerOf, errorText, isWord, readRefusal, statusOf, unreadAnswerOf } from "../common/error-body.ts";
import type { HttpAnswer, HttpResult } from "../http/http-client.ts";
import type { GcmHttpFormat } from "./codec.ts";

/** The request that a result belongs to. */
export interface RequestFacts {
  readonly target: Target;
  /** Recipients of the request, in order: tokens, or the one topic, condition or group. */
  readonly recipients: readonly string[];
  readonly format: GcmHttpFormat;
  /** Host of the request: a 404 of Google's has a meaning of its own. */
  readonly host: string;
  /** Server key; redacted in the outcomes. */
  readonly secret: string;
  /** Time of the answer. Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Reads a result as one outcome per recipient, in their order. Precedence: no answer, 5xx, other statuses than 200, the body.
 *
 * Source: docs/protocol/gcm-http.md#responses
 */
export function outcomesOf(result: HttpResult, facts: RequestFacts): RecipientOutcome[] {
  if (result.kind === "failure") {
    const { code, detail, sentAt } = result;
    return facts.recipients.map((recipient) =>
      result.written
        ? ambiguousOutcome(code, { recipient, detail, sentAt })
        : failureOutcome(code, { recipient, detail, sentAt }),
    );
  }
  if (result.status > 200 && result.status < 300) {
    return unread(result, facts, `status ${result.status} is none that this service answers with`, "unexpected-status");
  }
  if (result.status !== 200) return refused(result, facts);
  if (result.incomplete !== undefined) {
    return unread(result, facts, result.incomplete.detail, result.incomplete.code);
  }
  const outcomes = facts.format === "json" ? readJson(result, facts) : readPlainText(result, facts);
  return isToMany(facts.target) ? outcomes.map((outcome) => outcomeAbout(facts.target, outcome)) : outcomes;
}

function isToMany(target: Target): boolean {
  return "topic" in target || "condition" in target;
}

/** Outcomes of a status other than 2xx: the same for every recipient. It counts even if the body is incomplete. */
function refused(answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const { status, sentAt } = answer;
  const { json, word, description, service } = readRefusal(answer, facts.secret);
  const code = codeOfRefusal(status, word, description);
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"], json, facts.now);
  const detail = detailOfRefusal(code, description, facts);
  return facts.recipients.map((recipient) =>
    failureOutcome(code, {
      recipient,
      sentAt,
      service,
      retryAfterMs,
      ...(outcomeKindFor(code) === "rejected" ? { detail } : {}),
    }),
  );
}

function codeOfRefusal(status: number, word: string | undefined, description: string | undefined): ErrorCode {
  const code = errorCodeForHttpStatus(status);
  if (code !== "invalid-argument") return code;
  // a word about the request as a whole is more precise; one about a token does not name the token
  const known = word === undefined ? code : errorCodeFor("gcmHttp", word);
  const narrowed = known === code ? narrowErrorCode(code, description) : known;
  return outcomeKindFor(narrowed) === "rejected" ? narrowed : code;
}

function detailOfRefusal(code: ErrorCode, description: string | undefined, facts: RequestFacts): string {
  const said = description === undefined ? "" : `${description} – `;
  if (code === "endpoint-gone" && !isGoogleHost(facts.host)) {
    return `${said}Nothing answers at this address of ${facts.host}: check the endpoint.`;
  }
  return said + errorRow(code).action;
}

/** Outcomes of an unreadable 2xx: ambiguous, since it may have been accepted. */
function unread(
  answer: HttpAnswer,
  facts: RequestFacts,
  detail: string,
  code: ErrorCode = "invalid-response",
): RecipientOutcome[] {
  const service = unreadAnswerOf(answer, facts.secret);
  return facts.recipients.map((recipient) => ({
    ...ambiguousOutcome(code, { recipient, detail, service, sentAt: answer.sentAt }),
    ...(answer.incomplete === undefined ? { answered: true } : {}),
  }));
}

function readJson(answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const toMany = isToMany(facts.target);
  let body: unknown;
  try {
    // only a topic's message ID is a number that needs every digit; other IDs are text, and multicast_id is read separately
    body = toMany ? parseExactJson(answer.body) : parseBoundedJson(answer.body);
  } catch {
    return unread(answer, facts, answer.body.trim() === "" ? "the answer is empty" : "the answer is not JSON");
  }
  if (typeof body !== "object" || body === null) return unread(answer, facts, "the answer is not a JSON object");
  const { results, message_id, error, success, failure, failed_registration_ids } = body as Record<string, unknown>;
  if (Array.isArray(results)) return readResults(results, answer, facts);
  const [recipient = ""] = facts.recipients;
  const single = facts.recipients.length === 1;
  const { sentAt } = answer;
  if (isWord(error)) {
    const byWord = errorCodeFor("gcmHttp", error);
    // one word for the whole answer does not name the token among several
    const code = single || outcomeKindFor(byWord) !== "unregistered" ? byWord : "invalid-argument";
    const facts_ = {
      sentAt,
      service: { ...answerOf(answer, facts.secret), error: errorText(error, facts.secret) },
      retryAfterMs: readRetryAfter(answer.headers["retry-after"], body, facts.now),
    };
    return facts.recipients.map((each) => failureOutcome(code, { recipient: each, ...facts_ }));
  }
  if (toMany && (typeof message_id === "string" || typeof message_id === "number")) {
    return [
      {
        kind: "accepted",
        recipient,
        attempts: 1,
        sentAt,
        messageId: serviceText(String(message_id)),
        service: statusOf(answer),
      },
    ];
  }
  if (!toMany && single && isCount(success) && isCount(failure)) {
    return [groupOutcome({ success, failure, failedRegistrationIds: strings(failed_registration_ids) }, answer, facts)];
  }
  return unread(answer, facts, "the answer is JSON, and not an answer of this service");
}

function groupOutcome(group: GroupResult, answer: HttpAnswer, { recipients, secret }: RequestFacts): RecipientOutcome {
  const { sentAt } = answer;
  const [recipient = ""] = recipients;
  if (group.success > 0) return { kind: "accepted", recipient, attempts: 1, sentAt, group, service: statusOf(answer) };
  const service = answerOf(answer, secret);
  return { ...failureOutcome("group-failed", { recipient, sentAt, service }), group } as RecipientOutcome;
}

// more digits than a JavaScript number holds; inside a JSON string quotes are escaped, so that only the key itself matches
const MULTICAST_ID = /"multicast_id"\s*:\s*"?(-?\d{1,40})(?!\d)/;

function readResults(results: readonly unknown[], answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const { recipients } = facts;
  if (results.length !== recipients.length) {
    return unread(answer, facts, `the answer has ${results.length} results for ${recipients.length} recipients`);
  }
  const { sentAt } = answer;
  const multicastId = MULTICAST_ID.exec(answer.body)?.[1];
  // one object shared by all accepted recipients
  const service = statusOf(answer, multicastId);
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"], undefined, facts.now);
  const outcomes = new Array<RecipientOutcome>(results.length);
  for (let position = 0; position < results.length; position++) {
    const recipient = recipients[position] as string;
    // read without a schema for speed: an answer has up to a thousand. The conformance suite compares both
    const result = results[position] as Partial<Record<string, unknown>> | null;
    const error = result?.["error"];
    const given = result?.["message_id"];
    const messageId = typeof given === "string" ? serviceText(given) : undefined;
    if (isWord(error)) {
      const code = errorCodeFor("gcmHttp", error);
      const said = { ...service, error: errorText(error, facts.secret) };
      outcomes[position] = failureOutcome(code, { recipient, sentAt, retryAfterMs, service: said });
    } else if (messageId === undefined) {
      const detail = "the result has neither a message_id nor an error";
      outcomes[position] = {
        ...ambiguousOutcome("invalid-response", { recipient, sentAt, service, detail }),
        answered: true,
      };
    } else {
      const canonical = result?.["registration_id"];
      outcomes[position] =
        canonical === undefined || canonical === recipient || tokenProblem(canonical) !== undefined
          ? { kind: "accepted", recipient, attempts: 1, sentAt, service, messageId }
          : {
              kind: "accepted",
              recipient,
              attempts: 1,
              sentAt,
              service,
              messageId,
              canonicalRegistrationId: canonical as RegistrationToken,
            };
    }
  }
  return outcomes;
}

function readPlainText(answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const fields = new Map<string, string>();
  for (const line of answer.body.split(/\r?\n/)) {
    // split at the first = only: values may contain more
    const at = line.indexOf("=");
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  const { sentAt } = answer;
  const [recipient = ""] = facts.recipients;
  const messageId = serviceText(fields.get("id") ?? "");
  const error = fields.get("Error");
  if (messageId !== "") {
    const canonical = fields.get("registration_id");
    const superseded = canonical !== undefined && canonical !== recipient && tokenProblem(canonical) === undefined;
    return [
      {
        kind: "accepted",
        recipient,
        attempts: 1,
        sentAt,
        messageId,
        service: statusOf(answer),
        ...(superseded ? { canonicalRegistrationId: canonical as RegistrationToken } : {}),
      },
    ];
  }
  if (!isWord(error)) return unread(answer, facts, "the answer has neither id= nor Error=");
  const service = { ...answerOf(answer, facts.secret), error: errorText(error, facts.secret) };
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"], undefined, facts.now);
  return [failureOutcome(errorCodeFor("gcmHttp", error), { recipient, sentAt, service, retryAfterMs })];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
