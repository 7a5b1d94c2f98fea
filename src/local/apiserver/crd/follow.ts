import type { Registry } from "../registry.ts";
import type { Store } from "../store.ts";
import { compileCrd } from "./compile.ts";

/** Serves what CustomResourceDefinitions define, from the write that makes them on; with a definition go its objects. */
export function followCrds(store: Store, registry: Registry): () => void {
  return store.watch(
    "apiextensions.k8s.io/customresourcedefinitions",
    store.version,
    ({ type, object, previous }) => {
      const name = object.metadata.name!;
      if (type !== "DELETED") {
        // Status and metadata do not change what is served.
        if (previous?.spec !== object.spec) registry.setDynamic(name, compileCrd(object));
        return;
      }
      registry.setDynamic(name, []);
      const bucket = `${object.spec.group}/${object.spec.names.plural}`;
      for (const each of store.list(bucket))
        store.remove(bucket, each.metadata.namespace ?? "", each.metadata.name!);
    },
  );
}
