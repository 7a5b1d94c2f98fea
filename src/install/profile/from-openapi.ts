import { parse } from "yaml";
import { MeshError } from "../../base/error.ts";
import { type ProfileRoute, quoteRegex, type ResponseClass } from "./service-profile.ts";

const METHODS = ["delete", "get", "head", "options", "patch", "post", "put"] as const;

/** What is read of an operation. Linkerd's names for the extensions are read too. */
interface Operation {
  readonly responses?: Readonly<Record<string, unknown>>;
  readonly "x-meshctl-retryable"?: boolean;
  readonly "x-linkerd-retryable"?: boolean;
  readonly "x-meshctl-timeout"?: string;
  readonly "x-linkerd-timeout"?: string;
}

interface Document {
  readonly swagger?: string;
  readonly openapi?: string;
  readonly basePath?: string;
  readonly servers?: readonly { readonly url?: string }[];
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation | undefined>> | null>>;
}

/**
 * Routes of an OpenAPI document, version 2 (Swagger) or 3, in YAML or JSON: one for each method of each path, in the order of paths.
 *
 * @throws MeshError `PROFILE_OPENAPI`
 */
export function routesFromOpenApi(text: string, source: string): ProfileRoute[] {
  const document = readDocument(text, source);
  const base = basePath(document);
  return Object.entries(document.paths ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item?.[method];
        return operation ? [routeOf(method.toUpperCase(), joinPaths(base, path), operation)] : [];
      }),
    );
}

function readDocument(text: string, source: string): Document {
  const fail = (message: string, cause?: unknown): never => {
    throw new MeshError({
      kind: "user",
      code: "PROFILE_OPENAPI",
      message: `${source} ${message}`,
      hint: "give an OpenAPI document of version 2 or 3, in YAML or JSON",
      cause,
    });
  };
  let document: Document | null;
  try {
    document = parse(text);
  } catch (cause) {
    return fail(`cannot be parsed: ${(cause as Error).message.split("\n")[0]}`, cause);
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return fail("is no OpenAPI document");
  }
  if (document.swagger === undefined && document.openapi === undefined) {
    return fail('says neither "swagger" nor "openapi"');
  }
  return document;
}

/** Version 2 says it alone, version 3 within the address of its first server, which may be relative. */
function basePath({ basePath: path, servers }: Document): string {
  if (path !== undefined) return path;
  const url = servers?.[0]?.url ?? "";
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
}

/** As Go's path.Join: one slash between, none at the end. */
function joinPaths(base: string, path: string): string {
  const joined = `/${base}/${path}`.replace(/\/+/g, "/");
  return joined.length > 1 ? joined.replace(/\/$/, "") : joined;
}

function routeOf(method: string, path: string, operation: Operation): ProfileRoute {
  const isRetryable = operation["x-meshctl-retryable"] ?? operation["x-linkerd-retryable"];
  const timeout = operation["x-meshctl-timeout"] ?? operation["x-linkerd-timeout"];
  const responseClasses = Object.keys(operation.responses ?? {})
    .flatMap((status) => responseClass(status) ?? [])
    .sort((a, b) => a.condition.status.min - b.condition.status.min);
  return {
    name: `${method} ${path}`,
    // Parameters are quoted with the rest, and then become what may stand there.
    condition: { method, pathRegex: quoteRegex(path).replace(/\\\{[^}]*\\\}/g, "[^/]*") },
    ...(isRetryable === true ? { isRetryable } : {}),
    ...(timeout === undefined ? {} : { timeout: String(timeout) }),
    ...(responseClasses.length === 0 ? {} : { responseClasses }),
  };
}

/** `200`, or in version 3 `5XX`; `default` says nothing about which. */
function responseClass(status: string): ResponseClass | undefined {
  const range = /^([1-5])XX$/i.exec(status);
  const min = range ? Number(range[1]) * 100 : /^\d{3}$/.test(status) ? Number(status) : undefined;
  if (min === undefined) return undefined;
  const condition = { status: { min, max: range ? min + 99 : min } };
  return min >= 500 ? { condition, isFailure: true } : { condition };
}
