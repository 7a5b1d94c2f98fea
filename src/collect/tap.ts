import { formatGoDuration } from "../base/duration.ts";
import { MeshError, toMeshError } from "../base/error.ts";
import type { KubeClient } from "../kube/client.ts";
import type { CoverageLine, Exchange, TapLine } from "../observe/exchange.ts";
import type { PodFacts } from "../observe/workload.ts";
import { fanOut, requireAllowed } from "./fan-out.ts";
import { getOverDuplex, readLines } from "./http-over-duplex.ts";
import { listPods, podsOf, requireResource } from "./pods.ts";
import { formatSelection } from "./selector.ts";
import type { TapQuery } from "./tap-query.ts";

/** A transition that a pod's proxy saw. */
export interface TapEvent {
  /** Position of the pod among those tapped: the base of ids. */
  readonly podIndex: number;
  readonly pod: PodFacts;
  readonly line: TapLine;
}

/** What one tap is about, found before it starts. */
export interface TapTargets {
  /** Pods whose proxies are asked. */
  readonly pods: readonly PodFacts[];
  /** All pods that the user may see around, to name the other ends. */
  readonly known: readonly PodFacts[];
  /** Filters, as the query of `GET /tap` and `/records`; by pod the same. */
  readonly filters: string;
  /** What only `GET /tap` takes beside them. */
  readonly stream: string;
}

/**
 * Finds the pods of a tap.
 *
 * @throws MeshError `TAP_NO_PODS` when none can be tapped, with why; `KUBE_NOT_FOUND`
 */
export async function findTapTargets(
  kube: KubeClient,
  query: TapQuery,
  signal?: AbortSignal,
): Promise<TapTargets> {
  const { selection } = query;
  const scope = selection.kind.role === "namespace" ? selection.name : query.namespace;
  const listed = await listPods(kube, { namespace: scope, labelSelector: query.labelSelector, signal });
  const selected = podsOf(listed, selection);
  if (selected.length === 0) await requireResource(kube, selection, query.namespace);
  const pods = selected.filter((pod) => pod.meshed && pod.running);
  if (pods.length === 0) throw noPods(query, selected);

  const peerPods = query.to ? await peersOf(kube, query, signal) : undefined;
  const known = [...listed, ...(peerPods ?? [])];
  return { pods, known, filters: filterQuery(query, peerPods), stream: streamQuery(query, pods.length) };
}

/**
 * Streams the transitions of all pods until every stream has ended or the signal aborts.
 *
 * @param onEvent  called in order for each pod; between pods in order of arrival
 * @param onNotice a line for stderr: a proxy that refuses, a stream that broke, lines that were lost
 * @throws MeshError `KUBE_FORBIDDEN` when the user may tap none of the pods
 */
export async function streamTap(
  kube: KubeClient,
  targets: TapTargets,
  handlers: { readonly onEvent: (event: TapEvent) => void; readonly onNotice: (text: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const refused: { readonly name: string; readonly error: MeshError }[] = [];
  let told = 0;
  // Held back until another pod answers: when all refuse, that is the answer and no gap in one.
  const tellRefused = (): void => {
    for (const { name, error } of refused.slice(told)) {
      handlers.onNotice(`${name}: ${error.message}${error.hint ? `\n${error.hint}` : ""}`);
    }
    told = refused.length;
  };
  await Promise.all(
    targets.pods.map(async (pod, podIndex) => {
      const name = `${pod.namespace}/${pod.name}`;
      const losses = createLossNotice(name, handlers.onNotice);
      try {
        for await (const line of readJsonLines<TapLine>(
          kube,
          pod,
          `/tap?${targets.filters}&${targets.stream}`,
          signal,
        )) {
          if ("coverage" in line) losses.add(line);
          else {
            if (told < refused.length) tellRefused();
            handlers.onEvent({ podIndex, pod, line });
          }
        }
        // Whoever waits for requests would wait for ever without knowing: pods that come later are not tapped.
        if (!signal.aborted)
          handlers.onNotice(`${name}: its proxy has ended the stream; new pods need a new tap`);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof MeshError && error.code === "KUBE_FORBIDDEN") {
          refused.push({ name, error });
          return;
        }
        const { message } = toMeshError(error);
        handlers.onNotice(
          error instanceof MeshError
            ? `${name}: ${message}`
            : `${name}: the stream of its proxy broke (${message})`,
        );
      }
    }),
  );
  if (refused.length > 0 && refused.length === targets.pods.length) throw refused[0]!.error;
  tellRefused();
}

/** Between two notices of losses of one pod, by the proxy's clock: the first comes at once, others are added up. */
const LOSS_NOTICE_EVERY_MS = 10_000;

function createLossNotice(name: string, onNotice: (text: string) => void) {
  let lost = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return {
    add({ coverage }: CoverageLine): void {
      lost += coverage.lost;
      if (lost === 0 || coverage.toMs - toldAtMs < LOSS_NOTICE_EVERY_MS) return;
      onNotice(`${name}: ${lost} not shown (more than --max-rps, or too fast to send)`);
      lost = 0;
      toldAtMs = coverage.toMs;
    },
  };
}

/** A proxy that has not sent its records by then counts as silent. */
const RECORDS_DEADLINE_MS = 15_000;

/** What the proxies remember, as one story. */
export interface TapRecords {
  /** Transitions of all pods in order of their time. */
  readonly events: readonly TapEvent[];
  /** Lines for stderr: proxies that did not answer, records that are gone. */
  readonly notices: readonly string[];
}

/** Reads back the last `sinceMs` that the pods' proxies still hold. */
export async function readTapRecords(
  kube: KubeClient,
  targets: TapTargets,
  sinceMs: number,
  signal?: AbortSignal,
): Promise<TapRecords> {
  const notices: string[] = [];
  const timed: { readonly atMs: number; readonly event: TapEvent }[] = [];
  const deadline = AbortSignal.timeout(RECORDS_DEADLINE_MS);
  const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const path = `/records?since=${formatGoDuration(sinceMs)}&${targets.filters}`;
  const result = await fanOut(
    targets.pods,
    async (pod) => await Array.fromAsync(readJsonLines<Exchange>(kube, pod, path, either)),
    signal,
  );
  requireAllowed(result);
  const { answered, failed } = result;
  for (const { from: pod, value: lines } of answered) {
    const podIndex = targets.pods.indexOf(pod);
    for (const line of lines) {
      if ("coverage" in line) {
        const { fromMs, toMs, lost } = line.coverage;
        if (lost > 0 && fromMs > toMs - sinceMs) {
          const back = formatGoDuration(Math.round((toMs - fromMs) / 1000) * 1000);
          notices.push(
            `${pod.namespace}/${pod.name}: of what is older than ${back} only failed, denied and slow requests are kept`,
          );
        }
      } else
        timed.push(
          ...transitionsOf(line).map(({ atMs, line }) => ({ atMs, event: { podIndex, pod, line } })),
        );
    }
  }
  for (const { from, reason } of failed) notices.push(`${from.namespace}/${from.name}: ${reason}`);
  timed.sort((a, b) => a.atMs - b.atMs);
  return { events: timed.map(({ event }) => event), notices };
}

/** The transitions that a record has behind it, with their wall clock. */
function transitionsOf(exchange: Exchange): { readonly atMs: number; readonly line: TapLine }[] {
  const at = (us: number): number => exchange.openedAtMs + us / 1000;
  return [
    { atMs: exchange.openedAtMs, line: { event: "opened", exchange } as const },
    ...(exchange.responseUs < 0
      ? []
      : [{ atMs: at(exchange.responseUs), line: { event: "responded", exchange } as const }]),
    ...(exchange.closedUs < 0
      ? []
      : [{ atMs: at(exchange.closedUs), line: { event: "closed", exchange } as const }]),
  ];
}

async function* readJsonLines<T>(
  kube: KubeClient,
  pod: PodFacts,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<T | CoverageLine> {
  const connection = await kube.portForward(pod.namespace, pod.name, pod.adminPort, signal);
  try {
    const body = await getOverDuplex(connection, path, `proxy of ${pod.namespace}/${pod.name}`, signal);
    for await (const text of readLines(body)) yield JSON.parse(text);
  } finally {
    connection.destroy();
  }
}

/** Pods of `--to`; none for a Service, which is matched by its endpoints' labels. */
async function peersOf(
  kube: KubeClient,
  query: TapQuery,
  signal: AbortSignal | undefined,
): Promise<readonly PodFacts[]> {
  const { selection, namespace } = query.to!;
  if (selection.kind.role === "service") {
    await requireResource(kube, selection, namespace ?? query.namespace);
    return [];
  }
  const scope = selection.kind.role === "namespace" ? selection.name : namespace;
  const pods = podsOf(await listPods(kube, { namespace: scope, signal }), selection);
  if (pods.length > 0) return pods;
  await requireResource(kube, selection, namespace ?? query.namespace);
  throw new MeshError({
    kind: "user",
    code: "TAP_NO_PODS",
    message: `${formatSelection(selection)} in namespace ${namespace} has no pods`,
    hint: `kubectl get pods -n ${namespace}`,
  });
}

function filterQuery(query: TapQuery, peers: readonly PodFacts[] | undefined): string {
  const parameters = new URLSearchParams();
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) parameters.set(name, value);
  };
  set("method", query.method);
  set("authority", query.authority);
  set("path", query.path);
  set("status", query.status);
  set("minLatencyMs", query.slowerThanMs === undefined ? undefined : String(query.slowerThanMs));
  if (query.to && peers) {
    set("direction", "outbound");
    const { selection, namespace } = query.to;
    if (selection.kind.role === "service") {
      if (selection.name !== undefined) parameters.append("peerLabel", `service=${selection.name}`);
      parameters.append("peerLabel", `namespace=${namespace}`);
    } else for (const pod of peers) if (pod.ip !== "") parameters.append("peerIp", pod.ip);
  }
  return parameters.toString();
}

function streamQuery(query: TapQuery, podCount: number): string {
  const parameters = new URLSearchParams();
  // The limit is for all pods together; each gets its share, and at least one a second.
  if (query.maxRps > 0) parameters.set("maxRps", String(Math.max(1, query.maxRps / podCount)));
  if (query.headers) parameters.set("headers", "true");
  return parameters.toString();
}

function unmeshedNamespace(query: TapQuery, selected: readonly PodFacts[]): string {
  return selected.find((pod) => !pod.meshed)?.namespace ?? query.namespace;
}

function noPods(query: TapQuery, selected: readonly PodFacts[]): MeshError {
  const what = formatSelection(query.selection);
  const where = query.selection.kind.role === "namespace" ? "" : ` in namespace ${query.namespace}`;
  const unmeshed = selected.filter((pod) => !pod.meshed).map((pod) => pod.name);
  const waiting = selected.filter((pod) => pod.meshed).map((pod) => `${pod.name} (${pod.status})`);
  const details = [
    selected.length === 0 ? "it has no pods" : "",
    unmeshed.length > 0 ? `${unmeshed.length} without a proxy: ${unmeshed.join(", ")}` : "",
    waiting.length > 0 ? `${waiting.length} not running: ${waiting.join(", ")}` : "",
  ].filter((text) => text !== "");
  return new MeshError({
    kind: "user",
    code: "TAP_NO_PODS",
    message: `no pods to tap for ${what}${where}; ${details.join("; ")}`,
    hint:
      unmeshed.length > 0
        ? `meshctl inject adds a proxy: kubectl get deploy -n ${unmeshedNamespace(query, selected)} -o yaml | meshctl inject - | kubectl apply -f -`
        : `kubectl get pods -n ${query.namespace}`,
  });
}
