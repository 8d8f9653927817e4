import type { ErrorCode } from "@cloud-messaging/core";
import { HTTP_FAULT_KINDS } from "../../faults/faults.ts";
import type { Api } from "./api.ts";
import { useState } from "./preact.ts";
import type { InboxState } from "./state.ts";
import { Empty } from "./ui.tsx";

interface Field {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly number?: true;
  readonly options?: readonly string[];
  readonly hint?: string;
}

interface FaultForm {
  readonly kind: string;
  readonly title: string;
  readonly about: string;
  readonly fields: readonly Field[];
}

const TIMES: Field = { name: "times", label: "How often", value: "1", number: true };

const AFTER: Field = { name: "after", label: "After requests", value: "0", number: true };

/** Error codes of recipients. */
const REFUSALS: readonly ErrorCode[] = [
  "unavailable",
  "internal-error",
  "not-registered",
  "invalid-registration",
  "mismatch-sender-id",
  "device-message-rate-exceeded",
  "message-too-big",
];

/** Frequently used faults; the control API has more options. */
const FORMS: readonly FaultForm[] = [
  {
    kind: "next",
    title: "Refuse recipients",
    about: "The next sends to a token, or to anyone, are answered with an error.",
    fields: [
      {
        name: "error",
        label: "Error",
        value: "unavailable",
        options: REFUSALS,
      },
      { name: "token", label: "Token", value: "", hint: "any" },
      TIMES,
    ],
  },
  {
    kind: "request",
    title: "Refuse requests",
    about: "The next HTTP requests are answered as a whole, whatever is in them.",
    fields: [
      { name: "status", label: "Status", value: "503", number: true },
      { name: "retryAfter", label: "Retry-After", value: "", hint: "seconds, none" },
      AFTER,
      TIMES,
    ],
  },
  {
    kind: "http",
    title: "Spoil HTTP answers",
    about: "The network or something on the way breaks the next answers.",
    fields: [
      {
        name: "fault",
        label: "How",
        value: "reset-before-headers",
        options: HTTP_FAULT_KINDS.filter((kind) => kind !== "slow"),
      },
      AFTER,
      TIMES,
    ],
  },
  {
    kind: "cut",
    title: "Cut a CCS connection",
    about: "After so many more messages; the last one's ack is lost with it.",
    fields: [{ name: "messages", label: "Messages", value: "3", number: true }, TIMES],
  },
  {
    kind: "login",
    title: "Fail CCS logins",
    about: "The next clients that log in fail.",
    fields: [
      {
        name: "fault",
        label: "How",
        value: "temporary-auth-failure",
        options: ["refuse", "hang", "not-authorized", "temporary-auth-failure"],
      },
      TIMES,
    ],
  },
  {
    kind: "random",
    title: "Refuse at random",
    about: "A share of all recipients, until it is removed.",
    fields: [
      { name: "rate", label: "Share, 0 to 1", value: "0.1", number: true },
      {
        name: "error",
        label: "Error",
        value: "unavailable",
        options: REFUSALS,
      },
    ],
  },
];

/** Fault injection: armed faults, and forms to arm more. */
export function Faults({ state, api }: { state: InboxState; api: Api }) {
  const { faults } = state;
  return (
    <section class="pane page" aria-label="Faults">
      <header class="page-head">
        <h2>Faults</h2>
        <button type="button" disabled={faults.length === 0} onClick={() => void api.clearFaults()}>
          Disarm all
        </button>
      </header>
      <div class="scroll">
        {faults.length === 0 ? (
          <Empty title="Nothing is armed">
            <p>Arm a fault to see what your program makes of it.</p>
          </Empty>
        ) : (
          <ul class="armed">
            {faults.map(({ id, fault, left }) => (
              <li key={id}>
                <span>{fault}</span>
                <span class="count">{left < 0 ? "until removed" : `${left.toLocaleString("en")} left`}</span>
                <button type="button" class="small" onClick={() => void api.removeFault(id)}>
                  Disarm
                </button>
              </li>
            ))}
          </ul>
        )}
        <div class="fault-forms">
          {FORMS.map((form) => (
            <FaultCard key={form.kind} form={form} api={api} />
          ))}
        </div>
      </div>
    </section>
  );
}

function FaultCard({ form, api }: { form: FaultForm; api: Api }) {
  const { kind, title, about, fields } = form;
  const [values, setValues] = useState<Readonly<Record<string, string>>>(
    Object.fromEntries(fields.map(({ name, value }) => [name, value])),
  );
  const arm = (event: Event): void => {
    event.preventDefault();
    const given = fields
      .filter(({ name }) => values[name] !== "")
      .map(({ name, number }) => [name, number ? Number(values[name]) : values[name]]);
    void api.addFault({ kind, ...Object.fromEntries(given) });
  };
  return (
    <form class="fault-form" aria-label={title} onSubmit={arm}>
      <h3>{title}</h3>
      <p class="muted">{about}</p>
      {fields.map(({ name, label, number, options, hint }) => {
        const id = `${kind}-${name}`;
        const value = values[name] ?? "";
        const change = (text: string): void => setValues((now) => ({ ...now, [name]: text }));
        return (
          <div key={name} class="labelled">
            <label htmlFor={id}>{label}</label>
            {options === undefined ? (
              <input
                id={id}
                value={value}
                inputMode={number ? "decimal" : "text"}
                placeholder={hint ?? ""}
                onInput={(event) => change(event.currentTarget.value)}
              />
            ) : (
              <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
                {options.map((option) => (
                  <option key={option} value={option}>
                    {option}
                  </option>
                ))}
              </select>
            )}
          </div>
        );
      })}
      <button type="submit">Arm</button>
    </form>
  );
}
