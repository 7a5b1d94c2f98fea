import type { Fields } from "../../wire/http1-fields.ts";

/** The ways in which requests carry a trace, in the order in which they are looked for. */
export type TraceStyle = "w3c" | "grpc" | "b3" | "b3-single";

/** Which trace a request belongs to, and the span that it comes from. */
export interface TraceContext {
  readonly style: TraceStyle;
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
  /** Of W3C and gRPC: what is sent on beside the sampled bit. */
  readonly flags: number;
}

/**
 * The trace of a request; undefined when it has none, or one that cannot be read.
 *
 * | header | form |
 * |---|---|
 * | `traceparent` | `00-<trace id>-<span id>-<flags>` (W3C) |
 * | `grpc-trace-bin` | base64 of `00`, `00` trace id, `01` span id, `02` flags (OpenCensus) |
 * | `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled` | hex digits; short ids are filled with zeros (Zipkin) |
 * | `b3` | `<trace id>-<span id>[-<sampled>[-<parent>]]` |
 */
export function readTraceContext(fields: Fields): TraceContext | undefined {
  const traceparent = fields.get("traceparent");
  if (traceparent !== undefined) return readW3c(traceparent);
  const binary = fields.get("grpc-trace-bin");
  if (binary !== undefined) return readGrpc(binary);
  const traceId = fields.get("x-b3-traceid");
  if (traceId !== undefined) {
    return readB3("b3", traceId, fields.get("x-b3-spanid"), fields.get("x-b3-sampled"));
  }
  const [trace, span, sampled] = (fields.get("b3") ?? "").split("-");
  return trace ? readB3("b3-single", trace, span, sampled) : undefined;
}

/** Makes another span the parent of what the request causes, in the style in which it came. */
export function writeTraceContext(fields: Fields, context: TraceContext, spanId: string): void {
  const { style, traceId, isSampled, flags } = context;
  switch (style) {
    case "w3c":
      fields.set("traceparent", `00-${traceId}-${spanId}-${hexByte(flags)}`);
      break;
    case "grpc":
      fields.set("grpc-trace-bin", encodeGrpc(traceId, spanId, flags));
      break;
    case "b3":
      if (fields.has("x-b3-parentspanid")) fields.set("x-b3-parentspanid", context.spanId);
      fields.set("x-b3-spanid", spanId);
      break;
    case "b3-single":
      fields.set("b3", `${traceId}-${spanId}-${isSampled ? 1 : 0}-${context.spanId}`);
      break;
  }
}

const SAMPLED = 1;

function readW3c(text: string): TraceContext | undefined {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text.trim());
  if (!parts) return undefined;
  const [, traceId, spanId, flagText] = parts as unknown as [string, string, string, string];
  const flags = Number.parseInt(flagText, 16);
  return checked({ style: "w3c", traceId, spanId, isSampled: (flags & SAMPLED) !== 0, flags });
}

/**
 *   +----+----+----------+----+---------+----+-------+
 *   | 00 | 00 | trace id | 01 | span id | 02 | flags |     1 + 1 + 16 + 1 + 8 + 1 + 1 bytes
 *   +----+----+----------+----+---------+----+-------+
 */
const GRPC_BYTES = 29;

function readGrpc(text: string): TraceContext | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length < GRPC_BYTES || bytes[0] !== 0 || bytes[1] !== 0 || bytes[18] !== 1 || bytes[27] !== 2) {
    return undefined;
  }
  const flags = bytes[28]!;
  return checked({
    style: "grpc",
    traceId: bytes.toString("hex", 2, 18),
    spanId: bytes.toString("hex", 19, 27),
    isSampled: (flags & SAMPLED) !== 0,
    flags,
  });
}

function encodeGrpc(traceId: string, spanId: string, flags: number): string {
  const bytes = Buffer.alloc(GRPC_BYTES);
  bytes.write(traceId, 2, "hex");
  bytes[18] = 1;
  bytes.write(spanId, 19, "hex");
  bytes[27] = 2;
  bytes[28] = flags;
  return bytes.toString("base64");
}

function readB3(
  style: "b3" | "b3-single",
  traceText: string,
  spanText: string | undefined,
  sampledText: string | undefined,
): TraceContext | undefined {
  const traceId = padded(traceText, 32);
  const spanId = padded(spanText ?? "", 16);
  if (traceId === undefined || spanId === undefined) return undefined;
  // `d`: for debugging, which is sampled too.
  const isSampled = sampledText === "1" || sampledText === "d";
  return checked({ style, traceId, spanId, isSampled, flags: isSampled ? SAMPLED : 0 });
}

function padded(text: string, digits: number): string | undefined {
  const hex = text.trim().toLowerCase();
  return hex.length <= digits && /^[0-9a-f]+$/.test(hex) ? hex.padStart(digits, "0") : undefined;
}

/** Ids of zeros alone mean that there is none. */
function checked(context: TraceContext): TraceContext | undefined {
  return /^0+$/.test(context.traceId) || /^0+$/.test(context.spanId) ? undefined : context;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
