import { tryParseGoDuration } from "../../base/duration.ts";
import { MeshError } from "../../base/error.ts";
import type { CoverageLine } from "../../observe/exchange.ts";
import { parseTapQuery, type TapFilter } from "../../observe/tap-filter.ts";
import { type AdminCall, sendText } from "./admin-call.ts";

/**
 * `GET /records?since=30s&limit=100`: exchanges that the ring still holds, oldest first, as JSON lines after one
 * CoverageLine. `since` is a duration back from now, or milliseconds since the epoch; `limit` keeps the newest. The filters of
 * `/tap` apply too.
 */
export async function serveRecords({ response, url, options }: AdminCall): Promise<void> {
  const { version, identity } = options.observability;
  const sinceText = url.searchParams.get("since");
  const sinceMs = sinceText === null ? 0 : parseSince(sinceText, options.clock.now());
  if (sinceMs === undefined) {
    return sendText(
      response,
      400,
      `since "${sinceText}" is neither a duration like 30s nor milliseconds since the epoch\n`,
    );
  }
  const limitText = url.searchParams.get("limit");
  if (limitText !== null && !/^\d{1,9}$/.test(limitText)) {
    return sendText(response, 400, `limit "${limitText}" is not a number\n`);
  }
  const filters = new URLSearchParams(url.searchParams);
  for (const name of ["since", "limit"]) filters.delete(name);
  let filter: TapFilter;
  try {
    filter = parseTapQuery(filters).filter;
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return sendText(response, 400, `${error.message}\n`);
  }
  const limit = limitText === null ? undefined : Number(limitText);
  const answer = await options.observability.readRecords({ sinceMs, limit, filter });
  const coverage: CoverageLine = {
    coverage: {
      fromMs: answer.fromMs,
      toMs: answer.toMs,
      lost: answer.lost,
      proxyVersion: version,
      identity,
    },
  };
  const lines = [coverage, ...answer.exchanges].map((line) => `${JSON.stringify(line)}\n`).join("");
  response.writeHead(200, {
    "content-type": "application/x-ndjson",
    "content-length": Buffer.byteLength(lines),
  });
  response.end(lines);
}

function parseSince(text: string, nowMs: number): number | undefined {
  if (/^\d{5,}$/.test(text)) return Number(text);
  const backMs = tryParseGoDuration(text);
  return backMs === undefined || backMs < 0 ? undefined : nowMs - backMs;
}
