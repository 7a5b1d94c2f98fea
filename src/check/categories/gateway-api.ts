import { type CheckCategory, CheckFailed, Skipped } from "../check.ts";
import { readObject } from "../read.ts";

/** Kinds of the Gateway API that the control plane reads in version v1. */
const KINDS = ["httproutes", "grpcroutes"] as const;

/** The Gateway API is optional: without it there are no routes of these kinds, and all else works. */
export const gatewayApi: CheckCategory = {
  name: "gateway-api-crd",
  checks: [
    {
      anchor: "gateway-api-crd",
      label: "Gateway API CRDs that are installed serve version v1",
      warning: true,
      async run(inputs) {
        const found = await Promise.all(
          KINDS.map((plural) =>
            readObject(
              inputs,
              `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.gateway.networking.k8s.io`,
            ),
          ),
        );
        const installed = found.filter((definition) => definition !== undefined);
        if (installed.length === 0) throw new Skipped();
        const old = installed.flatMap(({ metadata, spec }) => {
          const served: string[] = (spec?.versions ?? [])
            .filter((version: { served?: boolean }) => version.served !== false)
            .map(({ name }: { name: string }) => name);
          return served.includes("v1") ? [] : [`${metadata.name} serves ${served.join(", ")}`];
        });
        if (old.length > 0) throw new CheckFailed(`routes of these kinds are not seen:\n${old.join("\n")}`);
      },
    },
  ],
};
