import { describe, expect, it } from "vitest";
import { readProxyHeader } from "./proxy-header.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const hex = (text: string) => Buffer.from(SIGNATURE + text.replaceAll(" ", ""), "hex");
const V4 = "0a010203 7f000001 d431 1473";
const V6 = "20010db8000000000000000000000007 20010db8000000000000000000000001 d431 1473";

describe("a header of the PROXY protocol", () => {
  it.each([
    ["version 1, IPv4", Buffer.from("PROXY TCP4 10.1.2.3 127.0.0.1 54321 5235\r\n"), "10.1.2.3"],
    ["version 1, IPv6", Buffer.from("PROXY TCP6 2001:db8::7 ::1 54321 5235\r\n"), "2001:db8::7"],
    ["version 1, unknown", Buffer.from("PROXY UNKNOWN a b c\r\n"), undefined],
    ["version 2, IPv4", hex(`21 11 000c ${V4}`), "10.1.2.3"],
    ["version 2, IPv4 with a TLV", hex(`21 11 0010 ${V4} 04000100`), "10.1.2.3"],
    ["version 2, IPv6", hex(`21 21 0024 ${V6}`), "2001:db8::7"],
    ["version 2, LOCAL", hex("20 00 0000"), undefined],
    ["version 2, a UNIX socket", hex(`21 31 0002 0000`), undefined],
  ])("is read from any pieces: %s", (_, bytes, address) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(readProxyHeader(bytes.subarray(0, length)), `${length} bytes`).toEqual({ kind: "more" });
    }
    const whole = { kind: "header", bytes: bytes.length, address };
    expect(readProxyHeader(bytes)).toEqual(whole);
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from("GET / HTTP/1.1\r\n\r\n")]))).toEqual(whole);
  });

  it.each([
    ["a request without one", Buffer.from("GET / HTTP/1.1\r\n")],
    ["a TLS hello without one", Buffer.from([22, 3, 1, 2])],
    ["another protocol", Buffer.from("PROXY UDP4 10.1.2.3 127.0.0.1 1 2\r\n")],
    ["an address that is none", Buffer.from("PROXY TCP4 10.1.2.300 127.0.0.1 1 2\r\n")],
    ["an address of the other family", Buffer.from("PROXY TCP4 ::1 127.0.0.1 1 2\r\n")],
    ["a port that is none", Buffer.from("PROXY TCP4 10.1.2.3 127.0.0.1 1 65536\r\n")],
    ["a part too many", Buffer.from("PROXY TCP4 10.1.2.3 127.0.0.1 1 2 3\r\n")],
    ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(100)}`)],
    ["another version", hex("31 11 000c")],
    ["another command", hex("22 11 000c")],
    ["a length above the limit", hex("21 11 ffff")],
    ["a length below that of its addresses", hex("21 11 0004 0a010203")],
  ])("is refused: %s", (_, bytes) => {
    expect(readProxyHeader(bytes).kind).toBe("malformed");
  });
});
