import assert from "node:assert/strict";
import { test } from "node:test";
import { renderInvitation } from "../../../src/demo/invitation.ts";

test("the invitation is copyable: the kubeconfig, then commands with what they show", () => {
  assert.deepEqual(
    renderInvitation({ kubeconfigPath: "/tmp/a/kubeconfig", program: "npx meshctl", hasKubectl: true }).split(
      "\n",
    ),
    [
      "",
      "In a second terminal:",
      "",
      "  export KUBECONFIG=/tmp/a/kubeconfig",
      "  npx meshctl stat deploy -n demo     # success rate, requests, latency",
      "  npx meshctl edges deploy -n demo    # who talks to whom, and is it secured?",
      "  npx meshctl tap deploy/web -n demo  # requests as they pass",
      "  npx meshctl top deploy/web -n demo  # the busiest requests",
      "  npx meshctl check                   # is everything as it should be?",
      "  kubectl get pods -n demo",
      "",
      "",
    ],
  );
});

test("a path with blanks is quoted, and without kubectl there is dev get", () => {
  const text = renderInvitation({
    kubeconfigPath: "/tmp/it's here/k",
    program: "meshctl",
    hasKubectl: false,
  });
  assert.match(text, /export KUBECONFIG='\/tmp\/it'\\''s here\/k'\n/);
  assert.match(text, /\n {2}meshctl dev get pods -n demo\n/);
});
