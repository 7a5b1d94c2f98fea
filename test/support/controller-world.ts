import type { KubeObject } from "../../src/base/kube-object.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Controller, ControllerContext } from "../../src/local/controllers/controller.ts";
import { createEventRecorder } from "../../src/local/controllers/events.ts";
import { EVENTS, PODS } from "../../src/local/resources.ts";
import { FakeClock } from "./clock.ts";
import { MemoryObjects } from "./memory-objects.ts";

/** Objects in memory, a clock that is set by hand, and the pods' states in the test's hands: what a controller sees of a cluster. */
export class ControllerWorld {
  readonly clock = new FakeClock();
  readonly objects = new MemoryObjects(() => this.clock.now());
  readonly context: ControllerContext = {
    objects: this.objects,
    clock: this.clock,
    log: silentLogger,
    events: createEventRecorder({
      objects: this.objects,
      clock: this.clock,
      log: silentLogger,
      component: "test",
    }),
  };
  readonly #running: Controller[] = [];

  run(controller: Controller): void {
    this.#running.push(controller);
  }

  stop(): void {
    for (const controller of this.#running) controller.stop();
  }

  /** Pods that are not leaving, by name. */
  pods(): KubeObject[] {
    return this.objects
      .list(PODS, "demo")
      .filter((pod) => !pod.metadata.deletionTimestamp)
      .sort((left, right) => (left.metadata.name! < right.metadata.name! ? -1 : 1));
  }

  podNames(): string[] {
    return this.pods().map((pod) => pod.metadata.name!);
  }

  reasons(): string[] {
    return this.objects.list(EVENTS, "demo").map((event) => event.reason);
  }

  async makeReady(pod: KubeObject): Promise<void> {
    const lastTransitionTime = new Date(this.clock.now()).toISOString();
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
    await this.#setStatus(pod, { phase: "Running", conditions });
  }

  async finish(pod: KubeObject, phase: "Succeeded" | "Failed"): Promise<void> {
    const finishedAt = new Date(this.clock.now()).toISOString();
    await this.#setStatus(pod, {
      phase,
      conditions: [{ type: "Ready", status: "False" }],
      containerStatuses: [{ name: "app", restartCount: 0, state: { terminated: { finishedAt } } }],
    });
  }

  async #setStatus(pod: KubeObject, status: object): Promise<void> {
    // A pod that no node has is gone as soon as it is deleted.
    await this.objects.mergePatch(PODS, "demo", pod.metadata.name!, { spec: { nodeName: "local" } });
    await this.objects.mergePatch(PODS, "demo", pod.metadata.name!, { status }, "status");
  }

  /** A pod's processes are gone: what is marked for deletion goes. */
  async bury(): Promise<void> {
    for (const pod of this.objects.list(PODS, "demo")) {
      if (pod.metadata.deletionTimestamp) {
        await this.objects.delete(PODS, "demo", pod.metadata.name!, { gracePeriodSeconds: 0 });
      }
    }
  }
}
