// What node-gcm's own suite asks of a message, as cases of ours: once with node-gcm, once with the drop-in.
import { createRequire } from "node:module";
import { inherits } from "node:util";
import dropIn from "@cloud-messaging/node-gcm";
import { describe, expect, it } from "vitest";

type Library = typeof dropIn;
const original = createRequire(import.meta.url)("node-gcm") as Library;

describe.each([
  ["node-gcm", original],
  ["@cloud-messaging/node-gcm", dropIn],
])("a message of %s", (_name, library) => {
  const before = () => new library.Message({ data: { message: "bye", prop: "none" } });

  it("is made without anything in it", () => {
    expect(new library.Message().toJson()).toEqual({});
  });

  it("is made without new", () => {
    expect(library.Message()).toBeInstanceOf(library.Message);
  });

  it("has what it was made with, under the names of the wire", () => {
    const params = {
      collapseKey: "Message",
      priority: "high",
      contentAvailable: true,
      mutableContent: true,
      delayWhileIdle: true,
      timeToLive: 100,
      restrictedPackageName: "com.example",
      dryRun: true,
      data: { score: 98 },
      notification: {},
      fcm_options: { analytics_label: "a" },
    };
    const message = new library.Message(params);
    expect(message.params).toEqual(params);
    expect(message.toJson()).toEqual({
      collapse_key: "Message",
      priority: "high",
      content_available: true,
      mutable_content: true,
      delay_while_idle: true,
      time_to_live: 100,
      restricted_package_name: "com.example",
      dry_run: true,
      data: { score: 98 },
      notification: {},
      fcm_options: { analytics_label: "a" },
    });
  });

  it("has nothing that it was not made with, and drops names that it does not know", () => {
    const message = new library.Message({ timeToLive: 86400, wrongField: "x", registration_ids: [] } as never);
    expect(message.params).toEqual({ timeToLive: 86400 });
    expect(message.toJson()).toEqual({ time_to_live: 86400 });
  });

  it.each(["addData", "addDataWithKeyValue"] as const)(
    "takes a key and a value by %s, into the data and nowhere else",
    (add) => {
      const message = new library.Message();
      message[add]("collapseKey", "Message");
      expect(message.params).toEqual({ data: { collapseKey: "Message" } });
    },
  );

  it.each(["addData", "addDataWithObject"] as const)(
    "takes an object by %s, in the place of the data it had",
    (add) => {
      const data = { message: "hello", key: "value" };
      const fresh = new library.Message();
      fresh[add](data);
      expect(fresh.params.data).toEqual(data);
      const message = before();
      message[add](data);
      expect(message.params.data).toEqual(data);
    },
  );

  it.each(["addData", "addDataWithObject"] as const)(
    "keeps its data when %s is given something else, or an empty object",
    (add) => {
      const message = before();
      message[add]("adding" as never);
      message[add]({});
      expect(message.params.data).toEqual({ message: "bye", prop: "none" });
    },
  );

  it("refuses other numbers of arguments", () => {
    const { addData } = new library.Message() as unknown as { addData(...args: unknown[]): void };
    expect(() => addData.call(new library.Message())).toThrow(/number of arguments/);
    expect(() => addData.call(new library.Message(), "a", "b", "c")).toThrow(/number of arguments/);
  });

  it("takes fields of a notification one by one, or all at once", () => {
    const one = new library.Message();
    one.addNotification("title", "hello");
    one.addNotification("icon", "ic_launcher");
    one.addNotification("body", "world");
    const all = new library.Message({ delayWhileIdle: true });
    all.addNotification({ title: "hello", icon: "ic_launcher", body: "world" });
    expect(one.params.notification).toEqual(all.params.notification);
    expect(all.toJson()).toEqual({
      delay_while_idle: true,
      notification: { title: "hello", icon: "ic_launcher", body: "world" },
    });
  });

  it("can be copied, and stand behind a proxy", () => {
    const message = before();
    const copy = Object.assign(Object.create(Object.getPrototypeOf(message) as object), message) as typeof message;
    const derived = Object.create(message) as typeof message;
    for (const other of [copy, derived, new Proxy(message, {})]) {
      other.addData("n", "1");
      expect(other.toJson()).toEqual({ data: { message: "bye", prop: "none", n: "1" } });
    }
  });

  it("can be extended by a class, and by a constructor that calls it", () => {
    class News extends library.Message {
      headline(text: string): this {
        this.addNotification("title", text);
        return this;
      }
    }
    function OldNews(this: InstanceType<Library["Message"]>): void {
      (library.Message as unknown as (this: unknown, params: object) => void).call(this, { collapseKey: "news" });
    }
    inherits(OldNews, library.Message);
    expect(new News({ collapseKey: "news" }).headline("t").toJson()).toEqual({
      collapse_key: "news",
      notification: { title: "t" },
    });
    const old = new (OldNews as unknown as Library["Message"])();
    expect(old).toBeInstanceOf(library.Message);
    expect(old.toJson()).toEqual({ collapse_key: "news" });
  });
});

describe.each([
  ["node-gcm", original],
  ["@cloud-messaging/node-gcm", dropIn],
])("%s", (_name, library) => {
  it("has the names that programs read", () => {
    expect(Object.keys(library)).toEqual(
      expect.arrayContaining(["Constants", "Message", "Result", "MulitcastResult", "Sender"]),
    );
    expect(library.Constants).toMatchObject(original.Constants);
  });

  it("has the results of its first years, with their spelling", () => {
    const result = new library.Result();
    expect({ ...result }).toEqual({ messageId: undefined, canonicalRegistrationId: undefined, errorCode: undefined });
    for (const all of [new library.MulitcastResult(), library.MulitcastResult()]) {
      all.success = 2;
      all.failure = 1;
      all.addResult(result);
      expect(all.getTotal()).toBe(3);
      expect(all.results).toEqual([result]);
      expect(all).toBeInstanceOf(library.MulitcastResult);
    }
  });

  it("can have a part replaced, as tests do", () => {
    const kept = library.Sender;
    const fake = (() => {}) as never;
    library.Sender = fake;
    expect(library.Sender).toBe(fake);
    library.Sender = kept;
  });
});
