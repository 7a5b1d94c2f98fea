import { MeshError, toMeshError } from "../../base/error.ts";

/** `Status` of meta/v1: what every failed request answers with, and what kubectl prints. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  /** Kubernetes leaves it out when something was deleted. */
  readonly code?: number;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly StatusCause[];
}

/** One wrong field. `reason` is Kubernetes' word (`FieldValueRequired`, ...). */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

/** What an error needs to know of the resource it is about. */
export interface Named {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

const CODE_OF_REASON: Readonly<Record<string, string>> = {
  NotFound: "KUBE_NOT_FOUND",
  Conflict: "KUBE_CONFLICT",
  AlreadyExists: "KUBE_ALREADY_EXISTS",
  Invalid: "KUBE_INVALID",
  BadRequest: "KUBE_INVALID",
  Forbidden: "KUBE_FORBIDDEN",
  Unauthorized: "KUBE_UNAUTHORIZED",
};

/** A failure as a MeshError whose cause is the `Status`. */
export function apiError(code: number, reason: string, message: string, details?: StatusDetails): MeshError {
  const status: FailureStatus = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details ? { details: withoutEmpty(details) } : {}),
    code,
  };
  return new MeshError({
    kind: "environment",
    code: CODE_OF_REASON[reason] ?? "KUBE_STATUS",
    message,
    cause: status,
  });
}

/** What has no name is not named: the core group, an object that is none yet. */
function withoutEmpty(details: StatusDetails): StatusDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== ""));
}

/** `pods`, or `deployments.apps`: how messages name a resource. */
export function qualified(resource: { readonly group: string; readonly plural: string }): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}

export function notFound(resource: Named, name: string): MeshError {
  return apiError(404, "NotFound", `${qualified(resource)} "${name}" not found`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

export function alreadyExists(resource: Named, name: string): MeshError {
  return apiError(409, "AlreadyExists", `${qualified(resource)} "${name}" already exists`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

export function conflict(resource: Named, name: string, why: string): MeshError {
  return apiError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    {
      name,
      group: resource.group,
      kind: resource.plural,
    },
  );
}

/** The write that loses against another one. */
export function staleConflict(resource: Named, name: string): MeshError {
  return conflict(
    resource,
    name,
    "the object has been modified; please apply your changes to the latest version and try again",
  );
}

export function badRequest(message: string): MeshError {
  return apiError(400, "BadRequest", message);
}

/** A patch that is well-formed but does not apply. Kubernetes keeps what is wrong to itself. */
export function unprocessable(): MeshError {
  return apiError(422, "Invalid", "the server rejected our request due to an error in our request", {});
}

export function forbidden(resource: Named | undefined, name: string, why: string): MeshError {
  const what = resource ? `${qualified(resource)}${name ? ` "${name}"` : ""} is forbidden: ${why}` : why;
  return apiError(403, "Forbidden", what, {
    ...(name ? { name } : {}),
    ...(resource ? { group: resource.group, kind: resource.plural } : {}),
  });
}

/** 422 with one cause a wrong field, worded as Kubernetes words it. */
export function invalid(resource: Named, name: string, causes: readonly StatusCause[]): MeshError {
  const lines = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const text = lines.length === 1 ? lines[0]! : `[${lines.join(", ")}]`;
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  return apiError(422, "Invalid", `${kind} "${name}" is invalid: ${text}`, {
    name,
    group: resource.group,
    kind: resource.kind,
    causes,
  });
}

export function methodNotAllowed(): MeshError {
  return apiError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

/** A version that no write has had yet. */
export function versionTooLarge(wanted: number, current: number): MeshError {
  return apiError(504, "Timeout", `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

export function expired(requested: number, oldest: number): MeshError {
  return apiError(410, "Expired", `too old resource version: ${requested} (${oldest})`);
}

/** The unknown path, in Kubernetes' words. */
export function unknownPath(): MeshError {
  return apiError(404, "NotFound", "the server could not find the requested resource", {});
}

const STATUS_OF_CODE: Readonly<Record<string, readonly [code: number, reason: string]>> = {
  KUBE_NOT_FOUND: [404, "NotFound"],
  KUBE_INVALID: [422, "Invalid"],
  KUBE_CONFLICT: [409, "Conflict"],
  KUBE_ALREADY_EXISTS: [409, "AlreadyExists"],
  POD_NOT_STARTED: [400, "BadRequest"],
};

export interface FailureStatus extends Status {
  readonly code: number;
}

/** The `Status` of whatever was thrown; junk is an internal error. */
export function statusOf(caught: unknown): FailureStatus {
  const error = toMeshError(caught);
  const cause = error.cause as FailureStatus | undefined;
  if (cause?.kind === "Status") return cause;
  // Errors of other parts (network, kubelet) come without a Status.
  const known = STATUS_OF_CODE[error.code];
  if (known) return apiErrorStatus(known[0], known[1], error);
  if (error.kind === "bug") return apiErrorStatus(500, "InternalError", error);
  return apiErrorStatus(503, "ServiceUnavailable", error);
}

function apiErrorStatus(code: number, reason: string, error: MeshError): FailureStatus {
  const message = error.hint ? `${error.message} (${error.hint})` : error.message;
  return apiError(code, reason, message).cause as FailureStatus;
}
