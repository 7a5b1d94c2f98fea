import { type CheckCategory, CheckFailed, Skipped } from "../check.ts";
import { readValues } from "../read.ts";

/** There is no service that knows the latest version, so only `--expected-version` says what is up to date. */
export const cliVersion: CheckCategory = {
  name: "meshctl-version",
  checks: [
    {
      anchor: "meshctl-version-cli",
      label: "cli is up-to-date",
      warning: true,
      async run({ cliVersion: version, expectedVersion }) {
        if (expectedVersion === undefined) throw new Skipped();
        if (version !== expectedVersion) {
          throw new CheckFailed(
            `is running version ${version} but the expected version is ${expectedVersion}`,
          );
        }
      },
    },
  ],
};

export const controlPlaneVersion: CheckCategory = {
  name: "control-plane-version",
  checks: [
    {
      anchor: "meshctl-version-control",
      label: "can retrieve the control plane version",
      fatal: true,
      retry: true,
      async run(inputs) {
        const { meshctlVersion } = await readValues(inputs);
        if (meshctlVersion === "")
          throw new CheckFailed("ConfigMap meshctl-config does not say which version it is from");
      },
    },
    {
      anchor: "meshctl-version-control-up-to-date",
      label: "control plane is up-to-date",
      warning: true,
      async run(inputs) {
        if (inputs.expectedVersion === undefined) throw new Skipped();
        const { meshctlVersion } = await readValues(inputs);
        if (meshctlVersion !== inputs.expectedVersion) {
          throw new CheckFailed(
            `is running version ${meshctlVersion} but the expected version is ${inputs.expectedVersion}`,
          );
        }
      },
    },
    {
      anchor: "meshctl-version-control-matches",
      label: "control plane and cli versions match",
      warning: true,
      async run(inputs) {
        const { meshctlVersion } = await readValues(inputs);
        if (meshctlVersion !== inputs.cliVersion) {
          throw new CheckFailed(
            `control plane running ${meshctlVersion} but cli running ${inputs.cliVersion}`,
          );
        }
      },
    },
  ],
};
