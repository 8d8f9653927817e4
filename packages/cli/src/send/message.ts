import type { MessageContent } from "@cloud-messaging/core";
import { defined } from "@cloud-messaging/core/transport";
import type { Context } from "../context.ts";
import { UsageError } from "../exit-status.ts";
import type { OptionValues } from "../line/command.ts";
import { choice, file, flag, number, text, texts } from "../line/options.ts";
import { readJsonObject } from "../service/files.ts";

/** Options of the content of a message. */
export const CONTENT_OPTIONS = {
  title: text("TEXT", "title of the notification"),
  body: text("TEXT", "text of the notification"),
  data: texts("KEY=VALUE", "data for the app; repeatable"),
  message: file("JSON of further fields, as send() takes them: android, apns, webpush, …; - for standard input"),
  ttl: number("SECONDS", "time to live", { max: 2_419_200 }),
  priority: choice(["normal", "high"], "priority (default: the service's)"),
  collapseKey: text("KEY", "the last stored message of a key replaces the earlier ones"),
  dryRun: flag("validate the message at the service, deliver nothing"),
};

/**
 * Makes the content of a message of the options.
 *
 * @throws {UsageError} a value has another form.
 */
export async function contentOf(
  { title, body, data, message, ttl, priority, collapseKey, dryRun }: OptionValues<typeof CONTENT_OPTIONS>,
  { stdin }: Pick<Context, "stdin">,
): Promise<MessageContent> {
  const given = message === undefined ? {} : ((await readJsonObject(message, "--message", stdin)) as MessageContent);
  const notification = title === undefined && body === undefined ? {} : defined({ title, body });
  const own = {
    ...(Object.keys(notification).length === 0 ? {} : { notification: { ...given.notification, ...notification } }),
    ...(data === undefined ? {} : { data: { ...given.data, ...pairsOf(data, "--data") } }),
    ...defined({ timeToLiveSec: ttl, priority, collapseKey, dryRun }),
  };
  return { ...given, ...own };
}

/**
 * Reads `KEY=VALUE` texts.
 *
 * @throws {UsageError} one has another form.
 */
function pairsOf(given: readonly string[], option: string): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new UsageError(`${option} must be KEY=VALUE, not ${JSON.stringify(pair)}`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
