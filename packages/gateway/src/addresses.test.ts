import { describe, expect, it } from "vitest";
import { addressRanges, isAddressRange, isIn, readAddress, sourceOf } from "./addresses.ts";

describe("an address of a client", () => {
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["10.1.2.3:443", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::FFFF:10.1.2.3", "10.1.2.3"],
    ["::ffff:a01:203", "10.1.2.3"],
    ["[::ffff:10.1.2.3]:443", "10.1.2.3"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::1", "::1"],
    ["10.1.2", undefined],
    ["unknown", undefined],
    ["10.1.2.3, 10.1.2.4", undefined],
    ["[::1", undefined],
    ["", undefined],
  ])("%j is read as %j", (text, address) => {
    expect(readAddress(text)).toBe(address);
  });

  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    [undefined, ""],
  ])("%j has its failed logins counted as %j", (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});

describe("a list of addresses", () => {
  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.1.2.3", "::ffff:a01:203", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "2001:db8::1", true],
  ])("%s: %s is in it: %s", (range, address, inside) => {
    expect(isIn(addressRanges([range]), readAddress(address))).toBe(inside);
  });

  it("has no address that is not known", () => {
    expect(isIn(addressRanges(["0.0.0.0/0", "::/0"]), readAddress(undefined))).toBe(false);
  });

  it.each(["10.0.0.0/33", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0", "fe80::1%eth0/64", "localhost", ""])(
    "takes no %j",
    (range) => {
      expect(isAddressRange(range)).toBe(false);
    },
  );
});
