import { HTTP1_TARGETS } from "./http1.ts";
import { HTTP2_TARGETS } from "./http2.ts";
import type { FuzzTarget } from "./target.ts";
import { TLS_TARGETS } from "./tls.ts";

/** Everything that reads bytes of strangers. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [...HTTP1_TARGETS, ...HTTP2_TARGETS, ...TLS_TARGETS];
