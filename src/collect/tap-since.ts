import type { KubeClient } from "../kube/client.ts";
import { readTapRecords, streamTap, type TapEvent, type TapTargets } from "./tap.ts";

/** Events that may come while records are read; the oldest go when there are more. */
const HELD_MAX = 10_000;

export interface TapHandlers {
  readonly onEvent: (event: TapEvent) => void;
  readonly onNotice: (text: string) => void;
}

/**
 * Tells what the proxies remember of the last `sinceMs`, and then what comes, without a gap or a repetition between.
 *
 *   streams start -> their events are held
 *   records are read and told
 *   held events that were not among them are told -> from here on events are told as they come
 *
 * @throws MeshError as `streamTap` and `readTapRecords`
 */
export async function tapSinceThenFollow(
  kube: KubeClient,
  targets: TapTargets,
  sinceMs: number,
  handlers: TapHandlers,
  signal: AbortSignal,
): Promise<void> {
  const held: TapEvent[] = [];
  let lost = 0;
  let isLive = false;
  const stop = new AbortController();
  const streams = streamTap(
    kube,
    targets,
    {
      onEvent(event) {
        if (isLive) return handlers.onEvent(event);
        held.push(event);
        if (held.length > HELD_MAX) {
          held.shift();
          lost++;
        }
      },
      onNotice: handlers.onNotice,
    },
    AbortSignal.any([signal, stop.signal]),
  );
  // Its failure is told when it is awaited.
  streams.catch(() => {});
  try {
    const { events, notices } = await readTapRecords(kube, targets, sinceMs, signal);
    const told = new Set(events.map(keyOf));
    for (const event of events) handlers.onEvent(event);
    for (const notice of notices) handlers.onNotice(notice);
    if (lost > 0) handlers.onNotice(`${lost} not shown: they came while the past was read`);
    for (const event of held) if (!told.has(keyOf(event))) handlers.onEvent(event);
    isLive = true;
    await streams;
  } finally {
    stop.abort();
  }
}

function keyOf({ podIndex, line }: TapEvent): string {
  return `${podIndex}:${line.exchange.id}:${line.event}`;
}
