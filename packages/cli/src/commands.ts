import { check } from "./check/command.ts";
import { completion } from "./completion.ts";
import type { Command } from "./line/command.ts";
import type { GroupSummaries } from "./line/program.ts";
import { listen } from "./listen/listen.ts";
import { groups } from "./manage/groups.ts";
import { topics } from "./manage/topics.ts";
import { outbox } from "./outbox/commands.ts";
import { registrations } from "./registrations/commands.ts";
import { send } from "./send/send.ts";
import { emulator, gateway } from "./servers.ts";
import { validate } from "./tokens/validate.ts";

const SUBJECTS: readonly Command[] = [
  send,
  check,
  validate,
  listen,
  ...topics,
  ...groups,
  ...registrations,
  ...outbox,
  emulator,
  gateway,
];

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [...SUBJECTS, completion(SUBJECTS)];

/** First words that several commands share. */
export const GROUPS: GroupSummaries = {
  topics: "topic subscriptions of app instances",
  groups: "device groups",
  registrations: "the registration store: users and their tokens",
  outbox: "a durable queue of sends",
};
