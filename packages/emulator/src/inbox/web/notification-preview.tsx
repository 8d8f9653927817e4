import { shorten } from "./format.ts";

interface PreviewProps {
  readonly notification: Readonly<Record<string, unknown>> | undefined;
  readonly data: Readonly<Record<string, string>>;
  readonly appName: string;
  readonly time: string;
}

/** Values of a data message that fit on a card. */
const SHOWN_VALUES = 4;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** A colour that the sender asked for, if it is one: `#rrggbb`. */
const colour = (value: unknown): string | undefined =>
  typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value : undefined;

/** What a phone would show of a message: the card in the notification shade, or that it shows nothing by itself. */
export function NotificationPreview({ notification, data, appName, time }: PreviewProps) {
  if (notification === undefined) {
    const entries = Object.entries(data);
    return (
      <div class="card silent">
        <header>
          <span>{entries.length === 0 ? "Empty message" : "Data only"}</span>
          <span>{time}</span>
        </header>
        {entries.slice(0, SHOWN_VALUES).map(([key, value]) => (
          <p key={key} class="value">
            <b>{key}</b> {value}
          </p>
        ))}
        {entries.length > SHOWN_VALUES ? (
          <p class="value">and {plural(entries.length - SHOWN_VALUES, "more value")}</p>
        ) : undefined}
      </div>
    );
  }
  const { title, body, icon, color, image, click_action: click, tag, badge, sound } = notification;
  const tint = colour(color);
  const small = [
    text(icon) && `icon ${text(icon)}`,
    text(sound) && `sound ${text(sound)}`,
    text(tag) && `tag ${text(tag)}`,
    badge !== undefined && `badge ${String(badge)}`,
    text(click) && `opens ${text(click)}`,
    text(image) && `image ${shorten(text(image) as string, 60)}`,
  ].filter((part) => typeof part === "string");
  return (
    <div class="card">
      <header>
        <span class="app-icon" style={tint === undefined ? {} : { background: tint }} aria-hidden="true">
          {appName.split(".").at(-1)?.charAt(0).toUpperCase()}
        </span>
        <span class="app-name">{appName}</span>
        <span class="muted">{time}</span>
      </header>
      <p class="title">{text(title) ?? localized(notification, "title") ?? appName}</p>
      <p class="body">{text(body) ?? localized(notification, "body")}</p>
      {small.length > 0 ? <p class="extras">{small.join(" · ")}</p> : undefined}
    </div>
  );
}

/** A text that the app looks up in its own resources: here its key. */
function localized(notification: Readonly<Record<string, unknown>>, part: "title" | "body"): string | undefined {
  const key = text(notification[`${part}_loc_key`]);
  if (key === undefined) return undefined;
  const args = notification[`${part}_loc_args`];
  return `${key}(${Array.isArray(args) ? args.map(String).join(", ") : (text(args) ?? "")})`;
}

/** `1 value`, `2 values`. */
export function plural(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}
