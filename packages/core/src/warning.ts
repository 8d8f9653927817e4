import { docsOf } from "./docs-of.ts";

/** Code of a process warning; `node --disable-warning=CODE` silences it. */
export type WarningCode =
  | "CLOUD_MESSAGING_EMULATOR"
  | "CLOUD_MESSAGING_NO_V1_EQUIVALENT"
  | "CLOUD_MESSAGING_UNREACHABLE";

/** Part of `process` that takes warnings. */
export interface Warner {
  emitWarning(
    warning: string,
    options: { readonly type: string; readonly code: string; readonly detail: string },
  ): void;
}

/** Emits a process warning that names the section about its code. */
export function warn(warner: Warner, code: WarningCode, text: string): void {
  warner.emitWarning(text, { type: "CloudMessagingWarning", code, detail: `See ${docsOf(code)}` });
}
