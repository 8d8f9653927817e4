import type { Clock, Random } from "@cloud-messaging/core";

const TOKEN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Generator of the identifiers that the service issues. */
export interface ServiceIds {
  /** ID of an accepted message, for example `0:1767225600000000%4f0c0e2bf9fd7ecd`. */
  message(): string;
  /** Multicast or topic message ID: a positive signed 64-bit integer, above 2^53 unless configured otherwise. */
  wide(): bigint;
  /** Registration token of the usual form: an instance ID, a colon, `APA91b` and 134 more characters. */
  token(): string;
  /** Key of a device group. */
  notificationKey(): string;
  /** Random hexadecimal digits. */
  hex(digits: number): string;
}

/** Creates a generator. @param wideIds Multicast IDs above 2^53, which JavaScript numbers cannot represent. */
export function createServiceIds(clock: Clock, random: Random, wideIds: boolean): ServiceIds {
  const pick = (count: number): string => {
    let text = "";
    for (let i = 0; i < count; i++) text += TOKEN_CHARACTERS[Math.floor(random() * TOKEN_CHARACTERS.length)];
    return text;
  };
  const hex32 = (): string =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  const hex = (digits: number): string => {
    let text = "";
    while (text.length < digits) text += hex32();
    return text.slice(0, digits);
  };
  let count = 0;
  return {
    message: () => {
      count = (count + 1) % 1000;
      return `0:${Math.floor(clock.now())}${count.toString().padStart(3, "0")}%${hex32()}${hex32()}`;
    },
    wide: () => {
      const low = BigInt(Math.floor(random() * 0x1_0000_0000));
      if (!wideIds) return low;
      // 2^53 to 2^63
      const high = BigInt(0x20_0000 + Math.floor(random() * (0x7fff_ffff - 0x20_0000)));
      return (high << 32n) | low | 1n;
    },
    token: () => `${pick(11)}:APA91b${pick(134)}`,
    notificationKey: () => `APA91b${pick(134)}`,
    hex,
  };
}
