import { type CheckCategory, CheckFailed } from "../check.ts";

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
