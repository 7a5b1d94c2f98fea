import { MeshError } from "../base/error.ts";
import { parseStatusRange } from "../observe/tap-filter.ts";
import { parseOneSelection, type Selection } from "./selector.ts";
import type { PeerSelection } from "./stat.ts";

/** What tap and top ask of proxies. */
export interface TapQuery {
  readonly selection: Selection;
  readonly namespace: string;
  readonly to: PeerSelection | undefined;
  /** 0: no limit. */
  readonly maxRps: number;
  readonly method: string | undefined;
  readonly authority: string | undefined;
  readonly path: string | undefined;
  readonly labelSelector: string | undefined;
  readonly headers: boolean;
  /** `404`, `5xx` or `500-503`: requests that ended so. */
  readonly status?: string | undefined;
  /** Requests whose response took longer to begin. */
  readonly slowerThanMs?: number | undefined;
}

/** The command line of `tap` or `top`, as typed. */
export interface TapInput {
  readonly args: readonly string[];
  readonly namespace: string | undefined;
  readonly contextNamespace: string;
  readonly to: string | undefined;
  readonly toNamespace: string | undefined;
  readonly maxRps: number;
  readonly scheme: string | undefined;
  readonly method: string | undefined;
  readonly authority: string | undefined;
  readonly path: string | undefined;
  readonly labelSelector: string | undefined;
  readonly headers: boolean;
  readonly status?: string | undefined;
  readonly slowerThanMs?: number | undefined;
}

/**
 * What a line of `tap` or `top` says, by the flags that both have.
 *
 * @param contextNamespace where `-n` points when it was not given
 * @throws MeshError as `parseTapQuery`
 */
export function readTapLine(
  options: Readonly<Record<string, unknown>>,
  args: readonly string[],
  contextNamespace: string,
  headers: boolean,
): TapQuery {
  const text = (key: string) => options[key] as string | undefined;
  return parseTapQuery({
    args,
    namespace: text("namespace"),
    contextNamespace,
    to: text("to"),
    toNamespace: text("toNamespace"),
    maxRps: options.maxRps as number,
    scheme: text("scheme"),
    method: text("method"),
    authority: text("authority"),
    path: text("path"),
    labelSelector: text("selector"),
    headers,
    status: text("status"),
    slowerThanMs: options.slowerThan as number | undefined,
  });
}

/**
 * What a command line of `tap` or `top` asks for.
 *
 * @throws MeshError `TAP_RESOURCE`, `TAP_FLAGS`, and the selector's own
 */
export function parseTapQuery(input: TapInput): TapQuery {
  const selection = parseOneSelection(input.args);
  const { role } = selection.kind;
  if (role === "service" || role === "policy" || role === "other") {
    throw unsupported(selection, "cj, ds, deploy, job, ns, po, rs, rc or sts");
  }
  if (input.scheme === "https") {
    // Proxies see requests after TLS between them has ended, and never those of the application's own TLS.
    throw new MeshError({
      kind: "usage",
      code: "TAP_FLAGS",
      message: "no request has the scheme https: what the application encrypts itself is not seen",
      hint: "leave out --scheme",
    });
  }
  if (!(input.maxRps >= 0)) {
    throw new MeshError({
      kind: "usage",
      code: "TAP_FLAGS",
      message: `--max-rps ${input.maxRps} is below 0`,
      hint: "0 sets no limit",
    });
  }
  // Refused here, in the words of the command line, and not by each proxy.
  if (input.status !== undefined) parseStatusRange(input.status);
  const namespace = input.namespace ?? input.contextNamespace;
  if (input.to === undefined && input.toNamespace !== undefined) {
    throw new MeshError({
      kind: "usage",
      code: "TAP_FLAGS",
      message: "--to-namespace needs --to",
      hint: "add --to deploy/web",
    });
  }
  let to: PeerSelection | undefined;
  if (input.to !== undefined) {
    const peer = parseOneSelection(input.to.trim().split(/\s+/));
    if (peer.kind.role === "policy" || peer.kind.role === "other")
      throw unsupported(peer, "a workload, po, ns or svc");
    to = { selection: peer, namespace: input.toNamespace ?? namespace };
  }
  return {
    selection,
    namespace,
    to,
    maxRps: input.maxRps,
    method: input.method?.toUpperCase(),
    authority: input.authority,
    path: input.path,
    labelSelector: input.labelSelector,
    headers: input.headers,
    status: input.status,
    slowerThanMs: input.slowerThanMs,
  };
}

function unsupported(selection: Selection, supported: string): MeshError {
  return new MeshError({
    kind: "usage",
    code: "TAP_RESOURCE",
    message: `unsupported resource type [${selection.kind.name}]`,
    hint: `use ${supported}`,
  });
}
