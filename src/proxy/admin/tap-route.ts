import { MeshError } from "../../base/error.ts";
import type { CoverageLine } from "../../observe/exchange.ts";
import { parseTapQuery, type TapRequest } from "../../observe/tap-filter.ts";
import { type AdminCall, sendText } from "./admin-call.ts";

/** Bytes that may wait for a slow reader beyond the socket's own buffer; lines after that are lost and counted. */
const BACKLOG_BYTES_MAX = 256 * 1024;
const COVERAGE_EVERY_MS = 1000;
/** Taps at once: each costs work for every request. */
const TAPS_MAX = 16;

/**
 * `GET /tap?...` (parameters: tap-filter.ts): JSON lines until the client leaves. First a CoverageLine, then a TapLine for each
 * transition. Another CoverageLine follows within a second whenever lines were lost, with how many.
 */
export function serveTap({ response, url, options }: AdminCall) {
  const { tap, version, identity } = options.observability;
  const { clock } = options;
  if (tap.count >= TAPS_MAX) return sendText(response, 503, `${TAPS_MAX} taps are listening already\n`);
  let tapRequest: TapRequest;
  try {
    tapRequest = parseTapQuery(url.searchParams);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return sendText(response, 400, `${error.message}${error.hint ? `: ${error.hint}` : ""}\n`);
  }

  let fromMs = clock.now();
  const coverage = (lost: number): string => {
    const toMs = clock.now();
    const line: CoverageLine = { coverage: { fromMs, toMs, lost, proxyVersion: version, identity } };
    fromMs = toMs;
    return `${JSON.stringify(line)}\n`;
  };

  response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
  response.write(coverage(0));
  // Lines of one turn of the event loop leave in one write.
  let pending = "";
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    if (pending !== "" && !response.destroyed) response.write(pending);
    pending = "";
  };
  const handle = tap.subscribe({
    request: tapRequest,
    write(line) {
      if (response.writableLength + pending.length > BACKLOG_BYTES_MAX) return false;
      pending += `${JSON.stringify(line)}\n`;
      if (!scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
      return true;
    },
  });
  let owed = 0;
  const report = (): void => {
    owed += handle.takeLost();
    if (owed > 0 && response.writableLength <= BACKLOG_BYTES_MAX) {
      flush();
      response.write(coverage(owed));
      owed = 0;
    }
    timer = clock.schedule(COVERAGE_EVERY_MS, report);
  };
  let timer = clock.schedule(COVERAGE_EVERY_MS, report);
  response.once("close", () => {
    handle.close();
    timer.cancel();
  });
}
