import { UsageError } from "../exit-status.ts";

/** Forms of secrets, and the places that they belong in. */
const SECRETS: readonly (readonly [form: RegExp, name: string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----|"private_key"\s*:/, "a private key"],
  [/\bAIza[\w-]{10,}/, "an API key"],
  // a project number in six bits a letter, then the key: a registration token has 22 letters before the colon
  [/(?<![\w-])AAAA[\w-]{7}:[\w-]{20,}/, "a server key"],
  [/\bya29\.[\w.-]{4,}/, "an access token"],
  [/\b1\/\/0[\w-]{10,}/, "a refresh token"],
  [/[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*:[^/?#\s@]+@/i, "a URL with a password"],
  // one whose password is not encoded, and holds a slash
  [/(?:postgres(?:ql)?|rediss?):\/\/[^?#\s]*:[^?#\s@]+@/i, "a URL with a password"],
  [/[?&](?:password|sslpassword)=[^&\s]/i, "a URL with a password"],
];

const CURE = [
  "Name a file (--credential FILE, --api-key-file FILE) or set a variable:",
  "CLOUD_MESSAGING_API_KEY, CLOUD_MESSAGING_STORE_URL, CLOUD_MESSAGING_OUTBOX_URL, PGPASSWORD, HTTPS_PROXY.",
].join(" ");

/**
 * Refuses arguments that hold a secret: every user of the machine can read them while the program runs, and the shell keeps them.
 *
 * @throws {UsageError} naming the argument by its place, and not its value.
 */
export function refuseSecrets(args: readonly string[]): void {
  for (const [index, argument] of args.entries()) {
    const secret = SECRETS.find(([form]) => form.test(argument));
    if (secret !== undefined) {
      throw new UsageError(
        `Argument ${index + 1} holds ${secret[1]}, which every user of this machine can read. ${CURE}`,
      );
    }
  }
}
