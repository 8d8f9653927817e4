import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { performance } from "node:perf_hooks";
import { createSecureContext } from "node:tls";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { GOOGLE_HOSTS } from "./redirect/google-hosts.ts";

/** Private CA and a server certificate signed by it. PEM. */
export interface Certificates {
  /** CA certificate for clients to trust. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** Maximum lifetime: some clients refuse server certificates valid for more than 398 days. Unit: milliseconds. */
const LIFETIME_MS = 397 * DAY_MS;
/** Part of the lifetime before the start, for clocks that are behind. Unit: milliseconds. */
const BACKDATED_MS = 30 * DAY_MS;
/** Minimum remaining lifetime of a certificate that is reused. Unit: milliseconds. */
const LEFT_AT_LEAST_MS = 30 * DAY_MS;

/** Start of this process by the system clock, independent of a replaced `Date`. Unit: milliseconds since the epoch. */
const processStart = (): number => performance.timeOrigin;

/** Checks a certificate of the user. @throws {InvalidOptionsError} Names the field; never contains the key. */
export function ownCertificates({
  cert,
  key,
  ca = cert,
}: Omit<Certificates, "ca"> & { ca?: string | undefined }): Certificates {
  const problem = (field: string, text: string, cause?: unknown): InvalidOptionsError =>
    new InvalidOptionsError([{ path: `tls.${field}`, problem: text }], { cause });
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
    createSecureContext({ cert });
  } catch (error) {
    throw problem("cert", "cannot be read: it must be a certificate in PEM", error);
  }
  try {
    createSecureContext({ ca });
    new X509Certificate(ca);
  } catch (error) {
    throw problem("ca", "cannot be read: it must be a certificate in PEM", error);
  }
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    throw problem("key", "cannot be read: it must be a private key in PEM, without a passphrase");
  }
  if (!certificate.checkPrivateKey(privateKey)) throw problem("key", "does not belong to tls.cert");
  return { ca, cert, key };
}

/** Names and addresses of a server certificate, and whether its remaining lifetime suffices. */
function isGoodFor({ cert, key }: Certificates, names: readonly string[]): boolean {
  try {
    const certificate = new X509Certificate(cert);
    const left = Date.parse(certificate.validTo) - processStart();
    return (
      left > LEFT_AT_LEAST_MS &&
      Date.parse(certificate.validFrom) < processStart() &&
      certificate.checkPrivateKey(createPrivateKey(key)) &&
      names.every((name) =>
        isIP(name) === 0 ? certificate.checkHost(name.replace("*", "any")) : certificate.checkIP(name),
      )
    );
  } catch {
    return false;
  }
}

/**
 * Creates a CA and a server certificate for the Google hosts, localhost, 127.0.0.1, ::1 and the given names. Takes milliseconds and writes
 * nothing to disk; the private key of the CA is discarded.
 *
 * @param addresses Additional names, which may differ from one start to the next.
 * @param kept Certificates of an earlier start, returned if they cover all names and remain valid for 30 days.
 */
export async function createCertificates(
  names: readonly string[],
  addresses: readonly string[] = [],
  kept?: Certificates,
): Promise<Certificates> {
  const needed = ["localhost", "127.0.0.1", "::1", ...GOOGLE_HOSTS, ...names];
  if (kept !== undefined && isGoodFor(kept, needed)) return kept;
  const all = new Set([...needed, ...addresses]);
  // loaded here, since certificates of the user and kept ones need none of it; @peculiar/x509 asks for reflect-metadata to be there before it
  await import("reflect-metadata");
  const {
    AuthorityKeyIdentifierExtension,
    BasicConstraintsExtension,
    ExtendedKeyUsage,
    ExtendedKeyUsageExtension,
    KeyUsageFlags,
    KeyUsagesExtension,
    SubjectAlternativeNameExtension,
    SubjectKeyIdentifierExtension,
    X509CertificateGenerator,
  } = await import("@peculiar/x509");
  const { subtle } = globalThis.crypto;
  const [caKeys, serverKeys] = await Promise.all([
    subtle.generateKey(ALGORITHM, false, ["sign", "verify"]),
    subtle.generateKey(ALGORITHM, true, ["sign", "verify"]),
  ]);
  // clients use the system clock, not a `Date` that a test has replaced
  const notBefore = new Date(processStart() - BACKDATED_MS);
  const notAfter = new Date(notBefore.getTime() + LIFETIME_MS);
  const serial = (): string => Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(15))).toString("hex");
  const caName = `CN=cloud-messaging emulator CA ${serial().slice(0, 8)}`;

  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${serial()}`,
    name: caName,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const server = await X509CertificateGenerator.create({
    serialNumber: `02${serial()}`,
    subject: "CN=cloud-messaging emulator",
    issuer: caName,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: serverKeys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([...all].map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }))),
      await SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
      await AuthorityKeyIdentifierExtension.create(ca),
    ],
  });
  const key = Buffer.from(await subtle.exportKey("pkcs8", serverKeys.privateKey)).toString("base64");
  return {
    ca: `${ca.toString("pem")}\n`,
    cert: `${server.toString("pem")}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END PRIVATE KEY-----\n`,
  };
}
