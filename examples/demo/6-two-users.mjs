// Registrations: a phone passes from one user to another, and each gets their own messages.
import { createGcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";

export async function twoUsers({ emulator, narrator, tally }) {
  const phone = emulator.createDevice();
  const registrations = createMemoryRegistrationStore();
  registrations.onChange((change) => {
    tally.change(change);
    if (change.type === "moved") {
      const [from, to] = [change.previousUserIds.join(), change.userIds.join()];
      narrator.say("change", "the phone", `passed from ${from} to ${to}`, { event: "moved" });
    }
    if (change.type === "removed") {
      narrator.say("bad", "the phone", `${change.userIds.join()} signed out: removed from the store`, {
        event: "removed",
      });
    }
  });
  const sender = createGcmSender({ ...emulator.httpOptions(), registrations });

  async function sendTo(user) {
    const mark = `secret of ${user}`;
    const report = await sender.sendToUser(user, { notification: { title: mark }, data: { mark } });
    tally.report(report, () => phone, mark);
    const shown = report.outcomes.length === 0 ? "has no phone: nothing is sent" : "gets the message on the phone";
    narrator.say(report.outcomes.length === 0 ? "note" : "good", user, shown, { event: "outcome" });
  }

  try {
    registrations.register("Ada", phone.token, { platform: "android" });
    await sendTo("Ada");
    // Grace signs in on the same phone, and nobody has signed out
    registrations.register("Grace", phone.token, { platform: "android" });
    await sendTo("Ada");
    await sendTo("Grace");
    registrations.unregister("Grace", phone.token);
    await sendTo("Grace");
  } finally {
    await sender.close();
  }
}
