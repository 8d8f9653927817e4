import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity, createSecureContext } from "node:tls";
import type { FieldProblem } from "../errors.ts";
import { readInput } from "../problems.ts";
import * as z from "../zod.ts";

/** TLS settings of a connection. The chain and the host name are always verified, also under `NODE_TLS_REJECT_UNAUTHORIZED=0`. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of Node's, PEM. @defaultValue those Node trusts */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Client certificate, PEM, for a server that requests one. Needs `key`. */
  readonly cert?: string | Buffer;
  /** Private key of the client certificate, PEM. Needs `cert`. */
  readonly key?: string | Buffer;
  /** Passphrase of the private key. */
  readonly passphrase?: string;
  /** Name or IP address that the certificate of the server must be valid for. A name is also sent as SNI. @defaultValue the host */
  readonly servername?: string;
}

const pem = z.union([z.string(), z.instanceof(Buffer)], { error: "must be PEM text or a Buffer of it" });
const tlsShape = z.strictObject({
  ca: z.union([pem, z.array(pem)], { error: "must be PEM text, a Buffer of it, or an array of them" }).optional(),
  cert: pem.optional(),
  key: pem.optional(),
  passphrase: z.string().optional(),
  servername: z.string().min(1, "must not be empty").optional(),
});

/** Schema of `TlsOptions`. Refuses unusable certificates and keys, which would otherwise look like network failures and be retried. */
export const TlsSchema: z.ZodType<TlsOptions, TlsOptions> = z.custom<TlsOptions>().superRefine((value, context) => {
  const reading = readInput(tlsShape, value, { name: "an option of TLS" });
  const problems = "value" in reading ? materialProblems(reading.value) : reading.problems;
  for (const { path, problem } of problems) {
    context.addIssue({ code: "custom", path: path === "" ? [] : path.split("."), message: problem });
  }
});

function materialProblems({ ca, cert, key, passphrase }: z.output<typeof tlsShape>): FieldProblem[] {
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
    return [{ path: missing, problem: `is missing: ${given} is of no use without it` }];
  }
  const authorities = ca === undefined ? undefined : [ca].flat();
  // Node accepts text without a certificate in it, and then trusts nobody
  if (authorities?.length === 0 || authorities?.every(holdsCertificates) === false) {
    const problem = "must hold certificates in PEM (-----BEGIN CERTIFICATE-----), each of which can be read";
    return [{ path: "ca", problem }];
  }
  // certificates that can be read are usable; a context takes longer to make than everything else that is checked at a start
  if (cert === undefined) return [];
  try {
    createSecureContext({ ca: authorities, cert, key, passphrase });
    return [];
  } catch (error) {
    return [{ path: "", problem: `cannot be used: ${(error as Error).message}` }];
  }
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]*?(?:-----END CERTIFICATE-----|$)/g;

/** True for PEM with at least one certificate, each of them readable: Node leaves out an unreadable one without an error. */
function holdsCertificates(item: string | Buffer): boolean {
  const certificates = item.toString("latin1").match(CERTIFICATES) ?? [];
  try {
    return (
      certificates.length > 0 && certificates.every((certificate) => new X509Certificate(certificate) !== undefined)
    );
  } catch {
    return false;
  }
}

/**
 * Options for `tls.connect` that verify the chain and the host name. `rejectUnauthorized` is set explicitly:
 * `NODE_TLS_REJECT_UNAUTHORIZED=0` changes its default.
 */
export function verifiedTls({ ca, servername, ...rest }: TlsOptions = {}): ConnectionOptions {
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] }),
    ...identity(servername),
    rejectUnauthorized: true,
  };
}

/** An IP address must not be sent as SNI (RFC 6066 3), so that it is only verified. */
function identity(servername: string | undefined): ConnectionOptions {
  if (servername === undefined) return {};
  if (isIP(servername) === 0) return { servername };
  return { checkServerIdentity: (_, certificate) => checkServerIdentity(servername, certificate) };
}
