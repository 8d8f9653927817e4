import { isIPv4, isIPv6 } from "node:net";

/** Longest line of version 1. Source: the PROXY protocol, 2.1. Unit: bytes. */
const MAX_LINE = 107;
/** Longest header of version 2: addresses and what proxies append. Implementation limit. Unit: bytes. */
const MAX_BINARY = 2048;
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Bytes before the addresses of version 2: signature, version and command, family, length. */
const FIXED = 16;

/**
 * Result of reading the beginning of a connection.
 * `header`: its length, and the client's address; `undefined`: the proxy speaks for itself, or does not know. `more`: it is not complete.
 */
export type ProxyHeader =
  | { readonly kind: "header"; readonly bytes: number; readonly address: string | undefined }
  | { readonly kind: "more" }
  | { readonly kind: "malformed"; readonly problem: string };

/**
 * Reads a header of the PROXY protocol, version 1 or 2.
 *
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
export function readProxyHeader(start: Buffer): ProxyHeader {
  const compared = Math.min(start.length, SIGNATURE.length);
  if (compared > 0 && start.subarray(0, compared).equals(SIGNATURE.subarray(0, compared))) return readBinary(start);
  return readLine(start);
}

function readLine(start: Buffer): ProxyHeader {
  const text = start.subarray(0, MAX_LINE).toString("latin1");
  const end = text.indexOf("\r\n");
  if (!text.startsWith("PROXY ".slice(0, text.length))) return malformed("there is none");
  if (end === -1) return text.length < MAX_LINE ? { kind: "more" } : malformed(`it is longer than ${MAX_LINE} bytes`);
  const bytes = end + 2;
  const [, family, source = "", destination = "", ...ports] = text.slice(0, end).split(" ");
  if (family === "UNKNOWN") return { kind: "header", bytes, address: undefined };
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : undefined;
  if (isAddress === undefined) return malformed("its protocol is none of TCP4, TCP6 and UNKNOWN");
  if (!isAddress(source) || !isAddress(destination)) return malformed(`an address is none of ${family}`);
  if (ports.length !== 2 || !ports.every(isPort)) return malformed("a port is none");
  return { kind: "header", bytes, address: source };
}

function readBinary(start: Buffer): ProxyHeader {
  if (start.length < FIXED) return { kind: "more" };
  const [versionAndCommand, familyAndProtocol] = [start.readUInt8(12), start.readUInt8(13)];
  const length = start.readUInt16BE(14);
  const bytes = FIXED + length;
  if (versionAndCommand >> 4 !== 2) return malformed("its version is not 2");
  const command = versionAndCommand & 0xf;
  if (command > 1) return malformed("its command is neither LOCAL nor PROXY");
  if (bytes > MAX_BINARY) return malformed(`it is longer than ${MAX_BINARY} bytes`);
  if (start.length < bytes) return { kind: "more" };
  // LOCAL: a health check of the proxy's own
  if (command === 0) return { kind: "header", bytes, address: undefined };
  switch (familyAndProtocol) {
    case 0x11:
      if (length < 12) return malformed("it is too short for its addresses");
      return { kind: "header", bytes, address: [...start.subarray(FIXED, FIXED + 4)].join(".") };
    case 0x21:
      if (length < 36) return malformed("it is too short for its addresses");
      return { kind: "header", bytes, address: ipv6(start.subarray(FIXED, FIXED + 16)) };
    default:
      return { kind: "header", bytes, address: undefined };
  }
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  // the shortest form, as a socket writes it
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

function malformed(problem: string): ProxyHeader {
  return { kind: "malformed", problem };
}
