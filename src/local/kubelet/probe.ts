import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { joinHostPort } from "../../base/ip.ts";
import type { HandlerSpec } from "./pod-spec.ts";
import { spawnProcess } from "./process.ts";

export interface ProbeResult {
  readonly ok: boolean;
  /** Why not, in the words of `kubectl describe`. */
  readonly message: string;
}

export interface ProbeTarget {
  /** The pod's public address: a meshed pod's port goes through its proxy there. */
  readonly host: string;
  /** Source of the dials: the node, as with a real kubelet. */
  readonly sourceHost: string;
  readonly resolvePort: (port: number | string) => number | undefined;
  readonly exec: {
    /** The command with meshctl's own name and mount paths resolved. */
    readonly argvOf: (command: readonly string[]) => readonly string[];
    readonly env: () => Readonly<Record<string, string>>;
    readonly cwd: string;
  };
  readonly clock: Clock;
}

const OK: ProbeResult = { ok: true, message: "" };
const OUTPUT_BYTES_MAX = 1024;

/** One attempt of a probe or a lifecycle hook. Never rejects. */
export async function attemptHandler(
  handler: HandlerSpec,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  if (handler.httpGet) return httpGet(handler.httpGet, target, timeoutMs);
  if (handler.tcpSocket) return tcpSocket(handler.tcpSocket, target, timeoutMs);
  if (handler.exec) return execCommand(handler.exec.command ?? [], target, timeoutMs);
  if (handler.sleep) {
    const { seconds } = handler.sleep;
    await new Promise<void>((resolve) => target.clock.schedule(Math.min(seconds * 1000, timeoutMs), resolve));
    return OK;
  }
  return { ok: false, message: "the local cluster has httpGet, tcpSocket and exec; not gRPC probes" };
}

function httpGet(
  get: NonNullable<HandlerSpec["httpGet"]>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const port = target.resolvePort(get.port);
  if (port === undefined) return Promise.resolve(noPort(get.port));
  const host = get.host || target.host;
  const path = get.path?.startsWith("/") ? get.path : `/${get.path ?? ""}`;
  const isTls = get.scheme === "HTTPS";
  const headers: Record<string, string> = {
    "user-agent": "kube-probe/1.32",
    accept: "*/*",
    connection: "close",
  };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return new Promise((resolve) => {
    const request = (isTls ? httpsRequest : httpRequest)({
      host,
      port,
      path,
      headers,
      agent: false,
      ...(host === target.host ? { localAddress: target.sourceHost } : {}),
      // A kubelet does not verify: the certificate is the application's own affair.
      ...(isTls ? { rejectUnauthorized: false } : {}),
    });
    const timer = target.clock.schedule(timeoutMs, () =>
      request.destroy(new Error("context deadline exceeded")),
    );
    request.once("response", (response) => {
      timer.cancel();
      const status = response.statusCode ?? 0;
      response.resume();
      request.destroy();
      const ok = status >= 200 && status < 400;
      resolve(ok ? OK : { ok, message: `HTTP probe failed with statuscode: ${status}` });
    });
    request.on("error", (error) => {
      timer.cancel();
      const url = `${isTls ? "https" : "http"}://${joinHostPort(host, port)}${path}`;
      resolve({ ok: false, message: `Get "${url}": ${error.message}` });
    });
    request.end();
  });
}

function tcpSocket(
  spec: NonNullable<HandlerSpec["tcpSocket"]>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const port = target.resolvePort(spec.port);
  if (port === undefined) return Promise.resolve(noPort(spec.port));
  const host = spec.host || target.host;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(host === target.host ? { localAddress: target.sourceHost } : {}),
    });
    const timer = target.clock.schedule(timeoutMs, () => socket.destroy(new Error("i/o timeout")));
    const finish = (result: ProbeResult): void => {
      timer.cancel();
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => finish(OK));
    socket.on("error", (error) =>
      finish({ ok: false, message: `dial tcp ${joinHostPort(host, port)}: ${error.message}` }),
    );
  });
}

async function execCommand(
  command: readonly string[],
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  if (command.length === 0) return { ok: false, message: "exec without a command" };
  let output = "";
  const child = spawnProcess({
    argv: target.exec.argvOf(command),
    env: target.exec.env(),
    cwd: target.exec.cwd,
    clock: target.clock,
    onOutput: (_stream, text) => {
      if (output.length < OUTPUT_BYTES_MAX) output += text;
    },
  });
  let isLate = false;
  const timer = target.clock.schedule(timeoutMs, () => {
    isLate = true;
    child.kill();
  });
  const exit = await child.exited;
  timer.cancel();
  if (isLate) return { ok: false, message: `command timed out after ${timeoutMs} ms` };
  if (exit.exitCode === 0) return OK;
  const detail = (exit.startError ?? output.trim()) || "no output";
  return { ok: false, message: `command exited with ${exit.exitCode}: ${detail}` };
}

function noPort(port: number | string): ProbeResult {
  return { ok: false, message: `couldn't find a port named "${port}"` };
}
