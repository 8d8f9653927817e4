import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { expect, it } from "vitest";
import { caFile, describeWith, type Endpoint } from "./foreign-program.ts";
import { API_KEY, startTarget, TARGETS } from "./target.ts";

const run = promisify(execFile);

/** curl as in the documentation: the service's own address, over TLS, with another endpoint in its place. */
async function curl(endpoint: Endpoint, url: string, ...args: string[]): Promise<string> {
  const { host } = new URL(endpoint.httpsUrl ?? "");
  const place = ["--cacert", caFile(endpoint), "--connect-to", `::${host}`];
  const { stdout } = await run("curl", ["--silent", "--show-error", "--max-time", "20", ...place, ...args, url]);
  return stdout;
}

describeWith("curl", ["curl", "--version"], "curl", () => {
  const KEY = ["-H", `Authorization: key=${API_KEY}`];

  it.each(TARGETS)("sends plain text to the %s: accepted, superseded, gone, malformed", async (kind) => {
    await using target = await startTarget(kind);
    const { emulator } = target;
    const [phone, gone] = [emulator.createDevice(), emulator.createDevice()];
    gone.unregister();
    const send = (token: string) =>
      curl(
        target,
        "https://android.googleapis.com/gcm/send",
        ...KEY,
        "--data-urlencode",
        `registration_id=${token}`,
        "--data-urlencode",
        "data.text=Grüße & 😀",
        "-d",
        "collapse_key=c",
      );
    expect(await send(phone.token)).toMatch(/^id=\S+\s*$/);
    const { old, canonical } = await target.reregister(phone);
    expect(await send(old)).toMatch(new RegExp(`^id=\\S+\\nregistration_id=${canonical}\\s*$`));
    expect((await send(gone.token)).trim()).toBe("Error=NotRegistered");
    expect((await send("ABC")).trim()).toBe("Error=InvalidRegistration");
    expect(phone.received.map(({ data }) => data["text"])).toEqual(["Grüße & 😀", "Grüße & 😀"]);
  });

  it.each(TARGETS)("speaks HTTP/1.1 and HTTP/2 over TLS with the %s, verified against its CA", async (kind) => {
    await using target = await startTarget(kind);
    const phone = target.emulator.createDevice();
    const json = ["-H", "Content-Type: application/json", "-d", JSON.stringify({ to: phone.token })];
    for (const [flag, version] of [
      ["--http1.1", "1.1"],
      ["--http2", "2"],
    ] as const) {
      const said = await curl(
        target,
        "https://fcm.googleapis.com/fcm/send",
        flag,
        ...KEY,
        ...json,
        "-w",
        "\n%{http_version}",
      );
      expect(said).toMatch(new RegExp(`"success":1.*\\n${version}$`, "s"));
    }
    await expect(
      run("curl", ["--silent", "--max-time", "20", target.httpsUrl ?? ""]), // without the CA
    ).rejects.toMatchObject({ code: 60 });
  });

  it("makes a device group, sends to it, and takes a device out", async () => {
    await using emulator = await startEmulator();
    const [one, two] = [emulator.createDevice(), emulator.createDevice()];
    const group = async (body: Record<string, unknown>) =>
      JSON.parse(
        await curl(
          emulator,
          "https://fcm.googleapis.com/fcm/notification",
          ...KEY,
          "-H",
          "project_id: 1234567890",
          "-H",
          "Content-Type: application/json",
          "-d",
          JSON.stringify({ notification_key_name: "ana", ...body }),
        ),
      ) as { notification_key: string };
    const send = async (to: string) =>
      JSON.parse(
        await curl(
          emulator,
          "https://fcm.googleapis.com/fcm/send",
          ...KEY,
          "-H",
          "Content-Type: application/json",
          "-d",
          JSON.stringify({ to, data: { n: "1" } }),
        ),
      ) as unknown;
    const { notification_key } = await group({ operation: "create", registration_ids: [one.token, two.token] });
    expect(await send(notification_key)).toMatchObject({ success: 2, failure: 0 });
    await group({ operation: "remove", notification_key, registration_ids: [two.token] });
    expect(await send(notification_key)).toMatchObject({ success: 1, failure: 0 });
    expect([one.received.length, two.received.length]).toEqual([2, 1]);
  });
});
