import { systemClock } from "../src/base/clock.ts";
import { MeshError } from "../src/base/error.ts";
import { createLogger } from "../src/base/log.ts";
import type { Command } from "../src/cli/command.ts";
import type { Role } from "../src/demo/roles/role.ts";

const ROLES: Readonly<Record<string, () => Promise<Role>>> = {
  web: async () => (await import("../src/demo/roles/web.ts")).web,
  catalog: async () => (await import("../src/demo/roles/catalog.ts")).catalog,
  orders: async () => (await import("../src/demo/roles/orders.ts")).orders,
  kv: async () => (await import("../src/demo/roles/kv.ts")).kv,
  traffic: async () => (await import("../src/demo/roles/traffic.ts")).traffic,
};

export const command: Command = {
  name: "demo-app",
  summary: "one service of the sample application",
  description: "Listens on LISTEN_HOST (every address by default) and PORT (8080; kv: 6000).",
  arguments: [{ name: "ROLE", summary: "the service", required: true, choices: Object.keys(ROLES) }],
  flags: [
    {
      name: "delay",
      type: "duration",
      summary: "added to every answer, a quarter more or less",
      default: "0",
    },
    { name: "failure-ratio", type: "number", summary: "share of requests that fail, 0 to 1", default: 0 },
    { name: "rate", type: "number", summary: "requests a second (traffic)", default: 20 },
  ],
  examples: [
    {
      command: "LISTEN_HOST=127.0.0.1 PORT=8081 meshctl demo-app catalog --delay 200ms",
      does: "a slow catalog",
    },
  ],
  hidden: true,
  async run(options, [name = ""], { console, env, signal }) {
    const load = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
    if (!load) {
      throw new MeshError({
        kind: "usage",
        code: "DEMO_ROLE_UNKNOWN",
        message: `the sample application has no service "${name}"`,
        hint: `its services are ${Object.keys(ROLES).join(", ")}`,
      });
    }
    const failureRatio = options.failureRatio as number;
    const rate = options.rate as number;
    if (failureRatio < 0 || failureRatio > 1 || rate <= 0 || rate > 1000) {
      throw new MeshError({
        kind: "usage",
        code: "DEMO_SETTING_INVALID",
        message: `--failure-ratio ${failureRatio} or --rate ${rate} is out of range`,
        hint: "the ratio lies between 0 and 1, the rate above 0 and up to 1000",
      });
    }
    const role = await load();
    const log = createLogger({
      level: "info",
      format: "plain",
      write: (line) => console.stdout.write(line),
      now: systemClock.now,
    });
    await role({
      env,
      clock: systemClock,
      random: Math.random,
      log,
      signal,
      settings: { delayMs: options.delay as number, failureRatio, rate },
    });
    return { exitCode: 0 };
  },
};
