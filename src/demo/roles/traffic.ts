import { PRODUCT_COUNT } from "./catalog.ts";
import { createHttpClient, type HttpClient } from "./http-client.ts";
import { aborted } from "./http-service.ts";
import { type Role, type RoleInput, serviceAddress } from "./role.ts";
import { WEB_PORT } from "./web.ts";

const IN_FLIGHT_MAX = 64;
const REPORT_MS = 10_000;

/** Sends requests to the front end at a steady rate, however long answers take (up to a limit in flight). */
export const traffic: Role = async (input) => {
  const { env, signal } = input;
  const client = createHttpClient("web", serviceAddress(env, "web", WEB_PORT));
  const generator = startTraffic(input, client);
  await aborted(signal);
  generator.stop();
  client.close();
};

/** The generator apart from its sockets: one request each 1/rate seconds by the clock. */
export function startTraffic(
  { clock, random, log, settings }: Pick<RoleInput, "clock" | "random" | "log" | "settings">,
  client: HttpClient,
): { stop(): void } {
  const intervalMs = 1000 / settings.rate;
  const seen = { answered: 0, failed: 0, skipped: 0 };
  let inFlight = 0;
  let sequence = 0;
  let lastError: string | undefined;

  const sendOne = () => {
    if (inFlight >= IN_FLIGHT_MAX) {
      seen.skipped++;
      return;
    }
    const { method, path } = pick(random);
    inFlight++;
    client
      .send(method, path, { requestId: `demo-${++sequence}` })
      .then(({ status }) => {
        if (status < 500) seen.answered++;
        else seen.failed++;
      })
      .catch((error: Error) => {
        seen.failed++;
        lastError = error.message;
      })
      .finally(() => inFlight--);
  };

  let dueMs = clock.monotonic();
  let timer = clock.schedule(0, function tick() {
    // By due time, not from now: lateness does not lower the rate, but a long pause is not made up for.
    const nowMs = clock.monotonic();
    if (nowMs - dueMs > 1000) dueMs = nowMs;
    for (; dueMs <= nowMs; dueMs += intervalMs) sendOne();
    timer = clock.schedule(dueMs - nowMs, tick);
  });
  let reportTimer = clock.schedule(REPORT_MS, function report() {
    log.info("traffic", { ...seen, inFlight, lastError });
    lastError = undefined;
    reportTimer = clock.schedule(REPORT_MS, report);
  });
  return {
    stop() {
      timer.cancel();
      reportTimer.cancel();
    },
  };
}

/** Six of ten requests look, three look closer, one buys. */
function pick(random: () => number): { method: string; path: string } {
  const dice = random();
  if (dice < 0.6) return { method: "GET", path: "/" };
  if (dice < 0.9) return { method: "GET", path: `/products/${1 + Math.floor(random() * PRODUCT_COUNT)}` };
  return { method: "POST", path: "/checkout" };
}
