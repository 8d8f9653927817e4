import { READ_SCRIPTS } from "./read.lua.ts";
import type { Reply } from "./redis.ts";
import { STORE_SCRIPTS } from "./store.lua.ts";
import { WORK_SCRIPTS } from "./work.lua.ts";

/** Scripts of the engine. */
export const SCRIPTS = { ...STORE_SCRIPTS, ...WORK_SCRIPTS, ...READ_SCRIPTS };

/** Runs a script of the engine. */
export type AskScript = (name: keyof typeof SCRIPTS, args: readonly (string | Buffer)[]) => Promise<Reply>;
