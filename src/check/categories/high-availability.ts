import { CONTROLLER_NAME, IDENTITY_SERVICE } from "../../base/names.ts";
import { type CheckCategory, CheckFailed, Skipped } from "../check.ts";
import { readObject, readValues } from "../read.ts";

export const highAvailability: CheckCategory = {
  name: "meshctl-ha-checks",
  checks: [
    {
      anchor: "meshctl-control-plane-replicas",
      label: "multiple replicas of control plane pods",
      warning: true,
      retry: true,
      async run(inputs) {
        if (!(await readValues(inputs)).highAvailability) throw new Skipped();
        const few: string[] = [];
        for (const name of [IDENTITY_SERVICE, CONTROLLER_NAME]) {
          const found = await readObject(
            inputs,
            `/apis/apps/v1/namespaces/${inputs.namespace}/deployments/${name}`,
          );
          const available: number = found?.status?.availableReplicas ?? 0;
          if (available <= 1) few.push(`${name} (${available} available)`);
        }
        if (few.length > 0) {
          throw new CheckFailed(
            `not enough replicas: ${few.join(", ")}\nkubectl get pods -n ${inputs.namespace} -o wide shows what keeps the others away`,
          );
        }
      },
    },
  ],
};
