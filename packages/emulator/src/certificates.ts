// @peculiar/x509 asks for this to be there before it
import "reflect-metadata";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { GOOGLE_HOSTS } from "./google-hosts.ts";

/** A private CA and a server certificate that it signed. PEM. */
export interface Certificates {
  /** What a client has to trust. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Some clients refuse server certificates that live longer than 398 days. */
const LIFETIME_MS = 397 * 86_400_000;

/**
 * Makes a fresh CA and a server certificate for the Google hosts, localhost, 127.0.0.1, ::1 and the names given. Takes milliseconds,
 * needs no program and leaves nothing on disk; the CA's own key is thrown away.
 */
export async function createCertificates(names: readonly string[]): Promise<Certificates> {
  const { subtle } = globalThis.crypto;
  const [caKeys, serverKeys] = await Promise.all([
    subtle.generateKey(ALGORITHM, false, ["sign", "verify"]),
    subtle.generateKey(ALGORITHM, true, ["sign", "verify"]),
  ]);
  // an hour back, for clocks that are a little behind
  const notBefore = new Date(Date.now() - 3_600_000);
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
  const all = new Set(["localhost", "127.0.0.1", "::1", ...GOOGLE_HOSTS, ...names]);
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
