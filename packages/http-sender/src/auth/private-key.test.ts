import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { readPrivateKey } from "./private-key.ts";

const { privateKey: key, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
const older = key.export({ type: "pkcs1", format: "pem" }) as string;
const encrypted = key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" }) as string;

describe("a private key is read", () => {
  it.each<[string, string]>([
    ["as it is", pem],
    ["in the older form", older],
    ["with Windows line ends", pem.replaceAll("\n", "\r\n")],
    ["with its line ends spelled out", pem.replaceAll("\n", "\\n")],
    ["with its line ends spelled out twice", pem.replaceAll("\n", "\\\\n")],
    ["with Windows line ends spelled out", pem.replaceAll("\n", "\\r\\n")],
    ["with its line ends lost", pem.replaceAll("\n", "")],
    ["with spaces for its line ends", pem.replaceAll("\n", " ")],
    ["with the backslash of each line end lost", pem.replaceAll("\n", "n")],
    ["with each line end doubled", pem.replaceAll("\n", "\n\n")],
    ["with its lines indented", pem.replaceAll("\n", "\n    ")],
    ["in quotation marks", `"${pem.replaceAll("\n", "\\n")}"`],
    ["in single quotation marks", `'${pem}'`],
    ["with a quotation mark at one end", `"${pem}`],
    ["with a byte order mark", `\uFEFF${pem}`],
    ["in base64", Buffer.from(pem).toString("base64")],
    ["of the older form with its line ends lost", older.replaceAll("\n", "")],
  ])("%s", (_name, given) => {
    expect(readPrivateKey(given).equals(key)).toBe(true);
  });
});

describe("a private key is refused, with what was seen and nothing of it", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  it.each<[string, string, string]>([
    ["no PEM", "S".repeat(100), "does not begin with"],
    ["a PEM that was cut off", pem.slice(0, 400), "cut off"],
    ["a PEM with a part missing", pem.slice(0, 400) + pem.slice(700), "damaged"],
    ["a public key", publicKey.export({ type: "spki", format: "pem" }) as string, "public key"],
    ["an encrypted key", encrypted, "encrypted"],
    ["a key of another kind", ec.export({ type: "pkcs8", format: "pem" }) as string, "signs with RSA"],
  ])("%s", (_name, given, words) => {
    let error: unknown;
    try {
      readPrivateKey(given);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(InvalidOptionsError);
    const shown = inspect(error, { depth: 9 });
    expect(shown).toContain("credential.private_key");
    expect(shown).toContain(words);
    for (const line of given.split("\n").slice(1, -2)) expect(shown).not.toContain(line.slice(0, 30));
  });
});
