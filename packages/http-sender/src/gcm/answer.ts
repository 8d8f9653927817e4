import type {
  ErrorCode,
  GroupResult,
  RecipientOutcome,
  RegistrationToken,
  ServiceAnswer,
  Target,
} from "@cloud-messaging/core";
import {
  ambiguousOutcome,
  errorRow,
  failureOutcome,
  outcomeKindFor,
  readRetryAfter,
  tokenProblem,
} from "@cloud-messaging/core/transport";
import { errorCodeFor, errorCodeForHttpStatus, narrowErrorCode, parseExactJson } from "@cloud-messaging/core/wire";
import { isGoogleHost } from "../common/endpoint.ts";
import { answerOf, errorText, isWord, readErrorBody, statusOf } from "../common/error-body.ts";
import type { HttpAnswer, HttpResult } from "../http/http.ts";
import type { GcmHttpFormat } from "./codec.ts";

/** What a result is read against. */
export interface RequestFacts {
  readonly target: Target;
  /** Who the request was for, in its order: tokens, or the one topic, condition or group. */
  readonly recipients: readonly string[];
  readonly format: GcmHttpFormat;
  /** Host it went to: a 404 of Google's has its own meaning. */
  readonly host: string;
  /** The key: taken out of whatever the answer repeats. */
  readonly secret: string;
  /** When the answer was read. Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * What a result says about each recipient of its request, in their order. The order of reading is: no answer, 5xx, other statuses
 * than 200, the body.
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
  return facts.format === "json" ? readJson(result, facts) : readPlainText(result, facts);
}

/** A status other than 200: the same for every recipient. The status counts even where the body did not come whole. */
function refused(answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const { status, sentAt } = answer;
  const { json, word, description } = readErrorBody(answer.body, facts.secret);
  const code = codeOfRefusal(status, word, description);
  const service: ServiceAnswer = {
    ...answerOf(answer, facts.secret),
    ...(word === undefined || description === undefined ? {} : { error: description }),
    ...(description === undefined ? {} : { description }),
  };
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
  // a word or a text about the request as a whole may say more; one about a token may not, since it does not say which token
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

/** A 2xx that cannot be understood: it may have been accepted all the same. */
function unread(
  answer: HttpAnswer,
  facts: RequestFacts,
  detail: string,
  code: ErrorCode = "invalid-response",
): RecipientOutcome[] {
  const { description } = readErrorBody(answer.body, facts.secret);
  const service = { ...answerOf(answer, facts.secret), ...(description === undefined ? {} : { description }) };
  return facts.recipients.map((recipient) => ({
    ...ambiguousOutcome(code, { recipient, detail, service, sentAt: answer.sentAt }),
    ...(answer.incomplete === undefined ? { answered: true } : {}),
  }));
}

function readJson(answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const toMany = "topic" in facts.target || "condition" in facts.target;
  let body: unknown;
  try {
    // only the ID of a topic's message is a number to be kept; the others are text, and multicast_id is read by itself
    body = toMany ? parseExactJson(answer.body) : JSON.parse(answer.body);
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
    // the whole answer is one word: where it is about a token, it does not say about which of several
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
      { kind: "accepted", recipient, attempts: 1, sentAt, messageId: String(message_id), service: statusOf(answer) },
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

// Digits that are too many for a JavaScript number. Inside a JSON string a quote is always escaped, so this can only be the key itself.
const MULTICAST_ID = /"multicast_id"\s*:\s*"?(-?\d+)/;

function readResults(results: readonly unknown[], answer: HttpAnswer, facts: RequestFacts): RecipientOutcome[] {
  const { recipients } = facts;
  if (results.length !== recipients.length) {
    return unread(answer, facts, `the answer has ${results.length} results for ${recipients.length} recipients`);
  }
  const { sentAt } = answer;
  const multicastId = MULTICAST_ID.exec(answer.body)?.[1];
  // one object for all who were accepted
  const service: ServiceAnswer = { ...statusOf(answer), ...(multicastId === undefined ? {} : { multicastId }) };
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"], undefined, facts.now);
  const outcomes = new Array<RecipientOutcome>(results.length);
  for (let position = 0; position < results.length; position++) {
    const recipient = recipients[position] as string;
    // read by hand and not by a schema: a thousand of these come in one answer. The conformance suite holds it against the schema
    const result = results[position] as Partial<Record<string, unknown>> | null;
    const error = result?.["error"];
    const messageId = result?.["message_id"];
    if (isWord(error)) {
      const code = errorCodeFor("gcmHttp", error);
      const said = { ...service, error: errorText(error, facts.secret) };
      outcomes[position] = failureOutcome(code, { recipient, sentAt, retryAfterMs, service: said });
    } else if (typeof messageId !== "string") {
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
    // the first = only: values hold more of them
    const at = line.indexOf("=");
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  const { sentAt } = answer;
  const [recipient = ""] = facts.recipients;
  const messageId = fields.get("id");
  const error = fields.get("Error");
  if (messageId !== undefined && messageId !== "") {
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
