// biome-ignore lint/suspicious/noExplicitAny: the shapes of specs are checked by the field table, before
type Spec = Record<string, any>;

/** Defaults of a pod or pod template, in place. */
export function defaultPodSpec(spec: Spec): void {
  spec.restartPolicy ??= "Always";
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= "ClusterFirst";
  spec.schedulerName ??= "default-scheduler";
  spec.securityContext ??= {};
  // The older name of the same field; both are always set together.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])])
    defaultContainer(container);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

/** Defaults that pods have and templates have not, in place. */
export function defaultPod(spec: Spec): void {
  spec.enableServiceLinks ??= true;
  spec.preemptionPolicy ??= "PreemptLowerPriority";
  spec.priority ??= 0;
  spec.tolerations = tolerateBriefly(spec.tolerations ?? []);
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const { limits } = container.resources ?? {};
    if (limits)
      container.resources = {
        ...container.resources,
        requests: { ...limits, ...container.resources.requests },
      };
  }
}

/** Pods stay for five minutes on a node that is lost, unless they say otherwise. */
function tolerateBriefly(given: readonly Spec[]): Spec[] {
  const missing = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].filter(
    (key) =>
      !given.some((each) => (!each.key || each.key === key) && (!each.effect || each.effect === "NoExecute")),
  );
  const added = missing.map((key) => ({
    key,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 300,
  }));
  return [...given, ...added];
}

function defaultContainer(container: Spec): void {
  container.imagePullPolicy ??= pullPolicy(container.image);
  container.terminationMessagePath ??= "/dev/termination-log";
  container.terminationMessagePolicy ??= "File";
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ??= "TCP";
  for (const variable of container.env ?? []) {
    if (variable.valueFrom?.fieldRef) variable.valueFrom.fieldRef.apiVersion ??= "v1";
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) defaultProbe(probe);
  }
}

function defaultProbe(probe: Spec): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet) {
    probe.httpGet.path ||= "/";
    probe.httpGet.scheme ||= "HTTP";
  }
}

function defaultVolume(volume: Spec): void {
  for (const source of [volume.configMap, volume.projected, volume.downwardAPI]) {
    if (source) source.defaultMode ??= 420;
  }
  if (volume.secret) volume.secret.defaultMode ??= 420;
  if (volume.hostPath) volume.hostPath.type ??= "";
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    for (const item of source.downwardAPI?.items ?? []) {
      if (item.fieldRef) item.fieldRef.apiVersion ??= "v1";
    }
  }
  const sources = Object.keys(volume).filter((key) => key !== "name");
  if (sources.length === 0) volume.emptyDir = {};
}

/** `Always` for `latest`, explicit or implied; what has a tag or digest is pulled once. */
function pullPolicy(image: unknown): string {
  const name = String(image ?? "");
  if (name.includes("@")) return "IfNotPresent";
  const last = name.slice(name.lastIndexOf("/") + 1);
  const tag = last.includes(":") ? last.slice(last.indexOf(":") + 1) : "latest";
  return tag === "latest" ? "Always" : "IfNotPresent";
}

/** The status of a new pod. */
export function podStatus(spec: Spec): Spec {
  return { phase: "Pending", qosClass: qosClass(spec) };
}

function qosClass(spec: Spec): string {
  const containers: Spec[] = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const parts = containers.map((container) => container.resources ?? {});
  const none = parts.every((part) => isEmpty(part.requests) && isEmpty(part.limits));
  if (none) return "BestEffort";
  const guaranteed = parts.every((part) =>
    ["cpu", "memory"].every((name) => {
      const limit = part.limits?.[name];
      return limit !== undefined && (part.requests?.[name] ?? limit) === limit;
    }),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

function isEmpty(value: Spec | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}
