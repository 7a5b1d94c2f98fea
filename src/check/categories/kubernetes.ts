import { type CheckCategory, CheckFailed, Skipped } from "../check.ts";

/** Clocks may differ by this, milliseconds: as much as certificates are back-dated by. */
const SKEW_MS_MAX = 20_000;

/** Oldest Kubernetes that is supported: its native sidecars are on by default. */
const MINIMUM = [1, 29] as const;

export const kubernetesApi: CheckCategory = {
  name: "kubernetes-api",
  checks: [
    {
      anchor: "k8s-api",
      label: "can initialize the client",
      fatal: true,
      async run({ kube }) {
        await kube();
      },
    },
    {
      anchor: "k8s-api",
      label: "can query the Kubernetes API",
      fatal: true,
      async run({ kube }) {
        await (await kube()).request("GET", "/version");
      },
    },
    {
      anchor: "k8s-clock-skew",
      label: "the clocks of this machine and the API server agree",
      warning: true,
      async run({ kube, clock }) {
        const client = await kube();
        const beforeMs = clock.now();
        const { headers } = await client.raw("GET", "/version");
        const afterMs = clock.now();
        const serverMs = Date.parse(headers.date ?? "");
        if (Number.isNaN(serverMs)) throw new Skipped();
        // The header has whole seconds, and was written at some time of the request.
        const isBehind = afterMs + SKEW_MS_MAX < serverMs;
        const isAhead = beforeMs - SKEW_MS_MAX > serverMs + 1000;
        if (!isBehind && !isAhead) return;
        const seconds = Math.round(Math.abs(beforeMs - serverMs) / 1000);
        throw new CheckFailed(
          `this machine's clock is ${seconds} s ${isBehind ? "behind" : "ahead of"} the API server's: it says ${new Date(beforeMs).toISOString()}, the server ${new Date(serverMs).toISOString()}`,
        );
      },
    },
  ],
};

export const kubernetesVersion: CheckCategory = {
  name: "kubernetes-version",
  checks: [
    {
      anchor: "k8s-version",
      label: "is running the minimum Kubernetes API version",
      async run({ kube }) {
        const { gitVersion } = await (await kube()).request<{ gitVersion: string }>("GET", "/version");
        const match = /^v?(\d+)\.(\d+)/.exec(gitVersion);
        if (!match) throw new CheckFailed(`the server says version "${gitVersion}", which is no version`);
        const [major, minor] = [Number(match[1]), Number(match[2])];
        if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
          throw new CheckFailed(`the server runs ${gitVersion}; at least v${MINIMUM.join(".")}.0 is needed`);
        }
      },
    },
  ],
};
