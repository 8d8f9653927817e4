import type { GcmFields } from "../gcm/message.ts";

/** A plain-text request, read. */
export interface PlainTextRequest {
  /** Empty when there is none. */
  readonly token: string;
  readonly data: Readonly<Record<string, string>>;
  readonly fields: GcmFields;
}

/**
 * Reads `registration_id=…&data.key=…`; order is free.
 *
 * @param acceptTo True if the recipient may stand in `to`, as the 2015 samples had it.
 */
export function readPlainText(body: string, acceptTo: boolean): PlainTextRequest {
  const form = new URLSearchParams(body);
  const data: [string, string][] = [];
  for (const [name, value] of form) if (name.startsWith("data.")) data.push([name.slice("data.".length), value]);
  const ttl = form.get("time_to_live");
  return {
    token: form.get("registration_id") ?? (acceptTo ? form.get("to") : null) ?? "",
    data: Object.fromEntries(data),
    fields: {
      collapse_key: form.get("collapse_key") ?? undefined,
      delay_while_idle: flag(form.get("delay_while_idle")),
      dry_run: flag(form.get("dry_run")),
      // what is no number is out of every range
      time_to_live: ttl === null ? undefined : /^\d+$/.test(ttl) ? Number(ttl) : Number.NaN,
      restricted_package_name: form.get("restricted_package_name") ?? undefined,
    },
  };
}

const flag = (value: string | null): boolean => value === "1" || value === "true";
