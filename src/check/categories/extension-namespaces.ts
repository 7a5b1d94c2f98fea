import { type CheckCategory, CheckFailed, Skipped } from "../check.ts";
import { EXTENSION_LABEL } from "../extensions.ts";
import { listObjects } from "../read.ts";

export const extensionNamespaces: CheckCategory = {
  name: "meshctl-extension-checks",
  checks: [
    {
      anchor: "meshctl-extension-namespaces",
      label: "namespace configuration for extensions",
      warning: true,
      async run(inputs) {
        const namespaces = await listObjects(inputs, "/api/v1/namespaces", EXTENSION_LABEL);
        if (namespaces.length === 0) throw new Skipped();
        const byExtension = Map.groupBy(
          namespaces,
          ({ metadata }) => metadata.labels?.[EXTENSION_LABEL] ?? "",
        );
        const twice = [...byExtension].flatMap(([extension, found]) =>
          found.length > 1
            ? [`\t* ${extension}: ${found.map(({ metadata }) => metadata.name).join(", ")}`]
            : [],
        );
        if (twice.length > 0) {
          throw new CheckFailed(`an extension has more than one namespace:\n${twice.join("\n")}`);
        }
      },
    },
  ],
};
