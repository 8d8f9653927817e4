import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import { type AddressInfo, createServer as createNetServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, createCertificates } from "../../packages/emulator/src/certificates.ts";
import { REDIRECTED_HOSTS } from "../../packages/emulator/src/redirect/hosts.ts";

// the built preload, found as a user's program would find it
const PRELOAD = "@cloud-messaging/emulator/redirect";
const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-redirect-"));
const servers: Server[] = [];
const children = new Set<ChildProcess>();

let certificates: Certificates;
/** Requests to the place of the emulator's HTTPS port: `h1 fcm.googleapis.com POST /fcm/send`, handshake's name in front. */
const asked: string[] = [];
let env: Record<string, string>;
let https: AddressInfo;
/** A server of somebody else's, with a CA of its own. */
let other: AddressInfo;
let otherCertificates: Certificates;
const greeted: string[] = [];

async function listen(server: Server): Promise<AddressInfo> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address() as AddressInfo;
}

beforeAll(async () => {
  [certificates, otherCertificates] = await Promise.all([createCertificates([]), createCertificates([])]);
  const server: Http2SecureServer = createSecureServer(
    { ...certificates, allowHTTP1: true, ALPNProtocols: ["h2", "http/1.1"] },
    (request, response) => {
      const { servername } = request.socket as unknown as { servername?: string };
      const authority = request.headers[":authority"] ?? request.headers.host;
      const line = `h${request.httpVersionMajor} ${servername} ${authority} ${request.method} ${request.url}`;
      asked.push(line);
      response.setHeader("content-type", "text/plain");
      response.end(line);
    },
  );
  https = await listen(server as unknown as Server);
  const ccs = await listen(
    createTlsServer(certificates, (socket) => {
      greeted.push(String((socket as unknown as { servername: string }).servername));
      socket.on("error", () => undefined).end("ccs\n");
    }),
  );
  other = await listen(
    createTlsServer(otherCertificates, (socket) => socket.on("error", () => undefined).end("other\n")),
  );
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, certificates.ca);
  writeFileSync(join(folder, "other.pem"), otherCertificates.ca);
  env = {
    CLOUD_MESSAGING_EMULATOR_HOST: "127.0.0.1:8095",
    CLOUD_MESSAGING_EMULATOR_HTTPS: `127.0.0.1:${https.port}`,
    CLOUD_MESSAGING_EMULATOR_CCS: `127.0.0.1:${ccs.port}`,
    CLOUD_MESSAGING_EMULATOR_CA_FILE: caFile,
  };
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program as a user would, with the preload. */
async function run(
  program: string,
  variables: Record<string, string> = env,
  how = ["--import", PRELOAD],
): Promise<Ran> {
  const type = program.includes("require(") ? "commonjs" : "module";
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(CLOUD_MESSAGING|NODE_OPTIONS|NODE_EXTRA|NODE_TLS|.*_proxy$)/i.test(name),
    ),
  );
  const child = spawn(process.execPath, [...how, `--input-type=${type}`, "-e", program], {
    cwd: join(import.meta.dirname, ".."), // where undici is installed
    env: { ...inherited, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const [out, err, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  children.delete(child);
  return { status, out: out.trim(), err };
}

const READ =
  "const read = (stream) => { stream.setEncoding('utf8'); let all = ''; stream.on('data', (part) => { all += part; }); return new Promise((resolve, reject) => { stream.on('end', () => resolve(all.trim())); stream.on('error', reject); }); };";

describe("a program started with the redirect", () => {
  it.each([
    [
      "node:https",
      `import https from "node:https"; ${READ}
       https.request("https://fcm.googleapis.com/fcm/send", { method: "POST" }, async (r) => console.log(await read(r))).end("{}");`,
      "h1 fcm.googleapis.com fcm.googleapis.com POST /fcm/send",
    ],
    [
      "node:https by the older options, with an agent that keeps connections",
      `const https = require("https"); ${READ}
       const agent = new https.Agent({ keepAlive: true });
       const options = { host: "android.googleapis.com", port: 443, path: "/gcm/send", method: "POST", agent };
       https.request(options, async (r) => {
         await read(r);
         https.request(options, async (r) => { console.log(await read(r)); agent.destroy(); }).end();
       }).end();`,
      "h1 android.googleapis.com android.googleapis.com POST /gcm/send",
    ],
    [
      "a named import of node:tls",
      `import { connect } from "node:tls"; ${READ}
       const socket = connect(443, "iid.googleapis.com", { servername: "iid.googleapis.com" });
       socket.write("GET /iid/info HTTP/1.1\\r\\nHost: iid.googleapis.com\\r\\nConnection: close\\r\\n\\r\\n");
       console.log((await read(socket)).split("\\r\\n\\r\\n")[1].split("\\r\\n").find((line) => line.startsWith("h1")));`,
      "h1 iid.googleapis.com iid.googleapis.com GET /iid/info",
    ],
    [
      "the built-in fetch",
      `const response = await fetch("https://oauth2.googleapis.com/token", { method: "POST", body: "a=b" });
       console.log(await response.text());`,
      "h1 oauth2.googleapis.com oauth2.googleapis.com POST /token",
    ],
    [
      "undici from npm",
      `import { Agent, request } from "undici";
       const dispatcher = new Agent();
       const { body } = await request("https://gcm-http.googleapis.com/gcm/send", { method: "POST", dispatcher });
       console.log(await body.text());
       await dispatcher.close();`,
      "h1 gcm-http.googleapis.com gcm-http.googleapis.com POST /gcm/send",
    ],
    [
      "undici over HTTP/2",
      `import { Agent, request } from "undici";
       const dispatcher = new Agent({ allowH2: true });
       const { body } = await request("https://fcm.googleapis.com/v1/a", { dispatcher });
       console.log(await body.text());
       await dispatcher.close();`,
      "h2 fcm.googleapis.com fcm.googleapis.com GET /v1/a",
    ],
    [
      "node:http2, the colon in :scheme repaired",
      `const http2 = require("http2"); ${READ}
       const session = http2.connect("https://fcm.googleapis.com");
       const stream = session.request({ ":method": "POST", ":scheme": "https:", ":path": "/v1/projects/p/messages:send" });
       stream.end("{}");
       read(stream).then((all) => { console.log(all); session.close(); });`,
      "h2 fcm.googleapis.com fcm.googleapis.com:443 POST /v1/projects/p/messages:send",
    ],
    [
      "node:http2 with an object for the address, the colon in :scheme repaired there too",
      `const http2 = require("http2"); ${READ}
       const session = http2.connect({ protocol: "https:", hostname: "fcm.googleapis.com", port: 443 });
       const stream = session.request({ ":scheme": "https:", ":path": "/v1/b" });
       read(stream).then((all) => { console.log(all); session.close(); });`,
      "h2 fcm.googleapis.com fcm.googleapis.com:443 GET /v1/b",
    ],
    [
      "a host name in capitals with the root's dot",
      `import https from "node:https"; ${READ}
       https.get({ host: "WWW.googleapis.com.", path: "/oauth2/v4/token" }, async (r) => console.log(await read(r)));`,
      "h1 www.googleapis.com WWW.googleapis.com. GET /oauth2/v4/token",
    ],
  ])("reaches the emulator over %s", async (_name, program, line) => {
    const { status, out, err } = await run(program);
    // the built-in fetch speaks HTTP/2 from Node 26 on
    const expected = line.includes("/token") && out.startsWith("h2") ? line.replace("h1", "h2") : line;
    expect({ status, out, err }).toEqual({ status: 0, out: expected, err: "" });
    expect(asked).toContain(expected);
  });

  it.each(["gcm.googleapis.com", "gcm-xmpp.googleapis.com", "fcm-xmpp.googleapis.com"])(
    "reaches the emulator's CCS port instead of %s",
    async (host) => {
      for (const port of [5235, 5236]) {
        const { out, err } = await run(
          `import tls from "node:tls"; ${READ}
           console.log(await read(tls.connect({ host: "${host}", port: ${port} })));`,
        );
        expect({ out, err }).toEqual({ out: "ccs", err: "" });
      }
      expect(greeted.filter((name) => name === host)).toHaveLength(2);
    },
  );

  it("does not go through a proxy that its requests were to be tunnelled through", async () => {
    let tunnelled = 0;
    const proxy = createHttpServer();
    proxy.on("connect", (_request, socket) => {
      tunnelled++;
      socket.end("HTTP/1.1 502 no way out\r\n\r\n");
    });
    const { port } = await listen(proxy);
    const { out, err } = await run(
      `import net from "node:net"; import tls from "node:tls"; ${READ}
       const socket = net.connect(${port}, "127.0.0.1", async () => {
         const secure = tls.connect({ socket, servername: "fcm.googleapis.com", ALPNProtocols: ["http/1.1"] });
         secure.write("GET /through HTTP/1.1\\r\\nHost: fcm.googleapis.com\\r\\nConnection: close\\r\\n\\r\\n");
         console.log((await read(secure)).includes("GET /through"));
       });`,
    );
    expect({ out, err, tunnelled }).toEqual({ out: "true", err: "", tunnelled: 0 });
  });

  it("can be preloaded by --require and by NODE_OPTIONS, and reaches worker threads", async () => {
    const line = "h1 fcm.googleapis.com fcm.googleapis.com GET /loaded";
    const program = `import https from "node:https"; ${READ}
      https.get("https://fcm.googleapis.com/loaded", async (r) => console.log(await read(r)));`;
    const required = await run(program, env, ["--require", PRELOAD]);
    expect(required).toMatchObject({ status: 0, out: line });
    const optioned = await run(program, { ...env, NODE_OPTIONS: `--import ${PRELOAD}` }, []);
    expect(optioned).toMatchObject({ status: 0, out: line });
    const file = join(folder, "worker.mjs");
    writeFileSync(file, program);
    const main = join(folder, "main.mjs");
    writeFileSync(main, `import { Worker } from "node:worker_threads"; new Worker(${JSON.stringify(file)});`);
    const worker = await run("", env, ["--import", PRELOAD, main]);
    expect(worker).toMatchObject({ status: 0, out: line });
  });

  it("trusts the emulator's CA alone, whatever the program says", async () => {
    const { out, err } = await run(
      `import https from "node:https"; import tls from "node:tls";
       const options = { secureContext: tls.createSecureContext({}), checkServerIdentity: () => new Error("pinned") };
       https.get("https://fcm.googleapis.com/", options, (r) => { console.log(r.statusCode); r.resume(); });`,
    );
    expect({ out, err }).toEqual({ out: "200", err: "" });
    const impostor = await run(
      `import https from "node:https";
       https.get("https://fcm.googleapis.com/", { ca: ${JSON.stringify(otherCertificates.ca)} })
         .on("error", (error) => console.log(error.code));`,
      { ...env, CLOUD_MESSAGING_EMULATOR_HTTPS: `127.0.0.1:${other.port}` },
    );
    expect(impostor.out).toMatch(/SELF_SIGNED|UNABLE_TO|CERT_/);
  });

  it("leaves every other connection as it is", async () => {
    const before = asked.length + greeted.length;
    const toOther = `ca: ${JSON.stringify(otherCertificates.ca)}, port: ${other.port}`;
    const lookup = `lookup: (name, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)`;
    const { out, err } = await run(
      `import tls from "node:tls"; ${READ}
       const options = [
         { host: "127.0.0.1", ${toOther} },                               // another host
         { host: "fcm.googleapis.com", ${toOther}, ${lookup} },           // a port of Google's that is none of the service's
         { host: "127.0.0.1", servername: "fcm.googleapis.com", ${toOther} },
         { host: "notfcm.googleapis.com", servername: "localhost", ${toOther}, ${lookup} },
       ];
       for (const each of options) console.log(await read(tls.connect(each)));`,
    );
    expect({ out, err }).toEqual({ out: "other\nother\nother\nother", err: "" });
    expect(asked.length + greeted.length).toBe(before);
  });

  it("leaves HTTP without TLS, and sockets, as they are", async () => {
    const plain = await listen(createNetServer((socket) => socket.on("error", () => undefined).end("plain\n")));
    const { out } = await run(
      `import net from "node:net"; ${READ} console.log(await read(net.connect(${plain.port}, "127.0.0.1")));`,
    );
    expect(out).toBe("plain");
  });

  it("is not started when nothing says where the emulator is", async () => {
    const { CLOUD_MESSAGING_EMULATOR_HOST: _host, ...withoutHost } = env;
    const { CLOUD_MESSAGING_EMULATOR_CA_FILE: _file, ...withoutFile } = env;
    const program = `console.log("started")`;
    for (const [variables, said] of [
      [{}, /CLOUD_MESSAGING_EMULATOR_HOST is not set/],
      [withoutHost, /CLOUD_MESSAGING_EMULATOR_HOST is not set/],
      [withoutFile, /CLOUD_MESSAGING_EMULATOR_CA_FILE is not set/],
      [{ ...env, CLOUD_MESSAGING_EMULATOR_HTTPS: "here" }, /CLOUD_MESSAGING_EMULATOR_HTTPS is "here": write host:port/],
      [
        { ...env, CLOUD_MESSAGING_EMULATOR_CA_FILE: join(folder, "none.pem") },
        /none\.pem, which cannot be read: start/,
      ],
    ] as const) {
      const { status, out, err } = await run(program, variables);
      expect({ status, out }).toEqual({ status: 1, out: "" });
      expect(err).toMatch(said);
    }
  });
});

it("covers the hosts that the recipe for containers gives to the emulator, and no others", () => {
  const recipe = readFileSync(new URL("../../docs/emulator.md", import.meta.url), "utf8");
  const aliases = [...recipe.matchAll(/^ {10}- (\S+)$/gm)].map(([, name]) => name);
  expect(aliases.sort()).toEqual([...REDIRECTED_HOSTS].sort());
});

it.each([
  "gcm-preprod.googleapis.com",
  "gcm-staging.googleapis.com",
  "gcm-xmpp.googleapis.com",
  "fcm-xmpp.googleapis.com",
  "accounts.google.com",
  "sts.googleapis.com",
  "sts.mtls.googleapis.com",
  "iamcredentials.googleapis.com",
  "oauth2.googleapis.com",
  "www.googleapis.com",
  "iid.googleapis.com",
  "fcm.mtls.googleapis.com",
])("covers %s", (host) => {
  expect(REDIRECTED_HOSTS).toContain(host);
});

it("covers only hosts that the emulator's certificate names", async () => {
  const { X509Certificate } = await import("node:crypto");
  const certificate = new X509Certificate(certificates.cert);
  for (const host of REDIRECTED_HOSTS) expect(certificate.checkHost(host), host).toBe(host);
});
