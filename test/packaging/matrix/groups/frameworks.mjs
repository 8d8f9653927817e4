// Projects as the generators of frameworks make them, with one service of ours and one test of it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { npmInstall, run } from "../shell.mjs";

const NEST_SERVICE = `import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { createCcsClient, type CcsClient, type CcsClientOptions } from '@cloud-messaging/ccs-client';
import { createFcmSender, createGcmSender, type SendReport } from '@cloud-messaging/http-sender';
import gcm from '@cloud-messaging/node-gcm';

export interface PushOptions {
  readonly gcm: { endpoint: string; apiKey: string };
  readonly fcm: Parameters<typeof createFcmSender>[0];
  readonly ccs: CcsClientOptions;
}

@Injectable()
export class PushService implements OnModuleDestroy {
  readonly gcm: ReturnType<typeof createGcmSender>;
  readonly fcm: ReturnType<typeof createFcmSender>;
  readonly ccs: CcsClient;
  readonly dropIn: gcm.Sender;

  constructor(options: PushOptions) {
    this.gcm = createGcmSender(options.gcm);
    this.fcm = createFcmSender(options.fcm);
    this.ccs = createCcsClient(options.ccs);
    this.dropIn = new gcm.Sender(options.gcm.apiKey, { uri: options.gcm.endpoint });
  }

  async send(token: string): Promise<string[]> {
    const message = { target: { token }, data: { n: '1' } };
    const reports: SendReport[] = [await this.gcm.send(message), await this.fcm.send(message), await this.ccs.send(message)];
    const response = await this.dropIn.send(new gcm.Message({ data: { n: 1 } }), { registrationTokens: [token] });
    return [...reports.map(({ outcomes }) => String(outcomes[0]?.kind)), String(response.success)];
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([this.gcm.close(), this.fcm.close(), this.ccs.close(), this.dropIn.close()]);
  }
}
`;

const NEST_SPEC = `import { Test, type TestingModule } from '@nestjs/testing';
import { startEmulator, type Emulator } from '@cloud-messaging/emulator';
import { PushService } from './push.service';

describe('PushService', () => {
  let emulator: Emulator;
  let module: TestingModule;
  beforeAll(async () => {
    emulator = await startEmulator();
    const push = new PushService({ gcm: emulator.httpOptions(), fcm: emulator.fcmOptions(), ccs: emulator.ccsOptions() });
    module = await Test.createTestingModule({ providers: [{ provide: PushService, useValue: push }] }).compile();
  });
  afterAll(async () => {
    await module.close();
    await emulator.close();
  });

  it('sends over GCM HTTP, FCM v1, CCS and with the drop-in', async () => {
    const phone = emulator.createDevice();
    expect(await module.get(PushService).send(phone.token)).toEqual(['accepted', 'accepted', 'accepted', '1']);
    expect(phone.received).toHaveLength(4);
  });
});
`;

export function frameworks({ tarballs, tools, env }) {
  const nest = {
    name: "NestJS 11, its generated project, jest in CommonJS",
    run: async () => {
      const generate = ["@nestjs/cli@11", "new", "app", "--package-manager", "npm", "--skip-install", "--skip-git"];
      await run("npx", ["--yes", "--prefer-offline", ...generate], { cwd: tools, env });
      const cwd = join(tools, "app");
      await npmInstall(Object.values(tarballs), { cwd });
      writeFileSync(join(cwd, "src/push.service.ts"), NEST_SERVICE);
      writeFileSync(join(cwd, "src/push.service.spec.ts"), NEST_SPEC);
      await run("npm", ["run", "build"], { cwd, env });
      const printed = await run("npm", ["test"], { cwd, env });
      if (!/Tests: +2 passed, 2 total/.test(printed)) throw new Error(printed);
      console.log(printed.trim().replaceAll(/^/gm, "    "));
    },
  };
  return { entries: [nest] };
}
