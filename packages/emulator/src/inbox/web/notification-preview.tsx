import { shorten } from "./format.ts";

interface PreviewProps {
  readonly notification: Readonly<Record<string, unknown>> | undefined;
  readonly data: Readonly<Record<string, string>>;
  readonly appName: string;
  readonly time: string;
}

/** Maximum number of data values on a card. */
const SHOWN_VALUES = 4;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** Returns the requested colour if it is valid: `#rrggbb`. */
const colour = (value: unknown): string | undefined =>
  typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value : undefined;

/** Preview of the notification on a phone, or a note that none is shown automatically. */
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

/** Localized text, which the app has in its resources: shown as its key. */
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
