// A canned FCM HTTP v1: TLS, HTTP/2 and HTTP/1.1 by ALPN. Reads each request to its end and accepts it, at once or after a while.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { createSecureServer } from "node:http2";
import * as x509 from "@peculiar/x509";

/** @param {number} latencyMs Every answer takes so long. */
export async function startCannedV1Server(latencyMs = 0) {
  const identity = await createIdentity();
  const body = Buffer.from('{"name":"projects/demo/messages/0:1500415314455276%31bd1c9631bd1c96"}');
  const sessions = new Set();
  const server = createSecureServer({ ...identity, allowHTTP1: true });
  const headers = { "content-type": "application/json; charset=UTF-8", "content-length": body.length };
  const later = latencyMs === 0 ? (run) => run() : (run) => setTimeout(run, latencyMs);
  // streams and not the compatibility layer: what the server costs slows everybody down, and hides differences
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.on("data", () => {});
    stream.on("end", () =>
      later(() => {
        if (stream.destroyed) return;
        stream.respond({ ":status": 200, ...headers });
        stream.end(body);
      }),
    );
  });
  server.on("request", (request, response) => {
    if (request.httpVersionMajor === 2) return;
    request.on("data", () => {});
    request.on("end", () =>
      later(() => {
        response.writeHead(200, headers);
        response.end(body);
      }),
    );
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    value: { origin: `https://127.0.0.1:${server.address().port}`, ca: identity.cert, identity },
    close() {
      server.close();
      for (const session of sessions) session.destroy();
      server.closeAllConnections?.();
    },
  };
}

async function createIdentity() {
  x509.cryptoProvider.set(webcrypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=127.0.0.1",
    keys,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return { cert: cert.toString("pem"), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}
