import { defined } from "@cloud-messaging/core/transport";
import { legacyWordFor, stringifyExactJson } from "@cloud-messaging/core/wire";
import type { HttpAnswer } from "../http/route.ts";
import type { Acceptance, Decision, Refusal } from "../service.ts";

/** The word for a refusal in a JSON or plain-text answer. */
function wordOf({ word, code }: Refusal): string {
  return word ?? legacyWordFor("gcmHttp", code);
}

/** The answer about tokens: one result per recipient, in their order. */
export function multicastAnswer(multicastId: () => bigint, decisions: readonly Decision[]): HttpAnswer {
  let success = 0;
  let canonical = 0;
  const results = decisions.map((decision) => {
    if (decision.kind === "refused") return { error: wordOf(decision) };
    success++;
    if (decision.canonicalToken === undefined) return { message_id: decision.messageId };
    canonical++;
    return { message_id: decision.messageId, registration_id: decision.canonicalToken };
  });
  const failure = decisions.length - success;
  return json({ multicast_id: multicastId(), success, failure, canonical_ids: canonical, results }, decisions);
}

/** The answer about a topic or condition. */
export function topicAnswer(decision: Decision): HttpAnswer {
  if (decision.kind === "refused") return json({ error: wordOf(decision) }, [decision]);
  return json({ message_id: numericIdOf(decision) }, []);
}

/** The answer about a device group. */
export function groupAnswer(
  { success, failure, failed }: NonNullable<Acceptance["group"]>,
  failureCounts: boolean,
): HttpAnswer {
  if (success === 0 && !failureCounts) {
    const body = "<html><body>Service Unavailable</body></html>\n";
    return { status: 503, contentType: "text/html; charset=UTF-8", body };
  }
  return json({ success, failure, ...(failed.length > 0 ? { failed_registration_ids: failed } : {}) }, []);
}

/** The answer in plain text: `id=…` or `Error=…`; what would be `Unavailable` is a 5xx. */
export function plainTextAnswer(decision: Decision): HttpAnswer {
  const contentType = "text/plain; charset=UTF-8";
  if (decision.kind === "accepted") {
    const canonical = decision.canonicalToken === undefined ? "" : `registration_id=${decision.canonicalToken}\n`;
    return { status: 200, contentType, body: `id=${decision.messageId}\n${canonical}` };
  }
  const word = wordOf(decision);
  const status = word === "Unavailable" ? 503 : word === "InternalServerError" ? 500 : 200;
  const headers = retryAfterOf([decision]);
  return {
    status,
    contentType,
    body: status === 200 ? `Error=${word}\n` : "",
    ...defined({ headers }),
  };
}

/** 400 with the reason as text and one line feed, as the live service wrote it. */
export function badRequest(reason: string): HttpAnswer {
  return { status: 400, contentType: "text/plain; charset=UTF-8", body: `${reason}\n` };
}

/** The service cannot say who the sender is: 503, or 500 where it failed. */
export function unavailable({ code, retryAfter }: Refusal): HttpAnswer {
  const status = code === "internal-error" ? 500 : 503;
  const headers = defined({ headers: retryAfter === undefined ? undefined : { "retry-after": retryAfter } });
  return { status, contentType: "text/html; charset=UTF-8", body: `<html><body>${status}</body></html>\n`, ...headers };
}

/** Random number of 63 bits. It is no secret: bytes of `node:crypto` would cost 2 % of a request through the gateway. */
export function randomWideId(): bigint {
  return (randomBelow(2 ** 31) << 32n) | randomBelow(2 ** 32);
}

const randomBelow = (limit: number): bigint => BigInt(Math.floor(Math.random() * limit));

function numericIdOf({ numericId, messageId }: Acceptance): bigint {
  return numericId ?? (/^\d{1,19}$/.test(messageId) ? BigInt(messageId) : randomWideId());
}

/** 401 with a page. */
export function unauthorized(): HttpAnswer {
  return {
    status: 401,
    contentType: "text/html; charset=UTF-8",
    body: "<HTML><HEAD><TITLE>Unauthorized</TITLE></HEAD><BODY><H1>Unauthorized</H1><H2>Error 401</H2></BODY></HTML>\n",
  };
}

function json(body: Readonly<Record<string, unknown>>, decisions: readonly Decision[]): HttpAnswer {
  const headers = retryAfterOf(decisions);
  return { status: 200, body: stringifyExactJson(body), ...defined({ headers }) };
}

/** The longest Retry-After of the decisions: a client sends to all of them again at the same time. A date is as good as any. */
function retryAfterOf(decisions: readonly Decision[]): Record<string, string> | undefined {
  let longest: string | undefined;
  for (const decision of decisions) {
    const retryAfter = decision.kind === "refused" ? decision.retryAfter : undefined;
    if (longest === undefined || Number(retryAfter) > Number(longest)) longest = retryAfter ?? longest;
  }
  return longest === undefined ? undefined : { "retry-after": longest };
}
