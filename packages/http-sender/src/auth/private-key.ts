import { createPrivateKey, type KeyObject } from "node:crypto";
import { InvalidOptionsError } from "@cloud-messaging/core";

const PEM = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----([\s\S]*?)-----END \1-----/;
const LINE_CHARS = 64;

/**
 * The private key of a service account, from PEM as it comes out of variables and secret stores: with its line ends spelled out once or
 * twice, with the backslash or the whole line end lost, in quotation marks, in base64.
 *
 * @throws {InvalidOptionsError} it cannot be read, or is no RSA key. Holds nothing of it.
 */
export function readPrivateKey(given: string): KeyObject {
  const refuse = (problem: string): never => {
    throw new InvalidOptionsError([{ path: "credential.private_key", problem }]);
  };
  const pem = repaired(given);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // without the cause: it could hold a part of the key
    return refuse(`cannot be read: it must be a private key in PEM, line ends included, and ${seen(pem)}`);
  }
  if (key.asymmetricKeyType !== "rsa") {
    return refuse(`is a key of the kind ${key.asymmetricKeyType}, and a service account signs with RSA`);
  }
  return key;
}

function repaired(given: string): string {
  const text = /^\s*["']?LS0tLS/.test(given) ? Buffer.from(given.replace(/["']/g, ""), "base64").toString() : given;
  const lines = text.replace(/\\+r/g, "").replace(/\\+n/g, "\n");
  const found = PEM.exec(lines);
  if (found === null) return lines;
  const [, label, inside = ""] = found;
  const body = withoutLostEnds(inside.replace(/[\s"'\\]+/g, ""));
  // an encrypted key has headers in it, and stays as it is
  if (!/^[A-Za-z0-9+/]+=*$/.test(body)) return lines;
  const wrapped = body.match(new RegExp(`.{1,${LINE_CHARS}}`, "g"))?.join("\n");
  return `-----BEGIN ${label}-----\n${wrapped}\n-----END ${label}-----\n`;
}

/** A shell that took the backslash of `\n` left an n at the beginning, and one at the end of each line. */
function withoutLostEnds(body: string): string {
  if (!body.startsWith("n")) return body;
  const lines = body.slice(1).match(new RegExp(`.{1,${LINE_CHARS + 1}}`, "g")) ?? [];
  return lines.every((line) => line.endsWith("n")) ? lines.map((line) => line.slice(0, -1)).join("") : body;
}

function seen(text: string): string {
  if (text.includes("PUBLIC KEY") || text.includes("CERTIFICATE")) return "this is a public key or certificate";
  if (text.includes("ENCRYPTED")) return "this one is encrypted";
  if (!text.includes("-----BEGIN")) return "this does not begin with -----BEGIN PRIVATE KEY-----";
  return text.includes("-----END") ? "this one is damaged" : "this one has no end: it was cut off";
}
