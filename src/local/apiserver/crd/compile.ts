import type { KubeObject } from "../../../base/kube-object.ts";
import { ALL_VERBS, type ResourceInfo, type Subresource } from "../resource-info.ts";
import type { PrinterColumn } from "./compiled-crd.ts";

/** The resources that a CustomResourceDefinition serves, one a version. */
export function compileCrd(crd: KubeObject): readonly ResourceInfo[] {
  const { group, names, scope, versions } = crd.spec;
  return (versions as KubeObject[])
    .filter((version) => version.served)
    .map((version) => {
      const scale = version.subresources?.scale;
      const subresources: Subresource[] = [];
      const verbs = ["get", "patch", "update"];
      if (scale)
        subresources.push({ name: "scale", kind: "Scale", group: "autoscaling", version: "v1", verbs });
      if (version.subresources?.status) subresources.push({ name: "status", kind: names.kind, verbs });
      return {
        group,
        version: version.name,
        plural: names.plural,
        singular: names.singular ?? String(names.kind).toLowerCase(),
        kind: names.kind,
        namespaced: scope === "Namespaced",
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        verbs: ALL_VERBS,
        subresources,
        hasGeneration: true,
        fields: undefined,
        bucket: `${group}/${names.plural}`,
        crd: {
          name: crd.metadata.name!,
          schema: version.schema?.openAPIV3Schema,
          columns: (version.additionalPrinterColumns ?? []).map((column: PrinterColumn) => ({
            name: column.name,
            type: column.type,
            jsonPath: column.jsonPath,
            description: column.description ?? "",
            priority: column.priority ?? 0,
          })),
          selectableFields: (version.selectableFields ?? []).map((field: { jsonPath: string }) =>
            field.jsonPath.replace(/^\./, ""),
          ),
          scale: scale && {
            specPath: scale.specReplicasPath,
            statusPath: scale.statusReplicasPath,
            selectorPath: scale.labelSelectorPath,
          },
        },
      };
    });
}
