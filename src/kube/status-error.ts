/** The API server's own words for a failure: HTTP status and the `Status` object. It is the `cause` of the MeshErrors of `KubeClient`. */
export class KubeStatusError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** `NotFound`, `AlreadyExists`, `Conflict`, ...; "" when the answer was no `Status`. */
  readonly reason: string;
  /** The whole `Status`, or undefined when the answer was something else. */
  readonly body: KubeStatus | undefined;

  constructor(status: number, message: string, body: KubeStatus | undefined) {
    super(message);
    this.name = "KubeStatusError";
    this.status = status;
    this.reason = body?.reason ?? "";
    this.body = body;
  }
}

/** `Status` of meta/v1, as far as it is read. */
export interface KubeStatus {
  readonly kind: "Status";
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
    readonly retryAfterSeconds?: number;
  };
}

/** Reads a non-2xx answer. Text that is no `Status` becomes the message, cut to 300 characters. */
export function readStatusError(status: number, body: Buffer): KubeStatusError {
  const text = body.toString("utf8").trim();
  const parsed = tryParseStatus(text);
  const message = parsed?.message ?? (text === "" ? `HTTP ${status}` : text.slice(0, 300));
  return new KubeStatusError(status, message, parsed);
}

function tryParseStatus(text: string): KubeStatus | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(text) as { kind?: unknown };
    return value.kind === "Status" ? (value as KubeStatus) : undefined;
  } catch {
    return undefined;
  }
}
