import type { ServerResponse } from "node:http";
import type { KubeObject } from "../../../base/kube-object.ts";
import type { PodBackend } from "../../object-api.ts";
import { isTrue } from "../request-info.ts";
import { sendError } from "../respond.ts";
import { apiError, badRequest } from "../status.ts";

/** pods/log. @throws MeshError before the answer begins; after that the connection just ends */
export async function serveLog(
  backend: PodBackend | undefined,
  response: ServerResponse,
  pod: KubeObject,
  query: URLSearchParams,
  nowMs: number,
): Promise<void> {
  if (!backend) throw noKubelet();
  const container = query.get("container") || defaultContainer(pod);
  const known = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])] as { name: string }[];
  if (!known.some((each) => each.name === container)) {
    throw badRequest(`container ${container} is not valid for pod ${pod.metadata.name}`);
  }
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === "") return undefined;
    if (!/^-?\d+$/.test(text)) throw badRequest(`${name}: Invalid value: "${text}": must be an integer`);
    return Number(text);
  };
  const tailLines = number("tailLines");
  const limitBytes = number("limitBytes");
  if (limitBytes !== undefined && limitBytes < 1) {
    throw badRequest(`limitBytes: Invalid value: ${limitBytes}: must be greater than 0`);
  }
  let bytesLeft = limitBytes ?? Number.POSITIVE_INFINITY;
  const sinceTime = query.get("sinceTime");
  const sinceSeconds =
    number("sinceSeconds") ??
    (sinceTime ? Math.max(1, Math.ceil((nowMs - Date.parse(sinceTime)) / 1000)) : undefined);
  const abort = new AbortController();
  response.on("close", () => abort.abort());
  const stream = backend.logs(pod.metadata.namespace!, pod.metadata.name!, container, {
    follow: isTrue(query.get("follow")),
    timestamps: isTrue(query.get("timestamps")),
    previous: isTrue(query.get("previous")),
    ...(tailLines !== undefined && tailLines >= 0 ? { tailLines } : {}),
    ...(sinceSeconds !== undefined && sinceSeconds > 0 ? { sinceSeconds } : {}),
    signal: abort.signal,
  });
  await new Promise<void>((resolve) => {
    response.on("close", resolve);
    // The head waits for the first bytes or the end: an error before them can still be a Status.
    let started = false;
    const start = () => {
      if (started) return;
      started = true;
      response.writeHead(200, { "content-type": "text/plain", "cache-control": "no-cache, private" });
      response.flushHeaders();
    };
    stream.on("error", (error) => {
      if (response.writableEnded) return;
      if (abort.signal.aborted) response.destroy();
      else sendError(response, error);
    });
    stream.on("data", (data: Buffer | string) => {
      start();
      const whole = typeof data === "string" ? Buffer.from(data, "utf8") : data;
      const chunk = whole.subarray(0, bytesLeft);
      bytesLeft -= chunk.length;
      if (bytesLeft <= 0) {
        response.end(chunk);
        abort.abort();
        return;
      }
      if (!response.write(chunk)) {
        stream.pause();
        response.once("drain", () => stream.resume());
      }
    });
    stream.on("end", () => {
      start();
      response.end();
    });
  });
}

/** The container that logs are of when none is named. */
function defaultContainer(pod: KubeObject): string {
  const containers: { name: string }[] = pod.spec?.containers ?? [];
  if (containers.length === 1) return containers[0]!.name;
  const chosen = pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  if (chosen && containers.some((each) => each.name === chosen)) return chosen;
  const names = (list: { name: string }[]) => `[${list.map((each) => each.name).join(" ")}]`;
  const inits: { name: string }[] = pod.spec?.initContainers ?? [];
  throw badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: ${names(containers)}${inits.length > 0 ? ` or one of the init containers: ${names(inits)}` : ""}`,
  );
}

export function noKubelet(): Error {
  return apiError(
    503,
    "ServiceUnavailable",
    "no kubelet is connected to this API server, pods cannot be reached",
  );
}
