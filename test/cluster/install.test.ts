/** The README's way in: check, install, check. */
import assert from "node:assert/strict";
import { claim } from "./support/claims.ts";
import {
  kubectl,
  kubectlJson,
  MESH_IMAGE,
  MESH_IS_SHARED,
  meshctl,
  meshctlToKubectl,
  rolledOut,
} from "./support/cluster.ts";

const skip = MESH_IS_SHARED;

claim(
  "the cluster is found fit before anything is installed",
  async () => {
    const { stdout } = await meshctl(["check", "--pre"]);
    assert.match(stdout, /Status check results are √\s*$/);
  },
  { skip },
);

claim(
  "install piped into kubectl brings up a control plane, and its rollout ends",
  async (t) => {
    const startMs = performance.now();
    await meshctlToKubectl(["install", "--image", MESH_IMAGE], ["apply"]);
    await rolledOut("meshctl", "deploy/meshctl-identity", "deploy/meshctl-controller");
    t.diagnostic(`installed and ready after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  },
  { skip },
);

claim(
  "check finds nothing wrong with it",
  async () => {
    const { stdout } = await meshctl(["check"]);
    assert.match(stdout, /Status check results are √\s*$/);
  },
  { skip },
);

claim(
  "the webhook's certificate is trusted: a pod can be created without warnings, with failures not ignored",
  async () => {
    const { webhooks } = await kubectlJson<{ webhooks: { failurePolicy: string }[] }>([
      "get",
      "mutatingwebhookconfiguration",
      "meshctl-injector-webhook-config",
    ]);
    assert.deepEqual(
      webhooks.map(({ failurePolicy }) => failurePolicy),
      ["Ignore"],
    );
    const { stderr } = await kubectl(["run", "x", "--image=x", "--dry-run=server", "-n", "default"]);
    assert.equal(stderr, "");
  },
  { skip },
);

claim(
  "a second install is refused, because trust would be replaced under running pods",
  async () => {
    const { stdout, stderr } = await meshctl(["install", "--image", MESH_IMAGE], { expectExit: 1 });
    assert.equal(stdout, "");
    assert.match(stderr, /error: .*(install|exist)/i);
  },
  { skip },
);

claim(
  "the control plane runs in a namespace that enforces Pod Security restricted",
  async () => {
    const { metadata } = await kubectlJson<{ metadata: { labels: Record<string, string> } }>([
      "get",
      "namespace",
      "meshctl",
    ]);
    assert.equal(metadata.labels["pod-security.kubernetes.io/enforce"], "restricted");
  },
  { skip },
);
