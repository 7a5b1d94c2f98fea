import assert from "node:assert/strict";
import { test } from "node:test";
import { podTrouble } from "../../../src/check/pod-state.ts";

const pod = (status: Record<string, unknown>) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  status,
});
const waiting = (name: string, reason: string, message = "", said?: string) => ({
  name,
  ready: false,
  state: { waiting: { reason, message } },
  ...(said === undefined
    ? {}
    : { lastState: { terminated: { reason: "Error", exitCode: 1, message: said } } }),
});

test("a pod's trouble is its first container that does not run, not those that wait for it", () => {
  const trouble = podTrouble(
    pod({
      initContainerStatuses: [
        { name: "done", state: { terminated: { reason: "Completed", exitCode: 0 } } },
        waiting("meshctl-init", "ImagePullBackOff", "Back-off pulling image"),
      ],
      containerStatuses: [waiting("app", "PodInitializing")],
    }),
  );
  assert.deepEqual(trouble, {
    text: "container meshctl-init: ImagePullBackOff: Back-off pulling image",
    anchor: "image-pull",
    certain: true,
  });
});

test("a pod's trouble quotes the line that calls itself an error, not the end of a stack", () => {
  const said =
    "node:events:505\n    throw er;\n\nError: listen EADDRINUSE: address already in use :::4191\n    at x\n\nNode.js v26\n";
  const trouble = podTrouble(
    pod({ containerStatuses: [waiting("app", "CrashLoopBackOff", "back-off 10s", said)] }),
  );
  assert.equal(
    trouble.text,
    "container app: CrashLoopBackOff: back-off 10s: Error: listen EADDRINUSE: address already in use :::4191",
  );
  assert.equal(trouble.certain, true);
});

test("a pod without a reason may only need time", () => {
  const starting = podTrouble(
    pod({ phase: "Running", containerStatuses: [{ name: "app", ready: false, state: {} }] }),
  );
  assert.deepEqual(starting, {
    text: "phase Running, container app is not ready",
    anchor: undefined,
    certain: false,
  });
  assert.equal(podTrouble(pod({ containerStatuses: [waiting("app", "ContainerCreating")] })).certain, false);
  const unscheduled = podTrouble(
    pod({
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes fit" }],
    }),
  );
  assert.equal(unscheduled.text, "not scheduled: 0/1 nodes fit");
});
