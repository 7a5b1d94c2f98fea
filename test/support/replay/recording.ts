import { readFileSync } from "node:fs";
import type { KubeObject } from "../../../src/base/kube-object.ts";

// biome-ignore lint/suspicious/noExplicitAny: any JSON
export type Json = any;

/** One request to an API server and its answer. */
export interface Exchange {
  /** The step of the session that caused it. */
  readonly step: string;
  /** When it was answered (ISO time): what ages in tables were computed from. */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  /** With its `?`; "" when there is none. */
  readonly query: string;
  readonly accept?: string;
  readonly contentType?: string;
  /** Impersonated user. */
  readonly as?: string;
  /** Parsed JSON, else text. */
  readonly body?: Json;
  /** A body in protobuf. */
  readonly bodyBase64?: string;
  readonly status: number;
  /** Content type of the answer. */
  readonly type: string;
  /** Parsed JSON; an array of events for a watch; text otherwise. */
  readonly answer?: Json;
  /** The full objects behind an answer that shows them in part (a Table, metadata only), read right after it. */
  readonly objects?: readonly KubeObject[];
}

/** What a step printed. */
export interface StepOutput {
  readonly step: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A file of exchanges, one a line. */
export function readRecording(file: string | URL): Exchange[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Exchange);
}

export function isWatch(exchange: Pick<Exchange, "query">): boolean {
  const value = new URLSearchParams(exchange.query).get("watch");
  return value !== null && value !== "false" && value !== "0";
}

/** JSON where the text is JSON, else the text. */
export function parseMaybe(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
