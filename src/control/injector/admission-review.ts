import { MeshError } from "../../base/error.ts";
import type { JsonPatchOperation, KubeObject } from "../../base/kube-object.ts";

/** `AdmissionReview` of admission.k8s.io, v1 or v1beta1; the parts that are read have the same shape. */
export interface AdmissionRequest {
  readonly apiVersion: string;
  readonly uid: string;
  readonly namespace: string;
  readonly operation: string;
  readonly object: KubeObject;
}

const API_VERSIONS: ReadonlySet<unknown> = new Set(["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]);

/** @throws MeshError `INJECTOR_BAD_REVIEW` */
export function parseAdmissionReview(body: Buffer): AdmissionRequest {
  let review: { apiVersion?: unknown; kind?: unknown; request?: Record<string, unknown> };
  try {
    review = JSON.parse(body.toString("utf8")) as typeof review;
  } catch (cause) {
    throw bad("the body is no JSON", cause);
  }
  const { request } = review;
  if (review.kind !== "AdmissionReview" || !API_VERSIONS.has(review.apiVersion)) {
    throw bad(`the body is a ${String(review.apiVersion)} ${String(review.kind)}, not an AdmissionReview`);
  }
  const object = request?.object as KubeObject | null | undefined;
  if (typeof request?.uid !== "string" || !object)
    throw bad("the review has no request.uid or no request.object");
  const kind = request.kind as { kind?: string; version?: string; group?: string } | undefined;
  return {
    apiVersion: review.apiVersion as string,
    uid: request.uid,
    namespace: String(request.namespace ?? object.metadata?.namespace ?? ""),
    operation: String(request.operation ?? ""),
    // Objects of a review may come without their kind; the request then has it.
    object: {
      ...object,
      apiVersion: object.apiVersion ?? apiVersionOf(kind),
      kind: object.kind ?? kind?.kind ?? "",
    },
  };
}

function apiVersionOf(kind: { readonly version?: string; readonly group?: string } | undefined): string {
  const { group = "", version = "v1" } = kind ?? {};
  return group === "" ? version : `${group}/${version}`;
}

/** What an AdmissionReview is answered with. */
export interface AdmissionAnswer {
  /** Set: refused, with this message for whoever applied the object. */
  readonly denied?: string | undefined;
  readonly patch?: readonly JsonPatchOperation[] | undefined;
  readonly warnings?: readonly string[] | undefined;
}

export function encodeAdmissionReview(request: AdmissionRequest, answer: AdmissionAnswer): string {
  const { denied, patch = [], warnings = [] } = answer;
  const response = {
    uid: request.uid,
    allowed: denied === undefined,
    ...(denied !== undefined && { status: { code: 400, reason: "Invalid", message: denied } }),
    ...(patch.length > 0 && {
      patchType: "JSONPatch",
      patch: Buffer.from(JSON.stringify(patch)).toString("base64"),
    }),
    ...(warnings.length > 0 && { warnings }),
  };
  return JSON.stringify({ apiVersion: request.apiVersion, kind: "AdmissionReview", response });
}

function bad(problem: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "user",
    code: "INJECTOR_BAD_REVIEW",
    message: `admission review cannot be read: ${problem}`,
    hint: "only the API server calls this port",
    cause,
  });
}
