import type { HttpAnswer } from "../http-server.ts";
import type { Refusal } from "../model/message.ts";
import { badRequest, type GcmHttpDoor, retryAfterOf, wordOf } from "./gcm-http.ts";
import { toIncoming } from "./gcm-message.ts";

/** Answers a plain-text request: one recipient, `id=…` or `Error=…`; what would be `Unavailable` is a 5xx. */
export function handlePlainText(door: GcmHttpDoor, body: string, senderId: string | undefined): HttpAnswer {
  const form = new URLSearchParams(body);
  const token = form.get("registration_id") ?? (door.service.profile.httpTo ? form.get("to") : null);
  if (token === null || token === "") return refused({ kind: "refused", code: "missing-registration" });
  if (token.startsWith("/topics/")) return badRequest("Topics can be addressed in JSON requests only");
  const data: [string, string][] = [];
  for (const [name, value] of form) if (name.startsWith("data.")) data.push([name.slice("data.".length), value]);
  const ttl = form.get("time_to_live");
  const timeToLive = ttl === null ? undefined : /^\d+$/.test(ttl) ? Number(ttl) : Number.NaN;
  const strings = Object.fromEntries(data);
  const refusal = door.service.check(strings, timeToLive);
  if (refusal !== undefined) return refused(refusal);
  const fields = {
    collapse_key: form.get("collapse_key") ?? undefined,
    delay_while_idle: flag(form.get("delay_while_idle")),
    dry_run: flag(form.get("dry_run")),
    time_to_live: timeToLive,
    restricted_package_name: form.get("restricted_package_name") ?? undefined,
  };
  const envelope = { door: "gcm-http", senderId, wire: body } as const;
  const decision = door.service.send(
    toIncoming(fields, strings, token, { kind: "token", token }, envelope, door.service),
  );
  if (decision.kind === "refused") return refused(decision);
  const canonical = decision.canonicalToken === undefined ? "" : `registration_id=${decision.canonicalToken}\n`;
  return { status: 200, contentType: "text/plain; charset=UTF-8", body: `id=${decision.messageId}\n${canonical}` };
}

const flag = (value: string | null): boolean => value === "1" || value === "true";

function refused(refusal: Refusal): HttpAnswer {
  const word = wordOf(refusal);
  const headers = retryAfterOf([refusal]);
  const status = word === "Unavailable" ? 503 : word === "InternalServerError" ? 500 : 200;
  return {
    status,
    contentType: "text/plain; charset=UTF-8",
    body: status === 200 ? `Error=${word}\n` : "",
    ...(headers === undefined ? {} : { headers }),
  };
}
