/** A resource as users name it: canonical kind in lower case (`deployment`), namespace, name. */
export interface ResourceName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What the live views need to know of a pod. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  /** "" until it has one. */
  readonly ip: string;
  /** As kubectl shows it: `Running`, `Pending`, `Init:0/1`, `CrashLoopBackOff`. */
  readonly status: string;
  /** The pod's containers run (phase Running): its proxy can be asked. */
  readonly running: boolean;
  /** Has a proxy. */
  readonly meshed: boolean;
  /** Port of the proxy's admin server. */
  readonly adminPort: number;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of what owns it, by canonical kind: `{ replicaset: "web-5d", deployment: "web" }`. */
  readonly owners: Readonly<Record<string, string>>;
}

/** The resource of a kind that a pod belongs to: itself, its namespace, or one of its owners; undefined when none. */
export function resourceOfPod(pod: PodFacts, kind: string): ResourceName | undefined {
  if (kind === "pod") return { kind, namespace: pod.namespace, name: pod.name };
  if (kind === "namespace") return { kind, namespace: "", name: pod.namespace };
  const name = pod.owners[kind];
  return name === undefined ? undefined : { kind, namespace: pod.namespace, name };
}

/** Pods by what traffic shows of them. */
export interface PodIndex {
  /** The pod at the other end: by the endpoint's labels, else by address. */
  find(peer: {
    readonly ip: string;
    readonly labels: Readonly<Record<string, string>>;
  }): PodFacts | undefined;
}

export function indexPods(pods: readonly PodFacts[]): PodIndex {
  const byName = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
  // A finished pod's address may have gone to another: running ones win.
  const byIp = new Map<string, PodFacts>();
  for (const pod of pods) if (pod.ip !== "" && (pod.running || !byIp.has(pod.ip))) byIp.set(pod.ip, pod);
  return {
    find({ ip, labels }) {
      const named =
        labels.pod && labels.namespace ? byName.get(`${labels.namespace}/${labels.pod}`) : undefined;
      return named ?? byIp.get(ip);
    },
  };
}
