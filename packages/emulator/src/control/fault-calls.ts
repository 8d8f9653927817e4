import { jsonAnswer } from "@cloud-messaging/connection-server";
import type { Emulator } from "../emulator.ts";
import type { ControlBody } from "./bodies.ts";
import { CallProblem, type ControlCall, done, ok, withBody } from "./call.ts";

/** Calls for fault injection. */
export const FAULT_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/faults",
    summary: "The faults that are armed",
    run: ({ emulator }) => ok({ faults: emulator.faults.armed }),
  },
  withBody({
    method: "POST",
    path: "/faults",
    summary: "Arms a fault",
    body: "fault",
    run({ emulator, body }) {
      armFault(emulator, body);
      return jsonAnswer(201, { faults: emulator.faults.armed });
    },
  }),
  {
    method: "DELETE",
    path: "/faults",
    summary: "Disarms all faults",
    run({ emulator }) {
      emulator.faults.clear();
      return done();
    },
  },
  {
    method: "DELETE",
    path: "/faults/:id",
    summary: "Disarms a fault",
    run({ emulator, request }) {
      if (!emulator.faults.clear(Number(request.params["id"]))) throw new CallProblem(404, "no such fault is armed");
      return done();
    },
  },
];

function armFault({ faults }: Emulator, body: ControlBody<"fault">): void {
  switch (body.kind) {
    case "next": {
      const { kind: _kind, ...spec } = body;
      faults.next(spec);
      return;
    }
    case "random": {
      const { kind: _kind, ...spec } = body;
      faults.random(spec);
      return;
    }
    case "request": {
      const { kind: _kind, ...spec } = body;
      faults.nextRequest(spec);
      return;
    }
    case "http": {
      const { kind: _kind, fault: kind, ...spec } = body;
      faults.http({ ...spec, kind });
      return;
    }
    case "cut": {
      const { kind: _kind, ...spec } = body;
      faults.cutAfter(spec);
      return;
    }
    case "drain": {
      const { kind: _kind, ...spec } = body;
      faults.drainAfter(spec);
      return;
    }
    case "login": {
      const { kind: _kind, fault: kind, ...spec } = body;
      faults.login({ ...spec, kind });
      return;
    }
  }
}
