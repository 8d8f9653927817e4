import { describe, expect, it } from "vitest";
import { decodeText, findJson } from "./credential-text.ts";

const KEY = {
  type: "service_account",
  project_id: "demo",
  private_key: "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n",
  client_email: "sender@demo.iam.gserviceaccount.com",
};
const PRETTY = JSON.stringify(KEY, null, 2);
const FLAT = JSON.stringify(KEY);
const base64 = Buffer.from(PRETTY).toString("base64");

describe("the JSON of a key is found", () => {
  it.each<[string, string]>([
    ["as it is", PRETTY],
    ["with a byte order mark", `\uFEFF${PRETTY}`],
    ["with Windows line ends", PRETTY.replaceAll("\n", "\r\n")],
    ["with space around it", `\n  ${FLAT}\n`],
    ["in quotation marks", `'${FLAT}'`],
    ["in double quotation marks that were not escaped", `"${FLAT}"`],
    ["as a JSON text", JSON.stringify(FLAT)],
    ["as a JSON text of pretty JSON", JSON.stringify(PRETTY)],
    ["with its own marks escaped", JSON.stringify(FLAT).slice(1, -1)],
    ["with the line ends of the key not spelled out", FLAT.replaceAll("\\n", "\n")],
    ["pretty, with the line ends of the key not spelled out", PRETTY.replaceAll("\\n", "\n")],
    ["with Windows line ends in the key", FLAT.replaceAll("\\n", "\r\n")],
    ["in base64", base64],
    ["in base64 of JSON on one line", Buffer.from(FLAT).toString("base64")],
    ["in base64 with line ends", base64.replace(/(.{76})/g, "$1\n")],
    ["in base64 with Windows line ends", base64.replace(/(.{64})/g, "$1\r\n")],
    ["in base64url", Buffer.from(PRETTY).toString("base64url")],
    ["in base64, quoted", `"${base64}"`],
    ["in base64 of base64", Buffer.from(JSON.stringify(FLAT)).toString("base64")],
    ["in base64 with a byte order mark inside", Buffer.from(`\uFEFF${PRETTY}`).toString("base64")],
    ["in base64 of UTF-16", Buffer.from(`\uFEFF${PRETTY}`, "utf16le").toString("base64")],
    ["in UTF-16 that was read as UTF-8", Buffer.from(`\uFEFF${PRETTY}`, "utf16le").toString("utf8")],
  ])("%s", (_name, text) => {
    const found = findJson(text) as typeof KEY;
    expect({ ...found, private_key: found.private_key.replaceAll("\r", "") }).toEqual(KEY);
  });

  it.each<[string, Buffer]>([
    ["UTF-8", Buffer.from(PRETTY)],
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${PRETTY}`)],
    ["UTF-16 LE with a mark", Buffer.from(`\uFEFF${PRETTY}`, "utf16le")],
    ["UTF-16 LE without", Buffer.from(PRETTY, "utf16le")],
    ["UTF-16 BE with a mark", Buffer.from(`\uFEFF${PRETTY}`, "utf16le").swap16()],
    ["UTF-16 BE without", Buffer.from(PRETTY, "utf16le").swap16()],
    ["UTF-16 BE that was cut in the middle of a unit", Buffer.from(`${PRETTY} `, "utf16le").swap16().subarray(0, -1)],
  ])("in a file in %s", (_name, bytes) => {
    expect(findJson(decodeText(bytes))).toEqual(KEY);
  });

  it.each([
    "",
    "   ",
    "key.json",
    "/etc/keys/service-account",
    "C:\\keys\\a.json",
    "etc/secrets/google/credentials/key",
    "a".repeat(100),
  ])("in no path: %j", (text) => {
    expect(findJson(text)).toBeUndefined();
  });

  it.each<[string, string]>([
    ["JSON that was cut off", FLAT.slice(0, -20)],
    ["base64 that was cut off", base64.slice(0, -40)],
    ["JSON with a comma too many", '{"type":"service_account",}'],
  ])("damaged where it is %s", (_name, text) => {
    expect(findJson(text)).toBe("damaged");
  });

  it("is not looked for in a megabyte of letters", () => {
    expect(findJson("a".repeat(2 ** 21))).toBeUndefined();
  });
});
