import type { Clock } from "../../../base/clock.ts";
import type { KubeObject } from "../../../base/kube-object.ts";
import { nameSuffix } from "../prepare.ts";
import { forbidden } from "../status.ts";
import type { Store } from "../store.ts";
import type { AdmissionPlugin } from "./chain.ts";

const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX = "kube-api-access-";
/** Of the projected token, as in Kubernetes: an hour, and room for a slow clock. */
const TOKEN_SECONDS = 3607;
/** How long a pod waits for the `default` account, which a controller makes just after the namespace (ms). */
const WAIT_MS = 3000;

/** Gives each pod its ServiceAccount and, unless automount is off, the volume with its token, the CA and the namespace. */
export function createServiceAccountAdmission(store: Store, clock: Clock): AdmissionPlugin {
  return {
    async mutate({ operation, resource, object, subresource }) {
      if (operation !== "CREATE" || resource.bucket !== "/pods" || subresource) return object;
      const pod = structuredClone(object);
      pod.spec ??= {};
      pod.spec.serviceAccountName ||= "default";
      pod.spec.serviceAccount = pod.spec.serviceAccountName;
      const namespace = pod.metadata.namespace!;
      const account = await findAccount(store, clock, namespace, pod.spec.serviceAccountName);
      if (!account) {
        const name = pod.spec.serviceAccountName;
        throw forbidden(
          resource,
          pod.metadata.name ?? "",
          `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
        );
      }
      const automount = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
      if (automount) mountToken(pod);
      pod.spec.imagePullSecrets ??= account.imagePullSecrets;
      if (pod.spec.imagePullSecrets === undefined) delete pod.spec.imagePullSecrets;
      return pod;
    },
  };
}

function findAccount(
  store: Store,
  clock: Clock,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> | KubeObject | undefined {
  const find = () => store.get("/serviceaccounts", namespace, name);
  const found = find();
  if (found || name !== "default") return found;
  return new Promise((resolve) => {
    const finish = () => {
      timer.cancel();
      stop();
      resolve(find());
    };
    const timer = clock.schedule(WAIT_MS, finish);
    const stop = store.watch("/serviceaccounts", store.version, ({ type, object }) => {
      if (type === "ADDED" && object.metadata.name === name && object.metadata.namespace === namespace)
        finish();
    });
  });
}

function mountToken(pod: KubeObject): void {
  const spec = pod.spec;
  const volumes: { name: string }[] = (spec.volumes ??= []);
  const existing = volumes.find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const name = existing?.name ?? `${VOLUME_PREFIX}${nameSuffix()}`;
  let mounted = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const mounts: { mountPath: string }[] = container.volumeMounts ?? [];
    if (mounts.some((mount) => mount.mountPath === MOUNT_PATH)) continue;
    container.volumeMounts = [...mounts, { name, readOnly: true, mountPath: MOUNT_PATH }];
    mounted = true;
  }
  if (!mounted || existing) return;
  const sources = [
    { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: "token" } },
    { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
    {
      downwardAPI: {
        items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
      },
    },
  ];
  spec.volumes = [...volumes, { name, projected: { defaultMode: 420, sources } }];
}
