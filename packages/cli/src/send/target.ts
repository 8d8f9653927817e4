import type { TargetInput } from "@cloud-messaging/core";
import { UsageError } from "../exit-status.ts";
import type { OptionValues } from "../line/command.ts";
import { text, texts } from "../line/options.ts";

/** Options that name the recipients; exactly one kind of them. */
export const TARGET_OPTIONS = {
  to: texts("TOKEN", "registration token, or Firebase installation ID of v1; repeatable"),
  topic: text("NAME", "topic"),
  condition: text("TEXT", "condition over topics: \"'dogs' in topics && 'cats' in topics\""),
  group: text("KEY", "notification key of a device group"),
  user: text("ID", "all registrations of a user, in the store that --store names"),
};

/** Recipients of a send. */
export type Recipients = { readonly target: TargetInput } | { readonly userId: string };

/**
 * Reads the recipients.
 *
 * @throws {UsageError} there are none, or several kinds of them.
 */
export function recipientsOf(values: OptionValues<typeof TARGET_OPTIONS>): Recipients {
  const { to, topic, condition, group, user } = values;
  const kinds = [to, topic, condition, group, user].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) {
    throw new UsageError("Give exactly one of --to, --topic, --condition, --group and --user");
  }
  if (to !== undefined) return { target: to.length === 1 ? { token: to[0] as string } : { tokens: to } };
  if (topic !== undefined) return { target: { topic } };
  if (condition !== undefined) return { target: { condition } };
  if (group !== undefined) return { target: { notificationKey: group } };
  return { userId: user as string };
}
