import { toneOf } from "./format.ts";
import { type ComponentChildren, useEffect, useRef, useState } from "./preact.ts";

/** State in its colour, with a symbol for readers who cannot distinguish colours. */
export function StateBadge({ state }: { state: string }) {
  return (
    <span class={`badge ${toneOf(state)}`}>
      <span class="sign" aria-hidden="true" />
      {state.replace("-", " ")}
    </span>
  );
}

/** Switch that shows the confirmed state: it changes when the server has answered. */
export function Switch({ label, on, onChange }: { label: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <button type="button" role="switch" aria-checked={on} class="switch" onClick={() => onChange(!on)}>
      <span class="track" aria-hidden="true" />
      {label}
    </button>
  );
}

/** Button that copies a text and confirms it. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (): void => {
    // the clipboard API requires TLS or a local address
    const clipboard: Clipboard | undefined = navigator.clipboard;
    if (clipboard === undefined) copyBySelection(text);
    else void clipboard.writeText(text).catch(() => copyBySelection(text));
    setCopied(true);
  };
  return (
    <button type="button" class="quiet small" onClick={copy} aria-live="polite">
      {copied ? "Copied" : label}
    </button>
  );
}

function copyBySelection(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** List of names and values. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) =>
        value === undefined || value === "" || value === null ? undefined : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

/** Placeholder of an empty list, with a hint. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Token, shortened; copies the complete one. */
export function Token({ token }: { token: string }) {
  return (
    <span class="token">
      <code title={token}>{token}</code>
      <CopyButton text={token} />
    </span>
  );
}

/** Modal dialogue, closed by Escape or a click outside. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose} closedby="any">
      <header class="dialog-head">
        <h2>{title}</h2>
        <button type="button" class="quiet icon" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}
