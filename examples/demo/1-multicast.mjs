// HTTP multicast: canonical rewrite, removal, partial retry, Retry-After.
import { createGcmSender, createMemoryRegistrationStore, subscribe } from "@cloud-messaging/http-sender";
import { seconds, short } from "./narrator.mjs";

export async function multicast({ emulator, narrator, tally }) {
  const names = ["Ada's phone", "Ada's tablet", "Ada's old phone", "Ada's sold phone", "Ada's busy phone"];
  const devices = names.map(() => emulator.createDevice());
  const [, , old, sold, busy] = devices;
  const nameOf = new Map(devices.map((device, i) => [device.token, names[i]]));
  const deviceOf = new Map(devices.map((device) => [device.token, device]));

  const registrations = createMemoryRegistrationStore();
  for (const device of devices) registrations.register("ada", device.token);
  registrations.onChange((change) => {
    tally.change(change);
    const subject = nameOf.get(change.token) ?? short(change.token);
    if (change.type === "replaced") {
      nameOf.set(change.canonicalRegistrationId, subject);
      narrator.say(
        "change",
        subject,
        `store rewritten: ${short(change.token)} → ${short(change.canonicalRegistrationId)}`,
        {
          event: "replaced",
        },
      );
    } else if (change.type === "removed") {
      narrator.say("bad", subject, `${change.reason}: removed from the store`, { event: "removed" });
    }
  });

  // the app on the old phone has registered again; one phone is busy
  old.reregister();
  emulator.faults.next({ token: busy.token, error: "unavailable" });

  // the app on the sold phone was removed some time ago, and yesterday's message found nobody: that is how the service knows
  sold.uninstall();
  const yesterday = createGcmSender(emulator.httpOptions());
  await yesterday.send({ target: { token: sold.token }, data: { mark: "yesterday" } });
  await yesterday.close();

  const sender = createGcmSender({ ...emulator.httpOptions(), registrations, retry: { minMs: 300, initialMs: 300 } });
  const stop = subscribe("cloud-messaging:retry", ({ recipients, delayMs, codes, retryAfterMs }) => {
    const asked = retryAfterMs === undefined ? "" : ` (the service asked for ${seconds(retryAfterMs)})`;
    narrator.say("wait", `${recipients} of them`, `${codes.join(", ")}: again in ${seconds(delayMs)}${asked}`, {
      event: "retry",
    });
  });
  try {
    const report = await sender.sendToUser("ada", {
      notification: { title: "Your turn", body: "Grace has moved" },
      data: { mark: "turn" },
    });
    for (const { recipient, kind, attempts } of report.outcomes) {
      const mark = kind === "accepted" ? "good" : "bad";
      const times = attempts === 1 ? "" : ` at attempt ${attempts}`;
      narrator.say(mark, nameOf.get(recipient), `${kind}${times}`, { event: "outcome", kind });
    }
    tally.report(report, (token) => deviceOf.get(token), "turn");
    const kept = registrations.registrationsOf("ada").map(({ token }) => nameOf.get(token));
    narrator.say("note", "the store", `has ${kept.length} registrations of Ada's left`);

    emulator.faults.nextRequest({ status: 503, retryAfter: "1" });
    const later = await sender.send({ target: { token: devices[0].token }, data: { mark: "503" } });
    narrator.say("good", names[0], `accepted at attempt ${later.outcome.attempts}, after a 503 with Retry-After: 1`, {
      event: "outcome",
      kind: later.outcome.kind,
    });
    tally.report(later, (token) => deviceOf.get(token), "503");
  } finally {
    stop();
    await sender.close();
  }
}
