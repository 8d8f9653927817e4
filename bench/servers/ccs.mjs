// A canned CCS: logs everybody in, acks every message, and sends upstream messages when asked to. As cheap as node:tls goes.
// @peculiar/x509 asks for this to be there before it
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { createServer } from "node:tls";
import * as x509 from "@peculiar/x509";

const HEADER =
  '<stream:stream from="gcm.googleapis.com" id="1" version="1.0" xmlns:stream="http://etherx.jabber.org/streams" xmlns="jabber:client">';
const MECHANISMS =
  '<stream:features><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms></stream:features>';
const BIND = '<stream:features><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></stream:features>';
const ID = '"message_id":"';

async function createIdentity() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=127.0.0.1",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    cert: cert.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Everything until the client is online. */
function logIn(socket, text) {
  if (text.includes("<auth")) socket.write('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
  else if (text.includes("<stream:stream")) {
    socket.authenticated = !socket.authenticated && socket.sawHeader;
    socket.write(HEADER + (socket.sawHeader ? BIND : MECHANISMS));
    socket.sawHeader = true;
  } else if (text.includes("<iq")) {
    const id = /id="([^"]*)"/.exec(text)[1];
    socket.write(
      `<iq id="${id}" type="result"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>1@gcm.googleapis.com/x</jid></bind></iq>`,
    );
    socket.online = true;
  }
}

/** Sends so many upstream messages, so many of them unacknowledged at a time. */
class Upstream {
  constructor(socket, { count, width, bytes }) {
    Object.assign(this, { socket, left: count, width, text: "x".repeat(bytes), sent: 0 });
    this.fill(width);
  }

  fill(room) {
    let out = "";
    for (let i = 0; i < room && this.left > 0; i++, this.left--) {
      const id = `u-${++lastUpstream}`;
      out += `<message to="1@gcm.googleapis.com" from="devices@gcm.googleapis.com" type="normal"><gcm xmlns="google:mobile:data">{"data":{"q":"${this.text}"},"time_to_live":86400,"from":"tok-${lastUpstream % 500}","message_id":"${id}","category":"com.example.app"}</gcm></message>`;
    }
    if (out !== "") this.socket.write(out);
  }
}

let lastUpstream = 0;

/** The messages of a chunk; a stanza that is not complete yet stays in `socket.rest`. */
function read(socket, text) {
  const data = socket.rest + text;
  let out = "";
  let acks = 0;
  let at = 0;
  for (;;) {
    const end = data.indexOf("</message>", at);
    if (end === -1) break;
    const idAt = data.indexOf(ID, at) + ID.length;
    const id = data.slice(idAt, data.indexOf('"', idAt));
    if (data.lastIndexOf('"message_type":"ack"', end) > at) acks++;
    else {
      if (id.startsWith("upstream-")) {
        const [, count, width, bytes] = id.split("-").map(Number);
        socket.upstream = new Upstream(socket, { count, width, bytes });
      }
      out += `<message><data:gcm xmlns:data="google:mobile:data">{"message_type":"ack","from":"tok-a","message_id":"${id}"}</data:gcm></message>`;
    }
    at = end + 10;
  }
  socket.rest = data.slice(at);
  if (out !== "") socket.write(out);
  if (acks > 0) socket.upstream.fill(acks);
}

export async function startCannedCcs() {
  const identity = await createIdentity();
  const sockets = new Set();
  const server = createServer(identity, (socket) => {
    sockets.add(socket);
    socket.rest = "";
    socket.setNoDelay(true);
    socket.setEncoding("utf8");
    socket.on("data", (text) => (socket.online ? read(socket, text) : logIn(socket, text)));
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    value: { port: server.address().port, ca: identity.cert },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
