import { formatGoDuration } from "../base/duration.ts";
import { MeshError } from "../base/error.ts";
import type { KubeClient } from "../kube/client.ts";
import { canICommand, canIOf } from "../kube/request-words.ts";
import { readStatusError } from "../kube/status-error.ts";
import type { HttpStatsRow, StatsReply } from "../observe/stats.ts";
import type { PodFacts } from "../observe/workload.ts";
import { type FanOut, fanOut, requireAllowed } from "./fan-out.ts";

/** A proxy that has not answered by then counts as silent. */
export const STATS_DEADLINE_MS = 5000;

/**
 * What the kubelet asks a pod is not traffic that anybody waits for: a container that is still starting refuses probes, and
 * figures that count them would show a rollout as an outage. The proxies' own `/metrics` count everything.
 *
 * The route is chosen by path, and many probe `/`: what a meshed client asks there is traffic. The kubelet has no identity.
 */
const PROBE_ROUTE = "/default/probe";
const isProbe = ({ route, tls }: HttpStatsRow): boolean => route === PROBE_ROUTE && tls !== "true";

/** The answer of one pod's proxy. */
export interface PodStats {
  readonly pod: PodFacts;
  readonly reply: StatsReply;
}

export interface CollectedStats {
  readonly stats: readonly PodStats[];
  readonly coverage: Coverage;
}

/** How much of the truth an answer holds. */
export interface Coverage {
  readonly asked: number;
  readonly answered: number;
  /** `demo/web-1` and why. */
  readonly silent: readonly { readonly pod: string; readonly reason: string }[];
  /** What to do about the silent ones that the user may not ask. */
  readonly hint?: string | undefined;
  /** The window that was asked for, and the shortest that a proxy could give (it is younger). */
  readonly windowMs: number;
  readonly shortestWindowMs: number;
}

/**
 * Asks the proxies of the meshed, running pods among `pods` for their last `windowMs`.
 *
 * @throws MeshError `KUBE_FORBIDDEN` when the user may ask none of them
 */
export async function collectStats(
  kube: KubeClient,
  pods: readonly PodFacts[],
  windowMs: number,
  signal?: AbortSignal,
): Promise<CollectedStats> {
  const proxies = pods.filter((pod) => pod.meshed && pod.running);
  const result = await fanOut(proxies, (pod) => askStats(kube, pod, windowMs, signal), signal);
  requireAllowed(result);
  return {
    stats: result.answered.map(({ from, value }) => ({ pod: from, reply: value })),
    coverage: coverageOf(result, windowMs),
  };
}

/** One line for stderr when an answer is not the whole truth; undefined when it is. */
export function describeCoverage(coverage: Coverage): string | undefined {
  const lines: string[] = [];
  if (coverage.silent.length > 0) {
    const shown = coverage.silent.slice(0, 3).map(({ pod, reason }) => `${pod} (${reason})`);
    const more = coverage.silent.length - shown.length;
    lines.push(
      `${coverage.answered} of ${coverage.asked} proxies answered; no answer from ${shown.join(", ")}${
        more > 0 ? ` and ${more} more` : ""
      }`,
    );
    if (coverage.hint !== undefined) lines.push(coverage.hint);
  }
  if (coverage.answered > 0 && coverage.shortestWindowMs < coverage.windowMs) {
    lines.push(
      `some proxies are younger than ${formatGoDuration(coverage.windowMs)}: their rates cover ${formatGoDuration(
        coverage.shortestWindowMs,
      )} or more`,
    );
  }
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** Who answered, and for how long a time, in one line under a live table. */
export function summarizeCoverage(coverage: Coverage): string {
  const { asked, answered, windowMs } = coverage;
  const proxies = `${asked} ${asked === 1 ? "proxy" : "proxies"}`;
  return `${answered} of ${proxies} answered, over the last ${formatGoDuration(windowMs)}`;
}

async function askStats(
  kube: KubeClient,
  pod: PodFacts,
  windowMs: number,
  signal: AbortSignal | undefined,
): Promise<StatsReply> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}:${pod.adminPort}/proxy/stats`;
  const reply = await kube.raw("GET", path, {
    query: { window: formatGoDuration(windowMs) },
    timeoutMs: STATS_DEADLINE_MS,
    ...(signal ? { signal } : {}),
  });
  if (reply.status !== 200) throw refusal(kube, pod, reply.status, reply.body);
  let parsed: Partial<StatsReply>;
  try {
    parsed = JSON.parse(reply.body.toString("utf8"));
  } catch (cause) {
    throw unreadable(pod, "is no JSON", cause);
  }
  if (parsed.version !== 1 || !Array.isArray(parsed.http) || !Array.isArray(parsed.tcp)) {
    throw unreadable(pod, `has version ${String(parsed.version)}`);
  }
  const whole = parsed as StatsReply;
  return { ...whole, http: whole.http.filter((row) => !isProbe(row)) };
}

/** The API server's own refusals are `Status` objects; the proxy's are text. */
function refusal(kube: KubeClient, pod: PodFacts, status: number, body: Buffer): MeshError {
  const text = body.toString("utf8").trim();
  const answer = readStatusError(status, body);
  if (answer.reason === "Forbidden") {
    const right = {
      verb: "get",
      group: "",
      resource: "pods",
      subresource: "proxy",
      namespace: pod.namespace,
    };
    return new MeshError({
      kind: "environment",
      code: "KUBE_FORBIDDEN",
      message: `get pods/proxy in namespace ${pod.namespace}: ${answer.message}`,
      hint: `ask for the permission; this shows whether you have it: ${canICommand(canIOf(right), kube.as)}`,
      anchor: "k8s-forbidden",
      cause: answer,
    });
  }
  const message = text === "" ? "" : answer.message.slice(0, 200);
  return new MeshError({
    kind: "environment",
    code: "STATS_REFUSED",
    message:
      status === 404 && text === ""
        ? "its proxy has no /stats"
        : `status ${status}${message ? `: ${message}` : ""}`,
    hint: `kubectl logs -n ${pod.namespace} ${pod.name} -c meshctl-proxy`,
  });
}

function unreadable(pod: PodFacts, what: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "STATS_UNREADABLE",
    message: `its answer ${what}`,
    hint: `restart pod ${pod.namespace}/${pod.name}, so that its proxy has this version`,
    cause,
  });
}

function coverageOf(result: FanOut<PodFacts, StatsReply>, windowMs: number): Coverage {
  return {
    asked: result.answered.length + result.failed.length,
    answered: result.answered.length,
    hint: result.failed.find(({ error }) => error.code === "KUBE_FORBIDDEN")?.error.hint,
    silent: result.failed.map(({ from, reason }) => ({ pod: `${from.namespace}/${from.name}`, reason })),
    windowMs,
    shortestWindowMs: Math.min(windowMs, ...result.answered.map(({ value }) => value.windowMs)),
  };
}
