import { tryParseGoDuration, tryParseProxyDuration } from "../../base/duration.ts";
import { type AdminCall, sendJson, sendText } from "./admin-call.ts";

const WINDOW_DEFAULT_MS = 60_000;

/** `GET /stats?window=60s`: a StatsReply of the last full seconds, 10 minutes at most. */
export async function serveStats({ response, url, options }: AdminCall): Promise<void> {
  const text = url.searchParams.get("window");
  const windowMs =
    text === null ? WINDOW_DEFAULT_MS : (tryParseGoDuration(text) ?? tryParseProxyDuration(text));
  if (windowMs === undefined || windowMs < 1000) {
    return sendText(response, 400, `window "${text}" is not a duration of at least 1s, like 60s\n`);
  }
  sendJson(response, 200, await options.observability.readStats(windowMs));
}
