import { check } from "./check/command.ts";
import type { Command } from "./line/command.ts";
import type { GroupSummaries } from "./line/program.ts";
import { send } from "./send/send.ts";
import { emulator, gateway } from "./servers.ts";

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [send, check, emulator, gateway];

/** First words that several commands share. */
export const GROUPS: GroupSummaries = {};
