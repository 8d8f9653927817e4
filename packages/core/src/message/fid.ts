import type * as z from "../zod.ts";
import { describeType, type RegistrationToken } from "./token.ts";

// 17 bytes in base64url without the last character; the first four bits are 0111, so the first character is c, d, e or f
const FID = /^[cdef][A-Za-z0-9_-]{21}$/;

/**
 * A checked Firebase Installation ID. FCM HTTP v1 takes it in place of a registration token: it may stand in a list of tokens and in a registration
 * store; a token is never an installation ID. A plain string is accepted everywhere.
 *
 * Source: docs/protocol/fcm-v1.md#fid
 */
export type InstallationId = RegistrationToken & z.core.$brand<"InstallationId">;

/**
 * True for a Firebase Installation ID. No registration token is: tokens are longer than 22 characters.
 *
 * Source: docs/protocol/fcm-v1.md#fid
 */
export function isFid(value: string): value is InstallationId {
  return value.length === 22 && FID.test(value);
}

/** Problem of a Firebase Installation ID; `undefined` for a valid one. */
export function fidProblem(fid: unknown): string | undefined {
  if (typeof fid !== "string") return `must be a string, not ${describeType(fid)}`;
  if (isFid(fid)) return undefined;
  return fid.includes(":")
    ? "is a registration token, not a Firebase Installation ID: use it as token, and as fid only what the app itself reports"
    : "must be a Firebase Installation ID: 22 of the characters a-z A-Z 0-9 - _, the first of them c, d, e or f";
}

/**
 * True if a registration token belongs to the installation of this ID: it begins with the ID and a colon.
 * Good for finding the row to rewrite once the app has reported its ID; never for making up an ID to send to.
 *
 * Source: docs/protocol/fcm-v1.md#fid
 */
export function isTokenOfInstallation(token: string, fid: string): boolean {
  return token.length > fid.length && token.startsWith(fid) && token[fid.length] === ":";
}
