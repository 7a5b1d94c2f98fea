import assert from "node:assert/strict";
import { test } from "node:test";
import { Topics } from "../../../../src/control/index/topics.ts";
import { Views } from "../../../../src/control/index/view.ts";
import { countViews } from "../../../../src/control/index/view-metrics.ts";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import { FakeClock } from "../../../support/clock.ts";

test("views that are in use are metrics, with subscribers and changes, and go with their last subscriber", () => {
  const topics = new Topics();
  const views = new Views(topics);
  const registry = createRegistry({ clock: new FakeClock() });
  countViews(views, registry);
  let pods = 2;
  const spec = {
    isEqual: (left: number, right: number) => left === right,
    describe: (value: number) => ({
      family: "endpoints",
      labels: { namespace: "demo", service: "web", port: "80", hostname: "", nodename: "", zone: "a" },
      gauges: { pods: value, exists: 1 },
    }),
    compute(track: (topic: string) => void) {
      track("service/demo/web");
      return pods;
    },
  };
  const leave = [1, 2].map(() => views.get("web", spec).subscribe(() => {}));
  // One that says nothing about itself.
  views.get("other", { isEqual: Object.is, compute: () => 1 }).subscribe(() => {});
  pods = 5;
  topics.publish("service/demo/web");
  topics.flush();
  const read = () =>
    registry
      .render()
      .split("\n")
      .filter((line) => line.startsWith("endpoints_"));
  const labels = '{namespace="demo",service="web",port="80",hostname="",nodename="",zone="a"}';
  assert.deepEqual(read(), [
    `endpoints_subscribers${labels} 2`,
    `endpoints_updates${labels} 1`,
    `endpoints_pods${labels} 5`,
    `endpoints_exists${labels} 1`,
  ]);
  for (const each of leave) each();
  assert.deepEqual(read(), []);
});
