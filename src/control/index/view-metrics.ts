import type { Gauge, Registry } from "../../metrics/registry.ts";
import type { Views } from "./view.ts";

const LABELS: Readonly<Record<string, readonly string[]>> = {
  endpoints: ["namespace", "service", "port", "hostname", "nodename", "zone"],
  profile: ["namespace", "profile"],
};

/**
 * What is subscribed to, as metrics: `endpoints_subscribers`, `endpoints_updates`, `endpoints_pods`, `endpoints_exists`,
 * `profile_subscribers`, `profile_updates`. They are of what is in use now: a view that nobody wants any more is in none.
 */
export function countViews(views: Views, registry: Registry): void {
  const gauges = new Map<string, Gauge>();
  const gauge = (family: string, end: string, help: string): void => {
    gauges.set(`${family}_${end}`, registry.gauge(`${family}_${end}`, help, LABELS[family]!));
  };
  for (const family of Object.keys(LABELS)) {
    gauge(family, "subscribers", "Streams that are told of changes");
    gauge(family, "updates", "Changes since the first of these streams began");
  }
  gauge("endpoints", "pods", "Endpoints of the Service's port");
  gauge("endpoints", "exists", "Whether the Service exists");
  registry.onScrape(() => {
    for (const each of gauges.values()) each.clear();
    for (const { subscribers, changes, description } of views.states()) {
      if (!description) continue;
      const { family, labels, gauges: own = {} } = description;
      for (const [end, value] of Object.entries({ subscribers, updates: changes, ...own })) {
        gauges.get(`${family}_${end}`)?.set(value, labels);
      }
    }
  });
}
