import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";

export const command: Command = {
  name: "diagnostics",
  summary: "look into control plane and proxies",
  flags: [],
  examples: [
    { command: "meshctl diagnostics proxy-metrics deploy/web -n demo", does: "metrics of proxies" },
    {
      command: "meshctl diagnostics endpoints web.demo.svc.cluster.local:8080",
      does: "where proxies are told that a Service is",
    },
    { command: "meshctl diagnostics policy svc/web 8080 -n demo", does: "how clients reach a Service" },
  ],
  subcommands: {
    "proxy-metrics": {
      summary: "metrics of the proxies of a resource",
      load: async () => (await import("./diagnostics/proxy-metrics.ts")).command,
    },
    "controller-metrics": {
      summary: "metrics of the control plane",
      aliases: ["cp-metrics"],
      load: async () => (await import("./diagnostics/controller-metrics.ts")).command,
    },
    endpoints: {
      summary: "endpoints of a Service, as proxies are told",
      aliases: ["ep"],
      load: async () => (await import("./diagnostics/endpoints.ts")).command,
    },
    profile: {
      summary: "the profile of an address, as proxies are told",
      load: async () => (await import("./diagnostics/profile.ts")).command,
    },
    policy: {
      summary: "the policy of a pod's port or of a Service, as proxies are told",
      load: async () => (await import("./diagnostics/policy.ts")).command,
    },
  },
  async run() {
    throw new MeshError({
      kind: "usage",
      code: "DIAGNOSTICS_WHAT",
      message:
        "diagnostics needs to know which: proxy-metrics, controller-metrics, endpoints, profile or policy",
    });
  },
};
